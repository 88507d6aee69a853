"""`python -m benchmarks`: measure, print a table of ratios, write JSON."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path

from benchmarks import costs, epoch, prediction, scale, startup, step, utilisation
from benchmarks.contest import Disagreement, Effort, Row
from benchmarks.machine import describe

MEASUREMENTS: dict[str, Callable[[Effort], list[Row]]] = {
    **{f"step-{name}": partial(step.measure, name) for name in step.SETTINGS},
    "costs": costs.measure,
    "epoch": epoch.measure,
    "startup": startup.measure,
    "prediction": prediction.measure,
    "scale": scale.measure,
    "utilisation": utilisation.measure,
}


def main(words: Sequence[str] | None = None) -> int:
    """Measure what is asked for; 1 if contenders do not compute the same, 2 for a wrong name."""
    names = ", ".join(MEASUREMENTS)
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="tiny sizes: does everything run?")
    parser.add_argument("--full", action="store_true", help="also 100 000 images")
    parser.add_argument(
        "--only", nargs="+", default=[""], help=f"names, or how they begin: {names}"
    )
    parser.add_argument("--out", type=Path, default=Path("benchmarks.json"), help="JSON to write")
    asked = parser.parse_args(words)
    chosen = [name for name in MEASUREMENTS if name.startswith(tuple(asked.only))]
    if not chosen:
        parser.error(f"no measurement {' '.join(asked.only)!r}: choose from {names}")
    effort = Effort(is_quick=asked.quick, is_full=asked.full)
    machine, rows = describe(), []
    sys.stdout.write("".join(f"{key}: {value}\n" for key, value in machine.items()) + "\n")
    sys.stdout.write(f"| {'what':58} | {'ours':>10} | {'plain':>10} | unit | plain / ours |\n")
    sys.stdout.write("| --- | ---: | ---: | --- | ---: |\n")
    for name in chosen:
        try:
            measured = MEASUREMENTS[name](effort)
        except Disagreement as error:
            sys.stderr.write(f"{name}: {error}\n")
            return 1
        rows += measured
        for row in measured:
            sys.stdout.write(row.to_markdown() + "\n")
            sys.stdout.flush()
        content = {"machine": machine, "effort": asdict(effort), "rows": [asdict(r) for r in rows]}
        asked.out.write_text(json.dumps(content, indent=1) + "\n")
    sys.stdout.write(f"\nWritten: {asked.out}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
