"""From a folder to batches: reading, layouts, checks, splits, cache, augmentation."""
