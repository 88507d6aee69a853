"""What a run records of the machine and the versions it was made with."""

from __future__ import annotations

import getpass
import os
import platform
import subprocess
import sys
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

RECORDED_PACKAGES = ("crosslevel", "torch", "numpy", "pillow", "monai", "scipy")


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """Where a process runs; what is None, or empty, is not known.

    Attributes:
        command: The command line.
        python: Its version.
        packages: Versions of `RECORDED_PACKAGES`.
        commit: Of a source checkout.
        machine: Operating system and architecture.
        processor: Its name.
        cores: Of the machine.
    """

    command: list[str] = field(default_factory=list)
    python: str | None = None
    packages: dict[str, str | None] = field(default_factory=dict)
    commit: str | None = None
    machine: str | None = None
    processor: str | None = None
    cores: int | None = None


def describe_environment() -> Surroundings:
    """Describe this process."""
    return Surroundings(
        command=sys.argv,
        python=platform.python_version(),
        packages={name: _version(name) for name in RECORDED_PACKAGES},
        commit=_commit(),
        machine=platform.platform(),
        processor=_processor(),
        cores=os.cpu_count(),
    )


def name_the_user() -> None:
    """Give a user id that has no name, as in a container, one: MONAI asks for it when imported."""
    try:
        getpass.getuser()
    except (KeyError, OSError):  # OSError from Python 3.13 on
        os.environ["LOGNAME"] = str(os.getuid())


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _commit() -> str | None:
    """Return that of a source checkout; an installed copy may lie in another repository."""
    if not _git("ls-files", __file__):
        return None
    return _git("describe", "--always", "--dirty", "--abbrev=12")


def _git(*words: str) -> str | None:
    here = str(Path(__file__).parent)
    try:
        found = subprocess.run(
            ["git", "-C", here, *words], capture_output=True, text=True, check=False
        )
    except OSError:  # no git on this machine
        return None
    return found.stdout.strip() or None


def _processor() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.is_file():
        for line in cpuinfo.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor()
