"""Names that scripts import from here; they live in `crosslevel.images.preprocess`."""

from crosslevel.images.preprocess import normalise, resize_image, resize_mask

__all__ = ["normalise", "resize_image", "resize_mask"]
