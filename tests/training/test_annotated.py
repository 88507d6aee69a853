"""From a tool's export to a run, its score and what it says of the classes."""

from __future__ import annotations

from pathlib import Path

import pytest

from crosslevel.evaluation.evaluate import evaluate
from crosslevel.models.folder import load_card
from crosslevel.training.train import train
from support import annotated
from support.tiny import tiny_auto


@pytest.mark.parametrize("tool", ["coco", "cvat zip", "label-studio"])
def test_train__on_what_a_tool_exports(
    tmp_path: Path,
    tool: str,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    monkeypatch.setattr(annotated, "NAMES", ("a0", "a1", "a2", "b0", "b1", "b2", "c0", "c1"))
    data = annotated.TOOLS[tool](tmp_path)
    config = tiny_auto(method="supervised", epochs=1, labelled=1.0)
    run = train(data, tmp_path / "run", config)
    of_the_tool = "cvat" in tool
    assert list(run.config().classes) == ["polyp", "tool"]
    assert run.config().classes["polyp"] == (annotated.COLOURS["polyp"] if of_the_tool else 1)
    assert load_card(run.model_folder).classes == ["polyp", "tool"]
    per_image = evaluate(run.path).per_image
    assert {"dice_polyp", "dice_tool"} <= set(per_image.columns)
    others = annotated.via(tmp_path_factory.mktemp("others"))
    assert len(evaluate(run.path, others, subset="all", allow_overlap=True).per_image) == 6
    train(data, tmp_path / "run", config)  # goes on: the classes are found to be the same
