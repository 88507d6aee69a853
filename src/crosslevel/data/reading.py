"""One file in, one plain array out: the door through which the rest of the house reads pixels.

What decodes them is in `formats`; which files belong together is decided in `cases`.
"""

from crosslevel.data.formats.masks import inspect_mask, read_mask
from crosslevel.data.formats.opening import content_hash
from crosslevel.data.formats.pictures import image_size, read_hashed_image, read_image

__all__ = [
    "content_hash",
    "image_size",
    "inspect_mask",
    "read_hashed_image",
    "read_image",
    "read_mask",
]
