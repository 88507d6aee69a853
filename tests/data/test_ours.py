"""Files of ours in a folder of data: masks that `predict` wrote are not truth by themselves."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from crosslevel.cli import main
from crosslevel.data.formats.opening import content_hash
from crosslevel.data.ours import PREDICTED, about_predicted


def listed(folder: Path, *names: str) -> None:
    lines = [json.dumps([name, content_hash(folder / name)]) for name in names]
    (folder / PREDICTED).write_text("\n".join(lines) + '\n["half of a li')


def test_about_predicted__corrected_masks_and_others_are_not_named(tmp_path: Path) -> None:
    names = ["a.png", "p1/b.png", "corrected.png"]
    masks = [tmp_path / name for name in (*names, "drawn.png")]
    (tmp_path / "p1").mkdir()
    for mask in masks:
        mask.write_text(mask.name)
    listed(tmp_path, *names)
    (tmp_path / "corrected.png").write_text("corrected")
    (line,) = about_predicted([*masks, masks[0]])
    assert line.startswith(
        f"{masks[0]}, {masks[1]}: masks as `predict` wrote them count as truth: 2"
    )
    assert about_predicted(masks[2:]) == []


def test_data_check__says_that_masks_are_predicted(
    lesions: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = shutil.copytree(lesions, tmp_path / "data")
    assert main(["data", "check", str(data)]) == 0
    assert "`predict`" not in capsys.readouterr().out
    listed(data / "masks", *(mask.name for mask in sorted((data / "masks").iterdir())[:3]))
    assert main(["data", "check", str(data)]) == 0
    assert "masks as `predict` wrote them count as truth: 3." in capsys.readouterr().out
