"""A trained segmenter in use: images in, masks out."""
