"""What is said of masks that are not drawn in the classes of a run."""

from pathlib import Path

import pytest

from crosslevel.data.cases import find_cases
from crosslevel.evaluation.evaluate import evaluate
from crosslevel.evaluation.fitting import about_labels
from crosslevel.runs.folder import RunFolder
from crosslevel.system.console import Reporter
from crosslevel.types import Classes
from support import annotated

ONE_CLASS = (
    "labels polyp, tool: all their shapes count as foreground, since the run has one class without "
    "a name. To score one label alone, name it (--classes.polyp 1)."
)


@pytest.mark.parametrize(
    ("classes", "lines"),
    [
        (Classes({"tool": 1, "Polyp": 2}), []),
        (Classes(instances=True), []),
        (Classes(), [ONE_CLASS]),
        (
            Classes(foreground="polyp"),
            ["label tool: its shapes count as background, since it is not among the classes."],
        ),
    ],
)
def test_about_labels__of_two(tmp_path: Path, classes: Classes, lines: list[str]) -> None:
    annotated.coco(tmp_path)
    assert about_labels(find_cases(tmp_path).cases, classes) == lines


def test_about_labels__of_drawn_masks_there_is_nothing_to_say(lesions: Path) -> None:
    assert about_labels(find_cases(lesions).cases, Classes()) == []


def test_evaluate__says_that_several_labels_are_one_class(
    bench: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = RunFolder(next(bench.rglob("config.yaml")).parent)
    annotated.coco(tmp_path / "data")
    evaluate(
        *(run.path, tmp_path / "data"), subset="all", out=tmp_path / "out", reporter=Reporter()
    )
    assert ONE_CLASS in capsys.readouterr().err
