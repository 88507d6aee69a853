import dataclasses
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crosslevel.evaluation.metrics import CaseScore
from crosslevel.runs.records import (
    IN_PERCENT,
    SCORES,
    Cell,
    ConfidenceOrder,
    Environment,
    Summary,
)

SUMMARY = Summary(
    subset="test",
    num_cases=5,
    num_trained_on=0,
    num_validated_on=0,
    num_masks_changed=1,
    num_epochs_done=3,
    mean={"dice": 81.25},
    confidence=ConfidenceOrder(spearman=0.5, num_lowest=1, dice_lowest=40, dice_others=90),
    metric_size="original",
    threshold=0.4,
    flips=True,
    runtime="PyTorch",
    method="clcc",
    model="run",
    data="polyps",
    environment=Environment(python="3.12", packages={"torch": "2.13"}, cores=2),
)


def test_summary__is_read_as_it_was_written():
    assert Summary.from_json(SUMMARY.to_json()) == SUMMARY
    without = dataclasses.replace(SUMMARY, confidence=None, environment=Environment())
    assert Summary.from_json(without.to_json()) == without


def test_summary__of_an_earlier_version_lacks_what_was_not_counted_then():
    content = json.loads(SUMMARY.to_json())
    for name in ("num_trained_on", "num_epochs_done", "confidence", "flips", "environment"):
        del content[name]
    found = Summary.from_json(json.dumps({**content, "threads": 2}))
    assert (found.num_trained_on, found.num_epochs_done, found.confidence) == (None, None, None)
    assert found.environment == Environment()
    assert found.mean == SUMMARY.mean


def test_summary__passes_over_what_an_early_version_said_of_confidence():
    content = json.loads(SUMMARY.to_json()) | {"confidence": {"rank_correlation": 0.6}}
    assert Summary.from_json(json.dumps(content)).confidence is None


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "Expecting value"),
        ("[]", "expected an object, found list"),
        ("{}", "subset, num_cases, mean, metric_size, threshold, method, model, data missing"),
        (SUMMARY.to_json().replace('"confidence": {', '"confidence": [1], "x": {'), "found list"),
    ],
)
def test_summary__damaged(text, message):
    with pytest.raises(ValueError, match=message):
        Summary.from_json(text)


def test_environment__holds_this_process_and_the_facts_of_a_training():
    here = Environment.here(data="polyps", threads=2)
    assert Environment.from_json(here.to_json()) == here
    assert (here.data, here.threads, here.device) == ("polyps", 2, None)
    assert here.packages["torch"]
    assert Environment().recorded() == {}


def test_scores__are_those_of_a_case():
    assert list(SCORES) == [field.name for field in dataclasses.fields(CaseScore)]
    assert IN_PERCENT == ("dice", "iou", "mae", "mae_mask", "precision", "recall")


@given(st.text(st.characters(exclude_characters=":\n"), min_size=1), st.integers(0), st.integers(0))
def test_cell__its_name_is_parsed_as_it_was_written(row, draw, seed):
    cell = Cell(row, draw, seed)
    assert Cell.parse(cell.folder_name) == cell


def test_cell__of_a_file_is_named_by_its_method():
    assert Cell("my/file.py:Mine", 1, 2).folder_name == "Mine-draw1-seed2"


@pytest.mark.parametrize("name", ["clcc", "clcc-draw1", "clcc-draw1-seedx", "-draw1-seed2", ""])
def test_cell__of_another_folder_is_none(name):
    assert Cell.parse(name) is None
