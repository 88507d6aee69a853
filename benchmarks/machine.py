"""Where a benchmark ran: without it a number says nothing."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from typing import Any

from crosslevel.system.environment import describe_environment

NUM_THREADS = 1


def describe() -> dict[str, Any]:
    """Machine, instruction set, threads, load, versions and commit."""
    import torch

    found = describe_environment()
    wanted = ("command", "commit", "machine", "processor", "cores", "python", "packages")
    return {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        **{key: found[key] for key in wanted},
        "cpu_capability": torch.backends.cpu.get_cpu_capability(),
        "usable_cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else None,
        "threads": NUM_THREADS,
        "load_average": os.getloadavg(),
    }
