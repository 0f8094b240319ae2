"""From images to people: decoder, multi-scale prediction, SavedModel, result files, drawing."""
