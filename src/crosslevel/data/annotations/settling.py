"""A configuration with the classes that the annotations of its data name."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from crosslevel.config.train import TrainConfig
from crosslevel.data.annotations.classes import settle
from crosslevel.data.annotations.sources import may_be_annotated
from crosslevel.data.cases import find_cases
from crosslevel.system.console import Reporter


def with_their_classes(config: TrainConfig, data: Path, reporter: Reporter) -> TrainConfig:
    """Return the same with the labels of the data's annotations, if it has any, as classes.

    Args:
        config: Classes it has already choose among the labels.
        data: A folder or file.
        reporter: Who tells the user what is left out.

    Raises:
        DataError: The data cannot be listed.
        InputError: The classes it has are not among the labels.
    """
    if not data.exists() or not may_be_annotated(data):
        return config
    found = find_cases(data, config.reading, config.layout)
    if not found.labels:
        return config
    classes, left_out = settle(config.mask_classes, found.labels)
    reporter.say(f"{data}: {found.layout}")
    for line in left_out:
        reporter.say(f"warning: {line}")
    return replace(config, classes=classes.values, foreground=classes.foreground)
