"""The options of CLCC, beside those of its contrast and its tiles."""

from __future__ import annotations

from dataclasses import dataclass

from crosslevel.losses.consistency import Confidence, Reduction
from crosslevel.methods.parts.average import Buffers, MovingAverage
from crosslevel.methods.parts.contrast import ContrastArgs
from crosslevel.methods.parts.levels import Network, Pair
from crosslevel.methods.parts.options import Count, Share
from crosslevel.methods.parts.stages import Stage
from crosslevel.methods.parts.tile_views import TileArgs


@dataclass(frozen=True, kw_only=True)
class CLCCArgs(ContrastArgs, TileArgs):
    """Options of CLCC, with those of its contrast and its tiles.

    Stages, temperature and reduction were chosen on validation images.

    Attributes:
        stages: Parts of the training with their weights α and β.
        reduction: Over the tiles in Eq. 2; the paper's "sum" weighs it n² times more, which
            hurt in short runs.
        detach_global: No gradient into the full image's prediction in Eq. 2.
        confidence: Whether Eq. 2 weighs pixels by how sure the full image's prediction is.
        further_tiles: Other n that Eq. 2 also compares, as the mean over all.
        vectors: Whose p(Z) Eq. 1 has: the network's, or its moving average's ("teacher").
        target: Likewise whose h(Z) Eq. 2 has. What a teacher sees in full, the student need
            not, but for the labelled images.
        decay: Of that average.
        evaluated: Which of the two networks is validated and shipped.
        buffers: BatchNorm's running statistics of the teacher are those of the "student" now,
            or an "average" of them, as its weights are.
    """

    stages: tuple[Stage, ...] = (
        Stage(epochs=100, alpha=0.0, beta=0.0),
        Stage(epochs=200, alpha=0.1, beta=3.0),
    )
    reduction: Reduction = "mean"
    detach_global: bool = True
    confidence: Confidence = "ignored"
    further_tiles: tuple[Count, ...] = ()
    vectors: Network = "student"
    target: Network = "student"
    decay: Share = 0.99
    evaluated: Network = "student"
    buffers: Buffers = "student"

    @property
    def has_teacher(self) -> bool:
        """Whether anything is asked of a moving average."""
        return "teacher" in (self.vectors, self.target, self.evaluated)

    def teacher_of(self, student: Pair) -> MovingAverage | None:
        """Return the moving average of a student, if anything is asked of it."""
        return MovingAverage(student, self.decay, self.buffers) if self.has_teacher else None
