"""Options of the commands that read masks without a configuration."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jsonargparse import ArgumentParser, Namespace

if TYPE_CHECKING:
    from crosslevel.types import Classes


def add_mask_arguments(parser: ArgumentParser) -> None:
    """Name the options that say what the values of a mask mean, as in `TrainConfig`."""
    parser.add_argument(
        "--classes",
        type=dict[str, int | tuple[int, int, int]],
        default={},
        help="mask value or colour of each class, for more than one",
    )
    parser.add_argument(
        "--ignore",
        type=int | tuple[int, int, int] | None,
        help="mask value or colour of pixels that enter neither the loss nor a score",
    )
    add_instances(parser)


def add_instances(parser: ArgumentParser) -> None:
    """Name the option that a class's own argument would want a value for."""
    parser.add_argument(
        "--instances",
        action="store_true",
        help="every number or colour in a mask is one object, and all of them foreground",
    )


def to_classes(arguments: Namespace) -> Classes:
    """Return what the options say.

    Raises:
        InputError: They contradict each other.
    """
    from crosslevel.types import Classes

    classes = Classes(arguments.classes, arguments.ignore, arguments.instances)
    classes.check()
    return classes
