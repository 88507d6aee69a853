"""The page of one run: what it is, its groups, where it fails, what its data are like."""

from dataclasses import replace

import pandas as pd
import pytest

from crosslevel.data.split import Split
from crosslevel.report.curves import validation_curves
from crosslevel.report.data_sheet import data_section
from crosslevel.report.groups import group_sections
from crosslevel.report.pictures import picture_sections
from crosslevel.report.summary import summary
from crosslevel.runs.collect import collect
from crosslevel.runs.records import Log


@pytest.fixture(scope="module")
def runs(bench):
    """Supervised and mean_teacher, of the first draw."""
    return collect([bench]).representatives


def scores(**columns):
    return pd.DataFrame({"id": list("abcde"), **columns}).set_index("id")


def test_summary__says_what_learned_from_what_and_how_good_it_is(runs):
    supervised, mean_teacher = runs
    assert isinstance(mean_teacher.split, Split)
    assert summary(supervised).startswith(
        "A segmenter (unet, 32 px) was trained by supervised on 4 images with masks. Its mean Dice "
    )
    assert "by mean_teacher on 4 images with masks and 10 without." in summary(mean_teacher)
    found = replace(supervised.summary, mean={"dice": 71.26}, dice_interval=(60.04, 82.5))
    text = summary(replace(supervised, summary=found))
    assert text.endswith(
        "Its mean Dice is 71.3 (95 % interval over the images 60.0 to 82.5) on 5 test images that "
        "it did not learn from."
    )


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"subset": "out-of-fold"}, "out of fold: 5 images, each scored by a network of the same"),
        ({"subset": "all", "num_trained_on": 2}, "on 5 images, of which 2 were used in training"),
        ({"subset": "val"}, "on 5 images of the part val that"),
    ],
)
def test_summary__says_on_what_the_score_is(runs, changes, said):
    changed = replace(runs[0].summary, **changes)
    assert said in summary(replace(runs[0], summary=changed))


def test_validation_curve__is_left_out_where_no_run_was_validated(runs):
    first, second = runs
    unseen = replace(first, log=first.log.drop(columns=Log.VAL_DICE))
    assert validation_curves({"folds": [unseen]}) is None
    assert validation_curves({"folds": [unseen], "other": [second]}) is not None


def test_groups__have_their_mean_and_worst_image_the_lowest_mean_above(runs):
    table = scores(dice=[0.9, 0.8, 0.2, 0.6, 0.7], group=["p1", "p1", "p2", "p2", None])
    other = table.assign(dice=[0.7, 0.8, 0.4, 0.6, 0.7])
    first, second = (replace(runs[0], per_image=one) for one in (table, other))
    [section] = group_sections({"row": [first, second]})
    assert section.table is not None
    assert section.table.to_numpy().tolist() == [
        ["p2", "2", "45.0", "30.0", "c"],
        ["p1", "2", "80.0", "80.0", "a"],
    ]
    [note] = section.notes
    assert note.startswith("row: mean over 2 groups 62.5 (95 % interval over the groups ")
    assert group_sections({"row": [runs[0]]}) == []


def test_failures__are_those_of_lowest_dice_then_others_with_most_objects_wrong(runs):
    dice = runs[0].per_image["dice"].sort_values(kind="stable")
    least, best = str(dice.index[0]), str(dice.index[-1])
    table = runs[0].per_image.assign(objects=2, missed_objects=0, extra_objects=0)
    table.loc[[least, best], "missed_objects"] = 1
    lowest, missed, extra = picture_sections([replace(runs[0], per_image=table)], None)
    assert lowest.gallery is not None
    assert [name for name, _ in lowest.gallery.rows] == [f"{i}.jpg" for i in dice.index[:4]]
    assert [p.caption.partition(":")[0] for p in lowest.gallery.rows[0][1]] == [
        *("image", "truth", "prediction")
    ]
    assert missed.gallery is not None
    assert [name for name, _ in missed.gallery.rows] == [f"{best}.jpg"]
    assert "Of 10 true objects 2 were missed" in missed.text[0]
    assert "in 2 of 5 images" in missed.text[0]
    assert (extra.gallery, extra.text[0]) == (None, "Nothing was found outside of true objects.")


def test_failures__show_a_false_alarm_in_a_healthy_image(runs):
    table = runs[0].per_image.assign(missed_objects=0, extra_objects=0)
    healthy = str(table["dice"].idxmax())
    table.loc[healthy, ["foreground_share", "extra_objects", "dice"]] = 0, 3, 0
    *_, extra = picture_sections([replace(runs[0], per_image=table)], None)
    assert extra.gallery is not None
    [(name, panels)] = extra.gallery.rows
    assert name == f"{healthy}.jpg"
    assert panels[-1].caption == "prediction: Dice 0"


def test_failures__of_scores_without_objects_say_what_to_do(runs):
    table = runs[0].per_image.drop(columns=["missed_objects", "extra_objects"])
    _, missed, extra = picture_sections([replace(runs[0], per_image=table)], None)
    assert "repeat `crosslevel evaluate RUN`" in missed.text[0]
    assert missed.text == extra.text


def test_data__counts_are_those_of_the_folder(runs):
    table = data_section(runs[:1]).table
    assert table is not None
    facts = dict(table.to_numpy().tolist())
    assert facts["Images"] == "24, 24 of them with a mask"
    assert facts["Size"] == "32 px wide, 32 px high; all of one size"
    assert facts["Masks opened"] == "14, none of them empty"
    assert facts["Parts"] == (
        "4 with a mask to learn from; 10 without a mask to learn from; 5 to choose the epoch; "
        "5 to test"
    )
    assert facts["Not used: 10"].startswith("they have a mask that was not opened")


def test_data__of_an_earlier_version_has_the_parts_alone(runs):
    section = data_section([replace(runs[0], sheet=None)])
    assert "`crosslevel data check`" in section.text[0]
    assert section.table is not None
    assert section.table["Fact"].tolist() == ["Parts"]
