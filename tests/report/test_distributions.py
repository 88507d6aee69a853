from dataclasses import replace

import numpy as np
import pandas as pd

from crosslevel.report.distributions import dice_by_coverage, dice_by_size, dice_distribution
from crosslevel.runs.collect import collect


def test_charts__say_in_words_what_they_draw(bench):
    rows = collect([bench]).rows
    share = np.linspace(0.01, 0.4, 8)
    dice = pd.DataFrame({"dice": np.linspace(0.1, 0.8, 8), "foreground_share": share})
    run = replace(rows["supervised"][0], per_image=dice.set_axis(list("abcdefgh")))
    worse = replace(run, per_image=run.per_image.assign(dice=dice["dice"].to_numpy() / 2))
    made = {"half": [worse], "whole": [run]}
    assert dice_distribution(made).description == "Median Dice: whole 45, half 22."
    by_size = dice_by_size(made)
    assert by_size is not None
    assert by_size.description.endswith("lesions: half 8 to 38, whole 15 to 75.")
    for label in ("1.0–6.6", "34.4–40.0"):
        assert label in by_size.svg


def test_coverage__is_the_mean_of_what_is_left(bench):
    rows = collect([bench]).rows
    dice = np.linspace(0.1, 1.0, 10)
    scores = pd.DataFrame({"dice": dice, "confidence": dice}, index=list("abcdefghij"))
    knows = replace(rows["supervised"][0], per_image=scores)
    errs = replace(knows, per_image=scores.assign(confidence=-dice))
    chart = dice_by_coverage({"knows": [knows], "errs": [errs], "both": [knows, errs]})
    assert chart is not None
    assert chart.description.endswith(
        "lowest confidence: knows 55 to 60, errs 55 to 50, both 55 to 55."
    )
    healthy = pd.DataFrame({"dice": 0.0, "confidence": 0.5, "foreground_share": 0.0}, index=["z"])
    with_healthy = pd.concat([scores.assign(foreground_share=0.1), healthy])
    chart = dice_by_coverage({"knows": [replace(knows, per_image=with_healthy)]})
    assert chart is not None
    assert chart.description.endswith("knows 55 to 60.")
    silent = replace(knows, per_image=scores.drop(columns="confidence"))
    assert dice_by_coverage({"knows": [knows], "silent": [silent]}) is None
    few = replace(knows, per_image=scores.iloc[:9])
    assert dice_by_coverage({"few": [few]}) is None
