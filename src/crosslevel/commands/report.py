"""One HTML page of finished runs: table, curves, cases, settings; opens without a network."""

from __future__ import annotations

from pathlib import Path

from jsonargparse import ArgumentParser, Namespace

EXAMPLE = """\
examples:
  crosslevel report bench --parts figures
  crosslevel report runs/first runs/second --out comparison.html
  crosslevel report results/published/kvasir-seg-800/320px/clcc-draw0-seed0 --data Kvasir-SEG"""


def configure(parser: ArgumentParser) -> None:
    """Name the options."""
    parser.add_argument("folders", nargs="+", type=Path, help="a bench, or evaluated run folders")
    parser.add_argument("--data", type=Path | None, help="images; those of the runs if left out")
    parser.add_argument(
        "--out", type=Path | None, help="the page; report.html in the first folder if left out"
    )
    parser.add_argument(
        "--paper", type=str | None, help="add the paper's figures for kvasir-seg or isic2018"
    )
    parser.add_argument(
        "--parts",
        type=Path | None,
        help="folder for its tables as CSV and LaTeX and its figures as SVG; none if left out",
    )


def run(arguments: Namespace) -> None:
    """Write the page."""
    from crosslevel.report.comparison import write_report
    from crosslevel.runs.collect import collect
    from crosslevel.runs.folder import RunFolder
    from crosslevel.system.console import Reporter

    folders = arguments.folders
    out = arguments.out or folders[0] / "report.html"
    title = folders[0].resolve().name if len(folders) == 1 else "Comparison"
    collection = collect(folders)
    write_report(
        out,
        collection,
        data=arguments.data,
        paper=arguments.paper,
        title=title,
        parts=arguments.parts,
    )
    reporter = Reporter()
    reporter.say(f"Done: {out}")
    if len(folders) == 1 and RunFolder(folders[0]).model_folder.is_dir():
        reporter.say(f"Use it with `crosslevel predict {folders[0]} IMAGES --out MASKS`")
