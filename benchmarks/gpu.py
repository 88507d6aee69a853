"""`python -m benchmarks.gpu`: a step of every method on a GPU, against plain PyTorch there.

The plain steps are those of `benchmarks.plain`: eager in fp32, eager in bf16, and compiled in bf16.
Two floors are measured beside them, a product of large matrices and a large copy, and each step is
held against the operations and the bytes that it needs. Steps are of the middle of a run, where
every method learns from images without a mask.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_iter
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.machine import describe
from benchmarks.step import PlainStep, config_of
from crosslevel.config.settled import SettledConfig
from crosslevel.data.datamodule import DataModule, Sampling
from crosslevel.data.prepare import prepare
from crosslevel.data.synthetic import write_synthetic
from crosslevel.methods import METHODS
from crosslevel.methods.build import build_method
from crosslevel.system.console import Reporter
from crosslevel.training.device_steps import DeviceSteps
from crosslevel.training.step import Optimisation

CLCC_STAGES = {
    "clcc, consistency": [{"epochs": 1, "alpha": 0.0, "beta": 1.0}],
    "clcc, both": [{"epochs": 1, "alpha": 0.1, "beta": 3.0}],
}
WARM_UP = 10
"""Steps of ours before those that are timed."""
OTHERS = [name for name in METHODS if name not in ("supervised", "clcc")]
ROWS = ["supervised", *CLCC_STAGES, *OTHERS]
HEADER = (
    "step of", "ours ms", "plain fp32", "plain bf16", "compiled", "fp32/ours",
    "arithmetic ms", "bytes ms", "GiB",
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class StepRow:
    """One method: milliseconds a step; NaN where none was compiled.

    Attributes:
        what: The method, and for CLCC which losses.
        ours: Of `crosslevel train`, in bf16.
        fp32: Plain and eager.
        bf16: Plain and eager.
        compiled: Plain in bf16, its network compiled.
        arithmetic: What the step's matrix products and convolutions take at the measured rate.
        traffic: What the bytes take that its operations read and write, each once, none fused.
        gib: Highest memory of ours.
    """

    what: str
    ours: float
    fp32: float
    bf16: float
    compiled: float
    arithmetic: float
    traffic: float
    gib: float

    def to_markdown(self) -> str:
        """Return a line of the table."""
        numbers = (self.ours, self.fp32, self.bf16, self.compiled, self.fp32 / self.ours,
                   self.arithmetic, self.traffic, self.gib)  # fmt: skip
        return f"| {self.what:18} | " + " | ".join(f"{x:9.2f}" for x in numbers) + " |"


class Traffic(TorchDispatchMode):
    """Counts the bytes of all tensors that operations read and write."""

    num_bytes = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Run the operation and count; views move nothing."""
        result = func(*args, **(kwargs or {}))
        if not func.is_view:
            tensors = (x for x in tree_iter((args, result)) if isinstance(x, torch.Tensor))
            self.num_bytes += sum(x.numel() * x.element_size() for x in tensors)
        return result


