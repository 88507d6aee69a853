"""Methods compared on one data set, and the demo."""
