"""The values that travel between the rooms of the house; shape letters are defined here, once.

B images in a batch, L of them labelled and U unlabelled; C logit channels (1 for a binary task,
else background + classes); D features of a vector; H rows; W columns; n tiles along an axis.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Protocol

from crosslevel.errors import InputError

if TYPE_CHECKING:
    import numpy as np
    import torch
    from numpy.typing import NDArray
    from torch import Tensor

Auto = Literal["auto"]
SettledPrecision = Literal["fp32", "bf16"]
Precision = Literal["auto", "fp32", "bf16"]
Window = tuple[float, ...] | Literal["file"]
SIXTEEN_BITS = (0.0, 65535.0)
"""The window before it was chosen by what the images hold."""
BatchNormBatch = Literal["joint", "apart"]
RuntimeName = Literal["auto", "torch", "onnx", "openvino"]
Format = Literal["onnx", "openvino", "torchscript"]
ExportPrecision = Literal["fp32", "int8"]
Subset = Literal["test", "val", "all", "out-of-fold"]
MetricSize = Literal["original", "input"]
AnnotationTool = Literal["coco", "labelme", "cvat", "label-studio", "yolo"]
"""Those whose files are written."""
AnnotationTarget = Literal["masks", "coco", "labelme", "cvat", "label-studio", "yolo"]
"""What `data convert` writes."""
WithoutShapes = Literal["unlabelled", "healthy"]


FOREGROUND = "foreground"
"""What is drawn in a binary task, if nobody gives it a name."""
IGNORED = 255
"""In place of a class index, pixels of a mask that count neither in a loss nor in a score."""


@dataclass(frozen=True, slots=True, order=True)
class UnitedMasks:
    """Files that are the mask of one image together, one for each of its objects."""

    files: tuple[Path, ...]

    def __str__(self) -> str:
        return f"{self.files[0]} (and {len(self.files) - 1} more masks of the image)"


class Drawn(Protocol):
    """An object as a person drew it with a tool."""

    @property
    def label(self) -> str:
        """The name of its class."""

    def paint(self, canvas: NDArray[np.uint8], value: int) -> None:
        """Set its pixels in an array (H, W)."""

    def content(self) -> bytes:
        """Return what decides its pixels."""


@dataclass(frozen=True, slots=True, order=True)
class ShapeMask:
    """Shapes in an annotation file that are the mask of one image together.

    Attributes:
        file: The annotation file.
        name: What the file calls the image.
        tool: What drew them.
        size: Height and width of the image, None where the file does not say them.
        sized_by: The image, whose size is the mask's where the file does not say it.
        shapes: In the order in which they are painted: the last one is on top.
    """

    file: Path
    name: str
    tool: str
    size: tuple[int, int] | None
    sized_by: Path
    shapes: tuple[Drawn, ...] = field(compare=False, repr=False)

    def __str__(self) -> str:
        return str(self.path)

    @property
    def path(self) -> Path:
        """What messages call it: the file, and the image in it."""
        return Path(f"{self.file} ({self.name})")

    @property
    def digest(self) -> str:
        """SHA-256 of all that decides its pixels."""
        parts = [repr(self.size).encode()]
        parts += [part for s in self.shapes for part in (s.label.encode(), s.content())]
        joined = b"".join(len(part).to_bytes(8) + part for part in parts)
        return hashlib.sha256(joined).hexdigest()


MaskFiles = Path | UnitedMasks
"""A mask drawn as images."""
MaskSource = MaskFiles | ShapeMask
"""Where the mask of a case is."""


@dataclass(frozen=True, slots=True, order=True)
class Case:
    """One image, perhaps with its mask, perhaps belonging to a group (patient, sequence).

    Attributes:
        id: Unique within a data set; the image's stem, with its folder where stems repeat.
        image: Path of the image.
        mask: The mask, or None for an unlabelled image.
        group: Cases of one group stay on one side of a split.
        part: "train", "val" or "test" where the folders or the CSV fix it, else None.
        frame: Which page, frame or slice of the file, from 0; None for a file with a single one.
        spacing_mm: Height and width of a pixel, where the file says them.
    """

    id: str
    image: Path
    mask: MaskSource | None = None
    group: str | None = None
    part: str | None = None
    frame: int | None = None
    spacing_mm: tuple[float, float] | None = None

    @property
    def mask_files(self) -> tuple[Path, ...]:
        """The files its mask is in, as messages call them; none of an unlabelled image."""
        if isinstance(self.mask, UnitedMasks):
            return self.mask.files
        if isinstance(self.mask, ShapeMask):
            return (self.mask.path,)
        return () if self.mask is None else (self.mask,)


@dataclass(frozen=True, slots=True)
class Layout:
    """What a person says about the folders and names of a data set.

    Attributes:
        masks: Name of the folder that holds the masks, where several could.
        group_by: A pattern whose match in an image's name is its group; "none" for no groups.
        without_shapes: What images are that an annotation file lists without any shape.
    """

    masks: str | None = None
    group_by: str | None = None
    without_shapes: WithoutShapes = "unlabelled"


@dataclass(frozen=True, slots=True)
class Classes:
    """How the grey values or colours of a mask become class indices.

    Empty (the default) means binary: a pixel is foreground when it is brighter than half of the
    mask's range. Otherwise each name has the grey value or the RGB colour it is drawn with; class
    indices are 1, 2, … in order, every other value is background (0).

    Attributes:
        values: By name, in order of their index.
        ignore: Value or colour of pixels that count nowhere; they become `IGNORED`.
        instances: Binary only: every number or colour is one object, all of them foreground.
        foreground: Binary only: the name of what is drawn.
    """

    values: dict[str, int | tuple[int, int, int]] = field(default_factory=dict)
    ignore: int | tuple[int, int, int] | None = None
    instances: bool = False
    foreground: str = FOREGROUND

    def check(self) -> None:
        """Refuse what contradicts itself.

        Raises:
            InputError: Naming the class or option.
        """
        for name in self.values:
            if name.casefold() in ("background", "bg"):
                raise InputError(f"The class {name!r}: leave it out, it is what no class names.")
        if self.foreground != FOREGROUND and self.values:
            raise InputError(
                "foreground names what is drawn without classes: leave one of them out."
            )
        if self.instances and self.values:
            raise InputError("instances reads all objects as one class: leave it or classes out.")
        if len(self.values) >= IGNORED:
            raise InputError(f"There are {len(self.values)} classes; at most {IGNORED - 1} can be.")
        drawn_with = [*self.values.values(), *([] if self.ignore is None else [self.ignore])]
        for value, count in Counter(drawn_with).items():
            if count > 1:
                raise InputError(
                    f"The value {value} is given {count} times among classes and ignore: a pixel "
                    "can mean one of them. Give each a value of its own."
                )

    @property
    def names(self) -> list[str]:
        """Names of the foreground classes, in order of their index 1, 2, …."""
        return list(self.values) or [self.foreground]

    @property
    def num_channels(self) -> int:
        """Logit channels C: 1 (sigmoid) for a binary task, else background + classes (softmax)."""
        return 1 + len(self.values) if self.values else 1


@dataclass(frozen=True)
class Reading:
    """How the pixels of image files become 8-bit RGB: the same for all files of a data set.

    Images of 8 bits are taken as they are; `window` is for all deeper ones.

    Attributes:
        page: Of files with several pages, frames or slices: one of them (from 0) or "all", each
            an image of its own. None: all of DICOM and NIfTI, none of TIFF, which is refused.
        channels: Which channels (from 0) are red, green and blue, or the one that is grey; empty
            for grey and RGB as they are stored.
        axis: Across which axis of a NIfTI volume the slices lie.
        window: The values that become black and white; of several channels those of each, one
            after the other. "auto" is found in the pixels, "file" is the window each DICOM file
            has. Empty where no image is deeper than 8 bits.
    """

    page: int | Literal["all"] | None = None
    channels: tuple[int, ...] = ()
    axis: Literal[0, 1, 2] = 2
    window: Window | Auto = "auto"


BEFORE_WINDOWS = Reading(window=SIXTEEN_BITS)
"""How images were read before the window was chosen by what they hold."""


@dataclass(frozen=True, slots=True)
class Batch:
    """What a method sees in one step.

    Attributes:
        images: (L, 3, H, W) float, normalised.
        masks: (L, H, W) int64 class indices.
        unlabelled: (U, 3, H, W) float, normalised; U may be 0.
        groups: (L + U,) int64, labelled images first: a number shared by the images of one group
            (patient, sequence), or the image's own. None where nobody knows.
        finer: (L + U, 3, k·H, k·W), the same images in the same orientation with k times as many
            pixels a side, for learners whose `detail` k is greater than 1; else None.
        drawn: What the method has drawn ahead for this step (`Learner.draw`); None if nothing.
    """

    images: Tensor
    masks: Tensor
    unlabelled: Tensor
    groups: Tensor | None = None
    finer: Tensor | None = None
    drawn: Tensor | None = None

    def to(self, device: torch.device) -> Batch:
        """Return the same on a device; the host does not wait where the batch is `pinned`."""
        return self._each(lambda x: x.to(device, non_blocking=x.is_pinned()))

    def pinned(self) -> Batch:
        """Return the same in memory from which a GPU copies by itself."""
        return self._each(lambda x: x.pin_memory())

    def _each(self, change: Callable[[Tensor], Tensor]) -> Batch:
        return Batch(
            images=change(self.images),
            masks=change(self.masks),
            unlabelled=change(self.unlabelled),
            groups=None if self.groups is None else change(self.groups),
            finer=None if self.finer is None else change(self.finer),
            drawn=None if self.drawn is None else change(self.drawn),
        )
