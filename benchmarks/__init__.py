"""Speed and memory against plain implementations of the same, side by side in one run."""
