"""A trained segmenter scored on masks."""
