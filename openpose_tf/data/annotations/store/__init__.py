"""Where the annotations of an image dataset lie: files of one image, or packs of a thousand."""
