"""A trained segmenter in the formats of other runtimes."""
