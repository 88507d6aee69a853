"""Where a benchmark ran: without it a number says nothing."""

from __future__ import annotations

import os
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from crosslevel.system.environment import describe_environment

NUM_THREADS = 1


def describe() -> dict[str, Any]:
    """Machine, instruction set, threads, load, versions and commit."""
    import torch

    return {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        **asdict(describe_environment()),
        "cpu_capability": torch.backends.cpu.get_cpu_capability(),
        "usable_cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else None,
        "threads": NUM_THREADS,
        "load_average": os.getloadavg(),
    }
