"""Options written once are the same on the command line, in Python and for type checkers."""

from dataclasses import fields
from typing import get_args, get_type_hints

import pytest

from crosslevel import Segmenter, evaluate
from crosslevel.cli import _parser
from crosslevel.commands import evaluate as evaluate_command
from crosslevel.commands import predict as predict_command
from crosslevel.commands.options import chosen
from crosslevel.errors import InputError
from crosslevel.evaluation.options import EvaluateKeywords, EvaluateOptions
from crosslevel.inference.exported import FASTEST_FIRST
from crosslevel.inference.options import InferenceKeywords, InferenceOptions, Outputs
from crosslevel.inference.runtimes import EXPORTED
from crosslevel.types import ExportPrecision, Format

PAIRS = [(EvaluateOptions, EvaluateKeywords), (InferenceOptions, InferenceKeywords)]


@pytest.mark.parametrize(("options", "keywords"), PAIRS)
def test_keywords__are_the_fields(options, keywords):
    assert get_type_hints(options) == get_type_hints(keywords)


@pytest.mark.parametrize(
    ("name", "command", "words", "options"),
    [
        ("evaluate", evaluate_command, ["run"], EvaluateOptions),
        ("predict", predict_command, ["run", "a.png", "--out", "b"], InferenceOptions),
        ("predict", predict_command, ["run", "a.png", "--out", "b"], Outputs),
    ],
)
def test_command__has_each_option_with_its_default_and_help(name, command, words, options):
    parser = _parser(name, command)
    found = chosen(parser.parse_args(words), options)
    assert options(**found) == options()
    text = parser.format_help()
    for field in fields(options):
        assert f"--{field.name}" in text
    switches = [f"--{field.name}" for field in fields(options) if field.default is False]
    switched = chosen(parser.parse_args([*words, *switches]), options)
    assert all(switched[switch.removeprefix("--")] for switch in switches)


def test_values_there_are_not__are_refused(tmp_path):
    with pytest.raises(InputError, match="subset is 'tset'; it must be one of test, val, all"):
        evaluate(tmp_path, subset="tset")  # type: ignore[arg-type]
    with pytest.raises(InputError, match="runtime is 'tensorrt'; it must be one of auto, torch"):
        Segmenter.load(tmp_path, runtime="tensorrt")  # type: ignore[arg-type]


def test_fastest_first__has_every_export_that_is_computed_with():
    computed = {
        (f, p) for f in get_args(Format) if f in EXPORTED for p in get_args(ExportPrecision)
    }
    assert set(FASTEST_FIRST) == computed
    assert len(FASTEST_FIRST) == len(computed)
