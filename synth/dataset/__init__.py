"""The image dataset on disk: writing, drawing its ground truth, licences of its parts."""
