"""Objects of a mask that are too small for the size at which a network is trained."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy.ndimage import find_objects, label

from crosslevel.types import IGNORED

_FEWEST_PIXELS = 4  # of an object; less may be a speck
_MOST_LOST = 0.1  # share of objects that may vanish before it is said
_KEPT = 0.95  # share of objects that the size which is named keeps
_STEP = 32  # pixels: sizes are multiples of it


@dataclass(frozen=True, slots=True)
class Objects:
    """Connected areas of foreground in one mask.

    Attributes:
        num_lost: Those that vanish at the size of the training.
        sizes_px: For each, the size of the training from which on it is kept for sure.
    """

    num_lost: int = 0
    sizes_px: NDArray[np.float32] = field(default_factory=lambda: np.zeros(0, np.float32))


NONE = Objects()


def count_objects(mask: NDArray[np.uint8], size: int) -> Objects:
    """Count what vanishes when a mask is resized to (size, size) as the training does.

    Args:
        mask: (H, W) class indices, or `IGNORED`.
        size: Side of the network's input; if that is not smaller than the mask, nothing vanishes.
    """
    height, width = mask.shape
    if max(height, width) <= size:
        return NONE
    labels, count = label((mask > 0) & (mask != IGNORED))
    if not count:
        return NONE
    pixels = np.bincount(labels.ravel(), minlength=count + 1)
    is_object = pixels >= _FEWEST_PIXELS
    is_object[0] = False
    image = Image.fromarray(labels.astype(np.int32))
    small = np.asarray(image.resize((size, size), Image.Resampling.NEAREST))
    is_left = np.zeros(count + 1, np.bool_)
    is_left[small.ravel()] = True
    boxes = find_objects(labels)
    sizes = [
        max(height / (box[0].stop - box[0].start), width / (box[1].stop - box[1].start))
        for number, box in enumerate(boxes, start=1)
        if is_object[number]
    ]
    return Objects(int((is_object & ~is_left).sum()), np.array(sizes, np.float32))


def hint_of_size(found: Iterable[Objects], size: int) -> list[str]:
    """A hint if many objects vanish at a size, with the one that keeps nearly all of them."""
    masks = list(found)
    sizes = np.concatenate([np.zeros(0, np.float32), *(mask.sizes_px for mask in masks)])
    num_lost = sum(mask.num_lost for mask in masks)
    if not num_lost or num_lost < _MOST_LOST * len(sizes):
        return []
    needed = int(-(-np.quantile(sizes, _KEPT) // _STEP)) * _STEP
    return [
        f"{num_lost} of {len(sizes)} objects vanish when masks are resized to {size} px: they "
        f"are too small. --size {max(needed, size + _STEP)} keeps {_KEPT:.0%} of them; or cut the "
        f"images into parts."
    ]
