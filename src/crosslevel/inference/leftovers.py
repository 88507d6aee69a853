"""Overlays and probabilities of masks that were replaced: they would show another mask."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from pathlib import Path

from crosslevel.data.quality.naming import limited
from crosslevel.inference.options import Outputs
from crosslevel.inference.outputs import OutputFiles
from crosslevel.inference.written import WrittenFiles
from crosslevel.system.console import Reporter

EVERYTHING = Outputs(overlay=True, probabilities=True, class_probabilities=True, dicom_seg=True)


class Leftovers:
    """What an earlier call wrote beside masks that this one replaces, and does not write anew.

    Args:
        files: Of the images.
        outputs: What this call writes.
        masks: Of all images named: none of them is a leftover, whatever its name.
        written: The files that `predict` wrote.
    """

    def __init__(
        self,
        files: OutputFiles,
        outputs: Outputs,
        masks: Collection[Path],
        written: WrittenFiles,
    ) -> None:
        self._files, self._outputs, self._written = files, outputs, written
        self._masks = {*masks}
        self._removed: list[Path] = []
        self._changed: list[Path] = []

    def discard(self, image: Path) -> None:
        """Remove those of an image whose mask is another one now; what a person changed stays."""
        new = {*self._files.of(image, self._outputs), *self._masks}
        removed, changed = self._written.discard(
            file for file in self._files.of(image, EVERYTHING) if file not in new
        )
        self._removed += removed
        self._changed += changed

    def report(self, reporter: Reporter) -> None:
        """Say what was removed, and what stays."""
        if self._removed:
            reporter.say(
                f"{len(self._removed)} files of masks that are replaced, which showed the masks "
                f"before, are removed (the first is {self._removed[0]})"
            )
        for line in limited(self._lines()):
            reporter.say(f"warning: {line}")

    def _lines(self) -> Iterator[str]:
        for file in self._changed:
            yield f"{file}: shows the mask before. It was changed since, so it stays."
