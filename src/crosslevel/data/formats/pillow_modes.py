"""What Pillow's images become: RGB of 8 bits, upright."""

from __future__ import annotations

import numpy as np
from PIL import ExifTags, Image

from crosslevel.data.formats.picture import Pixels

_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def as_rgb(image: Image.Image) -> Image.Image:
    """RGB of 8 bits; `image` itself if that is what it holds, since a large one costs memory.

    Transparency is flattened on black.
    """
    if image.has_transparency_data:
        layer = image.convert("RGBA")
        black = Image.new("RGBA", layer.size, (0, 0, 0, 255))
        return Image.alpha_composite(black, layer).convert("RGB")
    return image if image.mode == "RGB" else image.convert("RGB")


def turned(pixels: Pixels, orientation: int) -> Pixels:
    """Return (H, W, …) upright, by the number that EXIF and TIFF have for how it lies."""
    if orientation not in _TURNS:
        return pixels
    height, width = pixels.shape[:2]
    places = Image.fromarray(np.arange(height * width, dtype=np.int32).reshape(height, width))
    order = np.asarray(places.transpose(_TURNS[orientation]))
    return np.asarray(pixels.reshape(-1, *pixels.shape[2:])[order])


def orientation(image: Image.Image) -> int:
    """Return that number; 1 is upright. Load the pixels first: in a PNG it may follow them."""
    return int(image.getexif().get(ExifTags.Base.Orientation, 1))
