"""Pretext tasks: what an encoder learns from images alone, before it is trained on masks.

One file, one class, for each paper. A task of one's own is named by its file; a package adds its
own by an entry point of the group `crosslevel.pretraining`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from crosslevel.methods.registry import Registry

if TYPE_CHECKING:
    from crosslevel.pretraining.base import PretextTask

TASKS: dict[str, str] = {
    "clcc": "crosslevel.pretraining.clcc:CrossLevel",
    "densecl": "crosslevel.pretraining.densecl:DenseCL",
    "global_local": "crosslevel.pretraining.global_local:GlobalLocal",
    "moco": "crosslevel.pretraining.moco:MoCo",
    "pixpro": "crosslevel.pretraining.pixpro:PixPro",
    "relative_position": "crosslevel.pretraining.relative_position:RelativePosition",
    "rotation": "crosslevel.pretraining.rotation:Rotation",
    "simclr": "crosslevel.pretraining.simclr:SimCLR",
}
REGISTRY = Registry("pretext task", "PretextTask", "crosslevel.pretraining", TASKS)


def task_names() -> list[str]:
    """Return the names of our own tasks and of those that installed packages add."""
    return REGISTRY.names()


def find_task(name: str) -> type[PretextTask]:
    """Return the class of a pretext task.

    Args:
        name: One of `task_names`, or "package.module:Class", or "path/to/file.py:Class".

    Raises:
        InputError: If there is no such task, file or class, or more than one of that name.
    """
    from crosslevel.pretraining.base import PretextTask

    return REGISTRY.find(name, PretextTask)


def source_hash(name: str) -> str | None:
    """Return the SHA-256 of the file of a task that is not ours, whose version tells."""
    return REGISTRY.source_hash(name)
