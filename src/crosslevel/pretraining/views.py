"""Two views of each image: other crops, other colours, less sharp, with noise."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from crosslevel.methods.parts.crops import Crops, draw_crops
from crosslevel.methods.parts.options import InnerShare
from crosslevel.methods.parts.other_views import View, other_view


@dataclass(frozen=True, kw_only=True)
class ViewArgs:
    """Options of the views.

    Attributes:
        least_crop: The smallest share of an image's area that a view covers.
        view: What else is changed: nothing ("same"), "colour", "blur", "noise", or "all" three.
    """

    least_crop: InnerShare = 0.2
    view: View = "all"


@dataclass(frozen=True)
class Seen:
    """One view of each image.

    Attributes:
        images: (B, 3, H, W), normalised.
        crops: Where in the images they are.
    """

    images: Tensor
    crops: Crops


def two_views(images: Tensor, args: ViewArgs) -> tuple[Seen, Seen]:
    """Draw two views of each image, on its device.

    Source: Chen et al., *A simple framework for contrastive learning of visual representations*,
    ICML 2020, appendix A, at half its strength of colours. Differs from the paper: noise instead
    of grey images, and a crop covers at least a fifth instead of 8 %, since a lesion must not be
    lost in it.

    Args:
        images: (B, 3, H, W), normalised.
        args: Their options.
    """
    return _view(images, args), _view(images, args)


def _view(images: Tensor, args: ViewArgs) -> Seen:
    crops = draw_crops(images, args.least_crop)
    return Seen(other_view(crops.of(images), args.view), crops)
