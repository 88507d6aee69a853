"""What is scored and how: the options of `evaluate` and of its command."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TypedDict

from crosslevel.config.reading import check_literals
from crosslevel.types import Layout, MetricSize, RuntimeName, Subset, WithoutShapes


@dataclass(frozen=True, kw_only=True)
class EvaluateOptions:
    """What is scored and how.

    Attributes:
        subset: "test" or "val" of the run's own split, or "all" images of the data that have a
            mask, or "out-of-fold": the masks that a run's folds held out. These are taken, too,
            where a run has folds and no test images. Only files of the subset are opened.
        metric_size: Score at each mask's own size, or at the network's "input" size (as the paper's
            tables).
        flips: Average over mirror images of each image; four times the work.
        runtime: What computes; "onnx" and "openvino" score what `export` wrote, "auto" the fastest.
            A run's own score is PyTorch's.
        allow_overlap: Score images the run was trained on, too; the summary says how many.
        classes: Value or colour of each of the run's classes in these masks, if not the run's.
        ignore: Value or colour of pixels that count nowhere, if not the run's.
        instances: Every number or colour in these masks is one object, and all of them foreground.
        masks: Name of the folder that holds these masks, where several could.
        without_shapes: What images are that a file of annotations lists without any shape, if not
            what they were for the run.
    """

    subset: Subset = "test"
    metric_size: MetricSize = "original"
    flips: bool = False
    runtime: RuntimeName = "torch"
    allow_overlap: bool = False
    classes: dict[str, int | tuple[int, int, int]] | None = None
    ignore: int | tuple[int, int, int] | None = None
    instances: bool = False
    masks: str | None = None
    without_shapes: WithoutShapes | None = None

    def __post_init__(self) -> None:
        """Refuse a value there is not.

        Raises:
            InputError: Naming the option and its values.
        """
        check_literals(self)

    def layout(self, run: Layout) -> Layout:
        """Return the layout of the data to be scored: as the run's, but for what is asked."""
        return replace(
            run,
            masks=self.masks or run.masks,
            without_shapes=self.without_shapes or run.without_shapes,
        )


class EvaluateKeywords(TypedDict, total=False):
    """The fields of `EvaluateOptions` as keywords, for type checkers."""

    subset: Subset
    metric_size: MetricSize
    flips: bool
    runtime: RuntimeName
    allow_overlap: bool
    classes: dict[str, int | tuple[int, int, int]] | None
    ignore: int | tuple[int, int, int] | None
    instances: bool
    masks: str | None
    without_shapes: WithoutShapes | None
