"""Options of the commands that read masks without a configuration."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jsonargparse import ArgumentParser, Namespace

from crosslevel.types import FOREGROUND, WithoutShapes

if TYPE_CHECKING:
    from crosslevel.types import Classes, Layout


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
    parser.add_argument(
        "--foreground",
        type=str,
        default=FOREGROUND,
        help="name of what is drawn in masks of one class; of annotations, the label to be taken",
    )
    parser.add_argument(
        "--masks", type=str | None, help="name of the folder of masks, where several could be it"
    )
    parser.add_argument(
        "--group_by",
        type=str | None,
        help="pattern whose match in a name is the image's group; none for no groups",
    )
    parser.add_argument(
        "--without_shapes",
        type=WithoutShapes,
        default="unlabelled",
        help="what images are that a file of annotations lists without any shape",
    )


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

    classes = Classes(
        arguments.classes, arguments.ignore, arguments.instances, arguments.foreground
    )
    classes.check()
    return classes


def to_layout(arguments: Namespace) -> Layout:
    """Return what the options say about folders and names."""
    from crosslevel.types import Layout

    return Layout(arguments.masks, arguments.group_by, arguments.without_shapes)
