"""What a training started by the page is told: masks mean there what they mean on the page."""

import json

import pytest

from crosslevel.annotate.options import AnnotateOptions
from crosslevel.annotate.session import Setting
from crosslevel.annotate.work_folder import WorkFolder
from crosslevel.cli import _parser, main
from crosslevel.commands import annotate, train
from crosslevel.data.split import Split
from crosslevel.runs.folder import RunFolder, write_start
from crosslevel.runs.records import Environment
from crosslevel.types import Classes, Layout
from support.annotating import save_network, write_images
from support.tiny import tiny_config


def run_of(folder, classes):
    run = RunFolder(folder)
    said = {"classes": classes.values, "foreground": classes.foreground, "ignore": classes.ignore}
    split = Split((), (), (), (), 0, 0)
    write_start(run, tiny_config("supervised", **said), split.to_json(), Environment())
    save_network(run.model_folder, max(1, len(classes.values)))
    return run.path


def told(data, *words):
    """What the page and what its training takes masks for."""
    parser = _parser("annotate", annotate)
    arguments = parser.instantiate(parser.parse_args([str(data), *map(str, words)]))
    classes, reading = annotate.as_trained(arguments)
    layout = Layout("manual")
    setting = Setting(
        data=data,
        who="",
        classes=classes,
        layout=layout,
        reading=reading,
        ranking="both",
        say=lambda _: None,
    )
    given = annotate.train_words(AnnotateOptions(), setting)
    parser = _parser("train", train)
    asked = parser.instantiate(parser.parse_args(["--data", ".", "--out", "run", *given]))
    config = train.to_config(asked)
    assert config.layout == layout
    return classes, config.mask_classes


@pytest.mark.parametrize(
    "classes",
    [Classes({"nucleus": 1, "membrane": (9, 8, 7)}, ignore=255), Classes(foreground="polyp")],
)
def test_annotate__a_training_reads_masks_as_the_run_does(tmp_path, classes):
    run = run_of(tmp_path / "run", classes)
    assert told(write_images(tmp_path / "data", 1), "--run", run) == (classes, classes)


def test_annotate__the_last_round_says_it_the_next_day_too(tmp_path):
    data = write_images(tmp_path / "data", 1)
    classes = Classes(foreground="polyp")
    run_of(data / ".crosslevel" / "runs" / "round-001", classes)
    done = {"run": ".crosslevel/runs/round-001", "dice": 1.0, "num_scored": 1}
    rounds = {"rounds": [done | {"num_masks": 3, "ended": ""}]}
    WorkFolder(data).rounds_file.write_text(json.dumps(rounds))
    assert told(data) == (classes, classes)


def test_annotate__options_come_before_the_run(tmp_path):
    run = run_of(tmp_path / "run", Classes(foreground="polyp", ignore=255))
    expected = Classes(foreground="polyp", ignore=7)
    data = write_images(tmp_path / "data", 1)
    assert told(data, "--run", run, "--ignore", 7) == (expected, expected)
    with_classes = Classes({"polyp": 1, "tool": 2})
    words = ["--classes.polyp", "1", "--classes.tool", "2"]
    assert told(data, "--run", run, *words) == (with_classes, with_classes)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--port", "70000"], "port is 70000; it must be at most 65535"),
        (["--retrain_budget", "soon"], "'soon' is not a time: write it like 90s"),
        (["--retrain_budget", "0s"], "retrain_budget is 0s, in which nothing is learned"),
        (["--config", "nope.yaml"], "No file 'nope.yaml', and no preset of that name"),
    ],
)
def test_annotate__refuses_at_the_start_what_cannot_be_done(tmp_path, capsys, words, message):
    assert main(["annotate", str(write_images(tmp_path, 1)), *words]) == 2
    assert message in capsys.readouterr().err
