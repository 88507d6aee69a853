"""Strong views of unlabelled images: colours and sharpness change, and boxes are exchanged.

No pixel of the first moves, so pseudo-labels of the weak view stay in place; CutMix moves the
labels along. Everything random comes from torch's generator of the CPU, which each step seeds, and
becomes a table of numbers (`Learner.draw`). What follows the drawing reads no number back from a
GPU, so that a step can be recorded there.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from kornia.color import rgb_to_grayscale
from kornia.enhance import adjust_brightness, adjust_contrast, adjust_hue, adjust_saturation
from torch import Tensor

from crosslevel.images.preprocess import denormalise, normalise
from crosslevel.methods.parts.other_views import blur

BOX_AREA, BOX_ASPECT = (0.02, 0.4), (0.3, 1 / 0.3)
"""Of CutMix: share of the image, and width by height."""

COLOURED, GREY, BLURRED = 0.8, 0.2, 0.5
"""Probabilities that an image's colours change, that it becomes grey, that it is blurred."""

FACTORS = (0.5, 1.5), (0.5, 1.5), (-math.pi / 2, math.pi / 2), (0.5, 1.5)
"""Of colours: brightness and 1 more than is added to it, contrast, hue in radians, saturation."""

BLUR = (0.1, 2.0)
"""Standard deviation of the blur in pixels."""

NUM_CORNERS, NUM_STRONG = 4, 12
"""Columns of what `draw_corners` and `draw_strong` give."""


def draw_strong(count: int) -> Tensor:
    """Draw how each image changes in a strong view.

    Returns:
        (count, 12) on the CPU: whether colours change, brightness, contrast, hue, saturation, in
        which order these four (the same for all images), whether it becomes grey, whether it is
        blurred, by how many pixels.
    """
    columns = [_is_drawn(count, COLOURED)]
    columns += [_uniform(*limits, count) for limits in FACTORS]
    columns += [place.expand(count) for place in torch.randperm(4).float()]
    columns += [_is_drawn(count, GREY), _is_drawn(count, BLURRED), _uniform(*BLUR, count)]
    return torch.stack(columns, dim=1)


@torch.no_grad()
def strong_view(images: Tensor, drawn: Tensor | None = None) -> Tensor:
    """Colour jitter, grey and blur, each image on its own.

    Source: Yang et al., *Revisiting weak-to-strong consistency in semi-supervised semantic
    segmentation*, CVPR 2023. Differs from its code: brightness is added, ±½, and contrast scaled
    about black, which is harsher than its factors and was better on validation images.

    Args:
        images: (B, 3, H, W), normalised.
        drawn: (B, 12), as `draw_strong` gives, on the device of the images; drawn here if left out.

    Returns:
        The same shape, normalised.
    """
    if drawn is None:
        drawn = draw_strong(len(images)).to(images.device)
    is_coloured, *factors = drawn[:, :5].unbind(1)
    is_grey, is_blurred, sigma = drawn[:, 9:].unbind(1)
    with torch.autocast(images.device.type, enabled=False):  # a blur in bf16 loses grey levels
        plain = denormalise(images)
        changed = _where(is_coloured, _change_colours(plain, factors, drawn[:1, 5:9]), plain)
        changed = _where(is_grey, rgb_to_grayscale(changed).expand_as(changed), changed)
        changed = _where(is_blurred, blur(changed, sigma), changed)
    return normalise(changed.permute(0, 2, 3, 1) * 255)


def _change_colours(images: Tensor, factors: list[Tensor], order: Tensor) -> Tensor:
    """Change brightness, contrast, hue and saturation in the order drawn, (1, 4) or (0, 4).

    Only the CPU knows the order. A GPU does all four changes in each place and keeps one.
    """
    brightness, contrast, hue, saturation = factors
    changes: tuple[Callable[[Tensor], Tensor], ...] = (
        lambda x: adjust_brightness(x, brightness - 1),
        lambda x: adjust_contrast(x, contrast),
        lambda x: adjust_saturation(x, saturation),
        lambda x: adjust_hue(x, hue),
    )
    for place in order.flatten():
        if order.device.type == "cpu":
            images = changes[int(place)](images)
        else:
            all_four = torch.stack([change(images) for change in changes])
            images = all_four.index_select(0, place.long().view(1))[0]
    return images.clamp(0, 1)


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


def draw_corners(shape: torch.Size, probability: float) -> Tensor:
    """Draw one random box for each image, empty with 1 - `probability`.

    Args:
        shape: (B, C, H, W) of the images.
        probability: Of a box.

    Returns:
        (B, 4) on the CPU: first row and the one after the last, first column and likewise.
    """
    corners = torch.zeros(shape[0], NUM_CORNERS)
    for corner in corners:
        if float(torch.rand(())) < probability:
            corner.copy_(torch.tensor(_box_within(*shape[2:])))
    return corners


def _box_within(height: int, width: int) -> tuple[int, int, int, int]:
    area = _number(*BOX_AREA) * height * width
    aspect = math.exp(_number(*map(math.log, BOX_ASPECT)))
    rows = min(height, max(1, round(math.sqrt(area / aspect))))
    columns = min(width, max(1, round(math.sqrt(area * aspect))))
    top = int(torch.randint(height - rows + 1, ()))
    left = int(torch.randint(width - columns + 1, ()))
    return top, top + rows, left, left + columns


def boxes_at(corners: Tensor, images: Tensor) -> Tensor:
    """Return (B, H, W) bool, true within each image's box.

    Args:
        corners: (B, 4), as `draw_corners` gives, on the device of the images.
        images: (B, C, H, W).

    Example:
        >>> boxes_at(torch.tensor([[0.0, 1.0, 1.0, 3.0]]), torch.zeros(1, 3, 2, 3)).int().tolist()
        [[[0, 1, 1], [0, 0, 0]]]
    """
    first_row, last_row, first_column, last_column = corners[:, :, None].unbind(1)
    rows, columns = (torch.arange(side, device=images.device) for side in images.shape[2:])
    is_row = (rows >= first_row) & (rows < last_row)  # (B, H)
    is_column = (columns >= first_column) & (columns < last_column)
    return is_row[:, :, None] & is_column[:, None, :]


def draw_boxes(images: Tensor, probability: float) -> Tensor:
    """Return one random box for each image of (B, C, H, W), as (B, H, W) bool on its device."""
    return boxes_at(draw_corners(images.shape, probability).to(images.device), images)


def _where(is_so: Tensor, changed: Tensor, images: Tensor) -> Tensor:
    """Return of each image the changed one, if its number (B,) is not 0."""
    return torch.where(is_so.view(-1, 1, 1, 1) > 0, changed, images)


def _is_drawn(count: int, probability: float) -> Tensor:
    return (torch.rand(count) < probability).float()


def _uniform(low: float, high: float, count: int) -> Tensor:
    return low + (high - low) * torch.rand(count)


def _number(low: float, high: float) -> float:
    return low + (high - low) * float(torch.rand(()))
