"""The masks that an evaluation keeps beside its scores, in `predictions/`: those and no others."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pandas as pd

from crosslevel.errors import InputError
from crosslevel.runs.folder import RunFolder
from crosslevel.runs.records import PerImage


def refuse_foreign_masks(target: RunFolder) -> None:
    """Refuse to write among masks beside which no evaluation has written its scores.

    Raises:
        InputError: Saying what to do with them.
    """
    masks = target.predictions_folder
    scores = (target.per_image_file, target.incomplete_file)
    if any(file.exists() for file in scores) or not (masks.is_dir() and any(masks.iterdir())):
        return
    raise InputError(
        f"{masks} has files but no scores lie beside it, so evaluate did not write them, or was "
        "stopped: it would replace masks of the same names. Give another --out, or remove the "
        "folder if nobody needs it."
    )


def remove_former_masks(target: RunFolder, case_ids: Iterable[str]) -> None:
    """Remove masks of images that were scored into this folder before, and are not any more.

    Args:
        target: With the scores from before, if there are some.
        case_ids: Of the images that are scored now.
    """
    former = _ids(target.per_image_file) | _ids(target.incomplete_file)
    gone = former.difference(case_ids)
    folder = target.predictions_folder
    for file in [*folder.rglob("*.png")] if gone else []:
        if file.relative_to(folder).with_suffix("").as_posix() in gone:
            file.unlink()


def _ids(scores: Path) -> set[str]:
    """Return the images of a table of scores; none of one that is not there, or is damaged."""
    try:
        return {*pd.read_csv(scores, dtype=str, keep_default_na=False)[PerImage.ID]}
    except (OSError, ValueError, KeyError):
        return set()
