"""Say what is in a folder (images, masks, sizes, foreground) and every problem it has."""

from __future__ import annotations

from pathlib import Path

from jsonargparse import ArgumentParser, Namespace

EXAMPLE = """\
examples:
  crosslevel data check polyps
  crosslevel data check cells --classes.nucleus 1 --classes.membrane 2"""


def configure(parser: ArgumentParser) -> None:
    """Name the options."""
    parser.add_argument("data", type=Path, help="folder, or CSV of paths")
    parser.add_argument(
        "--classes",
        type=dict[str, int | tuple[int, int, int]],
        default={},
        help="mask value or colour of each class, for more than one",
    )


def run(arguments: Namespace) -> None:
    """Print the report; problems are an error."""
    from crosslevel.console import Reporter
    from crosslevel.data.cases import index_cases
    from crosslevel.data.check import check_cases
    from crosslevel.errors import DataError
    from crosslevel.types import Classes

    cases = index_cases(arguments.data)
    with Reporter().task("Checking images", len(cases)) as advance:
        report = check_cases(
            cases, Classes(arguments.classes), progress=lambda done, total: advance()
        )
    print(report.to_text())  # noqa: T201
    if report.problems:
        raise DataError([f"{len(report.problems)} problems, listed above"])