class Bench:
    """What all rows share.

    Args:
        device: Where steps are taken.
        size: Side of the images in pixels.
        num_steps: Timed steps of ours; a plain step is timed a fifth as often.
        data: A folder of images with masks.
        compiles: Also compile the plain step, which takes a minute.
    """

    def __init__(
        self, device: torch.device, size: int, num_steps: int, data: Path, *, compiles: bool = True
    ) -> None:
        self.device, self.size, self.num_steps = device, size, num_steps
        self.middle = 5 * (WARM_UP + num_steps)  # a tenth of the run follows, all of one phase
        self._compiles = compiles
        config = replace(config_of("clcc", size), labelled=0.5)
        prepared = prepare(data, config, Reporter(quiet=True), None)
        sampling = Sampling(batch_labelled=4, batch_unlabelled=4, seed=0)
        parts, hashes = prepared.parts, prepared.split.hashes
        self.data = DataModule(parts, hashes, config.mask_classes, size, sampling)

    def row(self, what: str, *, tflops: float, tbytes: float) -> StepRow:
        """Measure a method by its name, or one of `CLCC_STAGES`."""
        method = what.partition(",")[0]
        config = replace(config_of(method, self.size), precision="bf16")
        if what in CLCC_STAGES:
            config = replace(config, args={**config.args, "stages": CLCC_STAGES[what]})
        flops, num_bytes = self._needs(config)
        plain = [self._plain(what, *kind) for kind in KINDS]
        if self.device.type == "cuda":
            torch.cuda.reset_peak_memory_stats()
        ours = self._ours(config)
        peak = torch.cuda.max_memory_allocated() if self.device.type == "cuda" else 0
        fp32, bf16, compiled = plain
        return StepRow(
            what=what, ours=ours, fp32=fp32, bf16=bf16, compiled=compiled, gib=peak / 2**30,
            arithmetic=flops / tflops / 1e9, traffic=num_bytes / tbytes / 1e9,
        )  # fmt: skip

    def _optimisation(self, config: SettledConfig) -> Optimisation:
        method = build_method(config).to(self.device)
        method = method.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        return Optimisation(method.train(), config, 2 * self.middle)

    def _ours(self, config: SettledConfig) -> float:
        steps = DeviceSteps(self._optimisation(config), self.data, _say)
        warm = self.middle + WARM_UP
        end = warm + self.num_steps
        for step in range(self.middle, warm):
            steps.losses(step, warm)
        with timed(self.device) as seconds:
            for step in range(warm, end):
                steps.losses(step, end)
        return 1e3 * seconds[0] / self.num_steps

    def _plain(self, what: str, precision: str, is_compiled: bool) -> float:
        if is_compiled and not self._compiles:
            return math.nan
        plain = PlainStep(plain_name(what), 0.5, self.size, 4)
        plain.method.to(self.device)
        plain.optimizer = torch.optim.AdamW(plain.method.trained(), lr=1e-3, fused=True)
        if is_compiled:
            plain.method.net.compile(dynamic=False)
        batch = plain.batch.to(self.device)
        is_bf16 = precision == "bf16"
        with torch.autocast(self.device.type, torch.bfloat16, enabled=is_bf16):
            return 1e3 * _seconds(lambda: plain.step(batch), self.device, self.num_steps // 5)

    def _needs(self, config: SettledConfig) -> tuple[float, float]:
        """Return floating-point operations of a step, and bytes that its operations move."""
        optimisation = self._optimisation(config)
        batch = self.data.batch(0).to(self.device)
        optimisation.step(self.middle, batch)
        with FlopCounterMode(display=False) as flops:
            optimisation.step(self.middle + 1, batch)
        with Traffic() as traffic:
            optimisation.step(self.middle + 2, batch)
        return float(flops.get_total_flops()), float(traffic.num_bytes)


def plain_name(what: str) -> str:
    """Return the plain method of a row."""
    return "clcc-both" if what == "clcc, both" else what.partition(",")[0]


KINDS = (("fp32", False), ("bf16", False), ("bf16", True))


def _say(line: str) -> None:
    sys.stderr.write(line + "\n")


@contextmanager
def timed(device: torch.device) -> Iterator[list[float]]:
    """Give the seconds that a block takes, once it has ended and the device is idle."""
    seconds: list[float] = []
    _wait(device)
    start = time.perf_counter()
    yield seconds
    _wait(device)
    seconds.append(time.perf_counter() - start)


def _seconds(run: Callable[[], object], device: torch.device, repeats: int) -> float:
    for _ in range(3):
        run()
    with timed(device) as seconds:
        for _ in range(max(1, repeats)):
            run()
    return seconds[0] / max(1, repeats)


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def floors(device: torch.device, side: int) -> tuple[float, float]:
    """Return TFLOP/s of a bf16 product of side×side matrices, and TB/s of a copy, both ways."""
    a, b = (torch.randn(side, side, device=device).bfloat16() for _ in range(2))
    product = 2 * side**3 / _seconds(lambda: a @ b, device, 20) / 1e12
    source = torch.zeros(side * side * 16, dtype=torch.uint8, device=device)
    target = torch.empty_like(source)
    copied = 2 * source.numel() / _seconds(lambda: target.copy_(source), device, 20) / 1e12
    return product, copied


def main(words: Sequence[str] | None = None) -> int:
    """Measure the methods asked for, print a table and write JSON."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gpu", description=__doc__)
    parser.add_argument("--only", nargs="+", choices=ROWS, default=ROWS)
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--size", type=int, default=320)
    parser.add_argument("--steps", type=int, default=100)
    parser.add_argument("--no_compile", action="store_true", help="leave the compiled steps out")
    parser.add_argument("--out", type=Path, default=Path("benchmarks-gpu.json"))
    asked = parser.parse_args(words)
    device = torch.device(asked.device)
    tflops, tbytes = floors(device, 8192 if device.type == "cuda" else 256)
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu"
    sys.stdout.write(f"{name}: {tflops:.0f} TFLOP/s in bf16, {tbytes:.2f} TB/s copied\n\n")
    sys.stdout.write(f"| {' | '.join(HEADER)} |\n|{' --- |' * len(HEADER)}\n")
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        data = write_synthetic(Path(folder), 40, size=asked.size, seed=0)
        bench = Bench(device, asked.size, asked.steps, data, compiles=not asked.no_compile)
        for what in asked.only:
            rows.append(bench.row(what, tflops=tflops, tbytes=tbytes))
            sys.stdout.write(rows[-1].to_markdown() + "\n")
            sys.stdout.flush()
            content = {"machine": describe(), "gpu": name, "tflops": tflops, "tbytes": tbytes}
            asked.out.write_text(json.dumps({**content, "rows": [asdict(r) for r in rows]}) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
