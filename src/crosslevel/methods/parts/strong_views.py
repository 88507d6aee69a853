"""Strong views of unlabelled images: colours and sharpness change, and boxes are exchanged.

No pixel of the first moves, so pseudo-labels of the weak view stay in place; CutMix moves the
labels along. Everything random comes from torch's global generator, which each step seeds.
"""

from __future__ import annotations

import math

import torch
from kornia.augmentation import ColorJiggle, RandomGaussianBlur, RandomGrayscale
from torch import Tensor

from crosslevel.images.preprocess import denormalise, normalise

BOX_AREA, BOX_ASPECT = (0.02, 0.4), (0.3, 1 / 0.3)
"""Of CutMix: share of the image, and width by height."""

_COLOURS = ColorJiggle(brightness=0.5, contrast=0.5, saturation=0.5, hue=0.25, p=0.8)
_GREY = RandomGrayscale(p=0.2)
_BLUR = RandomGaussianBlur(kernel_size=(13, 13), sigma=(0.1, 2.0), p=0.5)


@torch.no_grad()
def strong_view(images: Tensor) -> Tensor:
    """Colour jitter, grey and blur, each image on its own.

    Source: Yang et al., *Revisiting weak-to-strong consistency in semi-supervised semantic
    segmentation*, CVPR 2023. Differs from its code: brightness is added, ±½, and contrast scaled
    about black, which is harsher than its factors and was better on validation images.

    Args:
        images: (B, 3, H, W), normalised.

    Returns:
        The same shape, normalised.
    """
    with torch.autocast(images.device.type, enabled=False):  # a blur in bf16 loses grey levels
        changed: Tensor = _BLUR(_GREY(_COLOURS(denormalise(images))))
    return normalise(changed.permute(0, 2, 3, 1) * 255)


@torch.no_grad()
def cut_mix(boxes: Tensor, *maps: Tensor) -> list[Tensor]:
    """Paste a box of the next image of the batch into each image, and of its labels alike.

    Source: Yun et al., *CutMix*, ICCV 2019; French et al., BMVC 2020, for segmentation.

    Args:
        boxes: (B, H, W) bool, as `draw_boxes` gives.
        maps: Images (B, C, H, W), labels or confidences (B, H, W).

    Example:
        >>> box = torch.tensor([[[True, False]], [[False, False]]])
        >>> cut_mix(box, torch.tensor([[[1, 2]], [[3, 4]]]))[0].tolist()
        [[[3, 2]], [[3, 4]]]
    """
    return [
        torch.where(boxes.unsqueeze(1) if x.ndim == 4 else boxes, x.roll(-1, dims=0), x)
        for x in maps
    ]


def draw_boxes(images: Tensor, probability: float) -> Tensor:
    """Return one random box for each image, empty with 1 - `probability`.

    Args:
        images: (B, C, H, W).
        probability: Of a box.

    Returns:
        (B, H, W) bool.
    """
    batch, _, height, width = images.shape
    boxes = torch.zeros(batch, height, width, dtype=torch.bool)
    for box in boxes:
        if float(torch.rand(())) >= probability:
            continue
        area = _uniform(*BOX_AREA) * height * width
        aspect = math.exp(_uniform(*map(math.log, BOX_ASPECT)))
        rows = min(height, max(1, round(math.sqrt(area / aspect))))
        columns = min(width, max(1, round(math.sqrt(area * aspect))))
        top = int(torch.randint(height - rows + 1, ()))
        left = int(torch.randint(width - columns + 1, ()))
        box[top : top + rows, left : left + columns] = True
    return boxes.to(images.device)


def _uniform(low: float, high: float) -> float:
    return low + (high - low) * float(torch.rand(()))
