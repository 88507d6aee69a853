"""How busy a piece of work kept the processor."""

from __future__ import annotations

import time

from crosslevel.system.threads import num_usable_cores


class LoadMeter:
    """Counts from its making on."""

    def __init__(self) -> None:
        self._wall, self._processor = time.perf_counter(), time.process_time()

    @property
    def seconds(self) -> float:
        """Seconds by the clock."""
        return time.perf_counter() - self._wall

    @property
    def busy(self) -> float:
        """Share, in [0, 1], of the cores open to this process that its threads kept busy."""
        worked = time.process_time() - self._processor
        return min(1.0, worked / max(self.seconds * num_usable_cores(), 1e-9))
