"""How a segmenter looks at images: the options of `predict`, its command and a `Segmenter`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypedDict

from crosslevel.config.reading import check_literals
from crosslevel.errors import InputError
from crosslevel.types import AnnotationTool, RuntimeName


@dataclass(frozen=True, kw_only=True)
class InferenceOptions:
    """How a segmenter looks at images.

    Attributes:
        flips: Average over mirror images of each image; four times the work.
        sliding_window: Look at each image at its own scale, window by window, instead of resizing
            it; for segmenters that were trained on crops.
        runtime: What computes; "auto" is the fastest that is installed and was exported.
        threshold: Of a single class: foreground from this probability on, from 0 to 1; that of the
            model if left out. Lower finds more, and more that is not there.
    """

    flips: bool = False
    sliding_window: bool = False
    runtime: RuntimeName = "auto"
    threshold: float | None = None

    def __post_init__(self) -> None:
        """Refuse a runtime there is not, and a threshold that is not a probability.

        Raises:
            InputError: Naming those there are.
        """
        check_literals(self)
        if self.threshold is not None and not 0 <= self.threshold <= 1:
            raise InputError(f"threshold is {self.threshold}; it must be from 0 to 1.")


@dataclass(frozen=True, slots=True)
class Outputs:
    """What is written besides the mask.

    Attributes:
        overlay: Also draw outlines on the images, `NAME_overlay.jpg`.
        probabilities: Also write the probability of foreground (of any class, if there are
            several), `NAME_probability.png`: 16-bit grey, 65 535 is 1. It is calibrated if the
            model is.
        class_probabilities: Also write the probability of each class, `NAME_probabilities.tif`: a
            page for the background and one for each class, as above.
        dicom_seg: Also write a DICOM segmentation of each DICOM image, for viewers to lay over it,
            `NAME_seg.dcm`.
        overwrite: Replace files that `predict` did not write, or that were changed since.
        resume: List what is done in `manifest.csv`; repeated, go on after it. Masks that a person
            changed since are kept.
        shard: A part of the images, like 2/4, for processes that share them; each lists what it did
            in files of its own.
        format: Also write the objects as suggestions that this tool imports, to be corrected there,
            into a new folder `suggestions-FORMAT`; with scores where the format has them.
    """

    overlay: bool = False
    probabilities: bool = False
    class_probabilities: bool = False
    dicom_seg: bool = False
    overwrite: bool = False
    resume: bool = False
    shard: str | None = None
    format: AnnotationTool | None = None

    def __post_init__(self) -> None:
        """Refuse a tool there is not.

        Raises:
            InputError: Naming those there are.
        """
        check_literals(self)


class InferenceKeywords(TypedDict, total=False):
    """The fields of `InferenceOptions` as keywords, for type checkers."""

    flips: bool
    sliding_window: bool
    runtime: RuntimeName
    threshold: float | None
