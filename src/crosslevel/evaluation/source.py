"""What is scored: a run with its split, or a model by itself, from a hub for instance."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from crosslevel.data.split import Split
from crosslevel.errors import InputError
from crosslevel.inference.segmenter import model_folder
from crosslevel.models.folder import load_card
from crosslevel.models.hub import is_address
from crosslevel.runs.folder import RunFolder
from crosslevel.types import FOREGROUND, Classes, Layout, Reading

WITHOUT_SPLIT = Split((), (), (), (), 0, 0)
"""Of a model by itself: nothing says which images it has seen."""


@dataclass(frozen=True, slots=True)
class Source:
    """A segmenter and what is known of its training.

    Attributes:
        name: What the user calls it.
        run: The run folder; None of a model by itself.
        classes: How masks are read.
        reading: How images are read.
        layout: How the folders of the data are understood.
        skip_bad: Whether files that cannot be used are passed over.
        split: Which images it has seen.
    """

    name: str
    run: RunFolder | None
    classes: Classes
    reading: Reading
    layout: Layout
    skip_bad: bool
    split: Split


def is_model_alone(run: Path | str) -> bool:
    """Return whether it is a model on a hub, or a model folder or a folder with one, not a run."""
    return is_address(run) or (
        not RunFolder(Path(run)).config_file.is_file()
        and (model_folder(run) / "model.json").is_file()
    )


def source_of(run: Path | str, classes_asked: object = None) -> Source:
    """Return what is known of a run, or of a model by itself.

    Args:
        run: A run folder, a model folder, or "hf:owner/name@revision".
        classes_asked: Whether the user says how classes are drawn, which no model does.

    Raises:
        InputError: If it is neither, or of several classes nobody says how they are drawn.
        RunError: If a hub cannot be reached.
    """
    if is_model_alone(run):
        return _of_model(run, classes_asked)
    folder = RunFolder(Path(run))
    config = folder.config()
    return Source(
        name=str(run),
        run=folder,
        classes=config.mask_classes,
        reading=config.reading,
        layout=config.layout,
        skip_bad=config.skip_bad,
        split=Split.load(folder.split_file),
    )


def about(source: Source) -> Iterator[str]:
    """Yield what to keep in mind about all scores of a source."""
    if source.run is None:
        yield (
            f"nothing says which images {source.name} learned from: scores on those would be too "
            "good."
        )
        return
    if not source.run.is_ended:
        done, epochs = source.run.num_epochs_done, source.run.config().epochs
        yield (
            f"{source.name} is trained for {done} of {epochs} epochs. Repeat the command that "
            "started it before you compare its scores."
        )


def _of_model(run: Path | str, classes_asked: object) -> Source:
    card = load_card(model_folder(run))
    names = card.classes
    if len(names) > 1 and not classes_asked:
        raise InputError(
            f"{run} has the classes {', '.join(names)}, and nothing says which values they have in "
            "a mask: give --classes."
        )
    several: dict[str, int | tuple[int, int, int]] = {
        name: number for number, name in enumerate(names, start=1)
    }
    binary = Classes(foreground=names[0] if names else FOREGROUND)
    return Source(
        name=str(run),
        run=None,
        classes=Classes(several) if len(names) > 1 else binary,
        reading=card.reading,
        layout=Layout(),
        skip_bad=False,
        split=WITHOUT_SPLIT,
    )
