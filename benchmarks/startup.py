"""What a user waits for before anything happens: CPU seconds of whole commands."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from benchmarks.contest import Disagreement, Effort, Row, cost
from benchmarks.prediction import make_run
from crosslevel.data.synthetic import write_synthetic

HELP_WITHOUT_TORCH = """
import sys
from crosslevel.cli import main
main(["--help"])
sys.exit("torch" in sys.modules)
"""
PLAIN_HELP = "import argparse, numpy, PIL.Image, torch; argparse.ArgumentParser().print_help()"


def measure(effort: Effort) -> list[Row]:
    """Return `crosslevel --help` against a script that imports torch; the prediction of one image.

    Raises:
        Disagreement: If `--help` imports torch.
    """
    if subprocess.run([sys.executable, "-c", HELP_WITHOUT_TORCH], capture_output=True).returncode:
        raise Disagreement("crosslevel --help imports torch, or fails")
    ours, plain = ["-m", "crosslevel", "--help"], ["-c", PLAIN_HELP]
    rows = [_alternate("crosslevel --help", ours, plain, effort.repeats)]
    size = 64 if effort.is_quick else 320
    with tempfile.TemporaryDirectory(prefix="crosslevel-bench-") as name:
        folder = Path(name)
        run = str(make_run(folder / "run", size))
        images = str(write_synthetic(folder / "data", 1, size=size, masks=0) / "images")
        ours = ["-m", "crosslevel", "predict", run, images, "--out", str(folder / "ours")]
        ours += ["--threads", "1"]
        plain = ["-m", "benchmarks.plain.predict", run, images, str(folder / "plain")]
        what = f"crosslevel predict of one image, {size} px"
        rows.append(_alternate(what, ours, plain, effort.repeats))
    return rows


def _alternate(what: str, ours: Sequence[str], plain: Sequence[str], repeats: int) -> Row:
    samples: dict[str, list[float]] = {"ours": [], "plain": []}
    for turn in range(repeats + 1):
        for name, words in (("ours", ours), ("plain", plain)):
            seconds = _cpu_seconds(words)
            if turn:  # the first one reads files from disk
                samples[name].append(seconds)
    return cost(what, "CPU s", samples)


def _cpu_seconds(words: Sequence[str]) -> float:
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    process = subprocess.Popen([sys.executable, *words], **quiet)  # type: ignore[call-overload]
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise Disagreement(f"{' '.join(words)} ended with exit code {process.returncode}")
    return float(usage.ru_utime + usage.ru_stime)
