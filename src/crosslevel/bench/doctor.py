"""What an installation is made of, in lines for a person and for an issue."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import torch

from crosslevel.data.cache import cache_folder
from crosslevel.system.devices import WORTHWHILE, bf16_speedup, describe_device, this_place
from crosslevel.system.environment import Surroundings, describe_environment
from crosslevel.system.extras import find_extras

GIB = 2**30
LOW_SPACE = 2 * GIB
"""Bytes: with less free space a run may not be able to write its checkpoints."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One line.

    Attributes:
        about: What it is about.
        text: What was found.
        remedy: What to do, if something has to be done.
        is_fault: Crosslevel cannot work well so.
    """

    about: str
    text: str
    remedy: str = ""
    is_fault: bool = False


def examine(*folders: Path) -> Iterator[Finding]:
    """Return what is found of versions, machine, extras, and the folders to write into.

    Args:
        folders: Where results will be written, besides the cache.
    """
    here = describe_environment()
    yield from _versions(here)
    yield from _machine(here)
    for extra in find_extras():
        text = f"{'missing' if extra.missing else 'installed'}: {extra.adds}"
        yield Finding(f"extra {extra.name}", text, extra.remedy if extra.missing else "")
    for folder in (cache_folder(), *folders):
        yield _writable(folder)


def _versions(here: Surroundings) -> Iterator[Finding]:
    commit = f", commit {here.commit}" if here.commit else ""
    yield Finding("crosslevel", f"{here.packages['crosslevel']}{commit}")
    others = {name: number for name, number in here.packages.items() if name != "crosslevel"}
    yield Finding("python", f"{here.python}; " + ", ".join(f"{k} {v}" for k, v in others.items()))


def _machine(here: Surroundings) -> Iterator[Finding]:
    yield Finding("machine", f"{here.machine}; {here.processor}, {here.cores} cores")
    if memory := _memory():
        yield Finding("memory", memory)
    place = this_place()
    if place.device.type == "cpu":
        ratio = bf16_speedup()
        used = "bf16 is used" if ratio >= WORTHWHILE else "fp32 is used"
        text = f"CPU, {torch.get_num_threads()} threads; bf16 is {ratio:.1f} times as fast: {used}"
        yield Finding("device", text)
        return
    if place.device.type != "cuda":
        yield Finding("device", f"{describe_device(place.device)}, {place.faster_precision}")
        return
    free, total = torch.cuda.mem_get_info(place.device)
    yield Finding(
        "device",
        f"{describe_device(place.device)}, CUDA {torch.version.cuda}, {free / GIB:.0f} of "
        f"{total / GIB:.0f} GiB free, {place.faster_precision}",
    )


def _memory() -> str:
    with suppress(ValueError, OSError, AttributeError):  # Windows has no sysconf
        return f"{os.sysconf('SC_PHYS_PAGES') * os.sysconf('SC_PAGE_SIZE') / GIB:.0f} GiB"
    return ""


def _writable(folder: Path) -> Finding:
    about = f"write {_without_home(folder)}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            free = shutil.disk_usage(folder).free
    except OSError as error:
        remedy = "Choose another folder, or mend its permissions."
        if folder == cache_folder():
            remedy = "Name another folder with CROSSLEVEL_CACHE."
        return Finding(about, error.strerror or str(error), remedy, is_fault=True)
    text = f"{free / GIB:.0f} GiB free"
    if free < LOW_SPACE:
        return Finding(about, text, "Free some space: checkpoints may not fit.", is_fault=True)
    return Finding(about, text)


def _without_home(folder: Path) -> str:
    """Return the path as it may be shown to others: it may hold the user's name."""
    resolved = folder.resolve()
    home = os.path.expanduser("~")  # Path.home() fails for a user without a name
    return f"~/{resolved.relative_to(home)}" if resolved.is_relative_to(home) else str(resolved)
