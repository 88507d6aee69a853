"""The demo: the main job from end to end on generated images, in a few minutes on a laptop."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd

from crosslevel.config.files import preset
from crosslevel.data.cases import index_cases
from crosslevel.data.split import Split, resolve_split
from crosslevel.data.synthetic import write_synthetic
from crosslevel.evaluation.evaluate import evaluate
from crosslevel.report.comparison import write_report
from crosslevel.report.figures import qualitative, typical_cases
from crosslevel.report.tables import comparison, to_text
from crosslevel.runs.collect import Collection
from crosslevel.runs.compare import paired_difference
from crosslevel.runs.finished import FinishedRun, read_run
from crosslevel.system.console import Reporter
from crosslevel.training.train import train
from crosslevel.types import Case

NUM_IMAGES = 240
NAMES = {"supervised": "Supervised U-Net", "clcc": "CLCC"}


@dataclass(frozen=True, slots=True)
class Demo:
    """What the demo left behind.

    Attributes:
        table: The printed comparison.
        figure_file: Image, truth and each method's mask.
        page_file: One HTML page.
        lead: What was compared, in words.
    """

    table: pd.DataFrame
    figure_file: Path
    page_file: Path
    lead: str

    def to_text(self) -> str:
        """Return what the terminal shows at the end."""
        return f"\n{self.lead}\n\n{to_text(self.table)}\n\nFigure: {self.figure_file}"


def demo(
    out: Path,
    *,
    num_images: int = NUM_IMAGES,
    epochs: int | None = None,
    reporter: Reporter | None = None,
) -> Demo:
    """Generate images, train a supervised U-Net and CLCC with equal steps, compare them.

    Args:
        out: Folder for everything; a demo that was stopped goes on there.
        num_images: Images to generate.
        epochs: Epochs of both methods; the preset's if left out.
        reporter: Who tells the user; silent if left out.
    """
    reporter = reporter or Reporter(quiet=True)
    base = preset("demo")
    base = replace(base, epochs=base.epochs if epochs is None else epochs)
    data = out / "data"
    reporter.say(f"Generating {num_images} images of {base.size} px in {data}")
    write_synthetic(data, num_images, size=base.size, seed=0)
    runs = []
    for method, name in NAMES.items():
        args = base.args if method == base.method else {}
        config = replace(base, method=method, args=args)
        run = train(data, out / method, config, reporter=reporter)
        evaluate(run.path, data, reporter=reporter)
        split = Split.load(run.split_file)
        cases = resolve_split(split, index_cases(data))["test"]
        runs.append(read_run(run.path, name))
    return _present(out, runs, cases)


def _present(out: Path, runs: Sequence[FinishedRun], cases: Sequence[Case]) -> Demo:
    table = comparison(runs)
    chosen = typical_cases(runs)
    shown = [case for wanted in chosen for case in cases if case.id == wanted]
    picture = qualitative(runs, shown, runs[0].config.mask_classes)
    figure_file, page_file = out / "figure.png", out / "report.html"
    picture.savefig(figure_file, dpi=130)
    lead = _lead(runs, len(cases))
    collection = Collection({run.name: [run] for run in runs}, missing=[])
    write_report(page_file, collection, title="Crosslevel demo", lead=lead)
    return Demo(table, figure_file, page_file, lead)


def _lead(runs: Sequence[FinishedRun], num_test: int) -> str:
    unet, clcc = runs
    dice = clcc.dice.to_frame("clcc").join(unet.dice.rename("unet"))
    gain = paired_difference(dice["clcc"].to_numpy(), dice["unet"].to_numpy())
    return (
        f"{unet.name} and {clcc.name} were trained for {unet.num_steps} steps each on "
        f"{unet.config.labelled} labelled images (CLCC also on the unlabelled ones) and scored on "
        f"{num_test} others. Image by image, CLCC's Dice differs by {gain.mean:+.1f} points (95 % "
        f"interval over the images {gain.low:+.1f} to {gain.high:+.1f}). This is one small run "
        "each on generated images: it shows that everything works, not which method is better."
    )
