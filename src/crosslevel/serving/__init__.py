"""A trained segmenter that other programs call: the server, its guards, and what it answers."""
