"""The options of commands that read images, for those that have no configuration."""

from __future__ import annotations

from jsonargparse import ArgumentParser, Namespace

from crosslevel.config.images import check_reading
from crosslevel.types import Reading


def add_reading_arguments(parser: ArgumentParser) -> None:
    """Add the fields of `Reading` as options."""
    parser.add_class_arguments(Reading)


def to_reading(arguments: Namespace) -> Reading:
    """Return what the options say.

    Raises:
        InputError: If no image can be read so.
    """
    reading = Reading(arguments.page, arguments.channels, arguments.axis, arguments.window)
    check_reading(reading)
    return reading
