"""What a run records of the machine and the versions it was made with."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

RECORDED_PACKAGES = ("crosslevel", "torch", "numpy", "pillow", "monai", "scipy")


def describe_environment() -> dict[str, Any]:
    """Versions, commit (of a source checkout), machine and command line."""
    return {
        "command": sys.argv,
        "python": platform.python_version(),
        "packages": {name: _version(name) for name in RECORDED_PACKAGES},
        "commit": _commit(),
        "machine": platform.platform(),
        "processor": _processor(),
        "cores": os.cpu_count(),
    }


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _commit() -> str | None:
    """That of a source checkout; an installed copy may lie in a repository of something else."""
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
