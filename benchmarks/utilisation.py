"""How much of what this machine can multiply a training step of CLCC uses."""

from __future__ import annotations

import statistics
import time

import torch
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.contest import Effort, Row, Worker
from benchmarks.step import SETTINGS, OurStep

SIDE = 1536


def measure(effort: Effort) -> list[Row]:
    """FLOPs of the step, its rate, and the rate of fp32 matrix products, by turns."""
    rows = []
    for name in ("clcc-stage-1", "clcc-stage-2"):
        method, progress = SETTINGS[name]
        size, count = (80, 1) if effort.is_quick else (320, 4)
        settings = {"method": method, "progress": progress, "size": size, "num_images": count}
        with Worker(CountedStep, settings) as worker:
            turns = [(worker.ask("check"), worker.ask("run")) for _ in range(effort.repeats + 1)]
        found = turns[0][0]
        counted = turns[1:]
        peak = statistics.median(answer["matrix products"] for answer, _ in counted)
        rate = statistics.median(found["step"] / seconds for _, seconds in counted)
        what = f"step {name}, {size} px"
        rows.append(Row(what=f"{what}: work", unit="GFLOP", ours=found["step"]))
        rows.append(Row(what=f"{what}: rate, of matrix products", unit="GFLOP / CPU s", ours=rate,
                        plain=peak, ratio=rate / peak))  # fmt: skip
    return rows


class CountedStep(OurStep):
    """Our step; its networks have no grouped convolutions, which the counter would miscount."""

    def __init__(self, method: str, progress: float, size: int, num_images: int) -> None:
        super().__init__(method, progress, size, num_images)
        with FlopCounterMode(display=False) as counter:
            super().check()
        self.gflop = counter.get_total_flops() / 1e9

    def check(self) -> dict[str, float]:
        """GFLOP of a step, and GFLOP/s of matrix products now."""
        matrix = torch.ones(SIDE, SIDE)
        seconds = []
        for _ in range(3):
            start = time.process_time()
            torch.mm(matrix, matrix)
            seconds.append(time.process_time() - start)
        return {"step": self.gflop, "matrix products": 2 * SIDE**3 / min(seconds) / 1e9}
