"""Whether expected Dice holds: what was expected of groups of images against what was found."""

from __future__ import annotations

from matplotlib.axes import Axes

from crosslevel.report.drawing import TEXT, Rows, draw
from crosslevel.report.page import Chart
from crosslevel.report.palette import marks


def calibration_curve(rows: Rows) -> Chart | None:
    """Return the true Dice of groups of images over their expected Dice, a line for each run.

    Returns:
        None if no run has recorded it.
    """
    found = {
        name: [run.summary.expected_dice for run in runs if run.summary.expected_dice]
        for name, runs in rows.items()
    }
    if not any(found.values()):
        return None
    look = marks(rows)

    def paint(axis: Axes) -> None:
        axis.plot([0, 100], [0, 100], color=TEXT, linewidth=0.8, alpha=0.6)
        for name, measured in found.items():
            mark = look[name]
            for one in measured:
                expected = [100 * group.expected for group in one.groups]
                dice = [100 * group.dice for group in one.groups]
                axis.plot(
                    expected, dice, marker="o", markersize=4, color=mark.placeholder,
                    linestyle=mark.line,
                )  # fmt: skip
        axis.set(xlabel="Expected Dice", ylabel="Mean Dice", xlim=(0, 100), ylim=(0, 100))

    words = [
        f"{name} is off by {100 * one.error:.1f} (by luck alone {100 * one.luck:.1f}), rank "
        f"correlation {one.spearman:.2f} [{one.spearman_low:.2f}, {one.spearman_high:.2f}]"
        for name, measured in found.items()
        for one in measured
    ]
    return draw(
        paint,
        3.1,
        "Mean Dice of groups of test images over their expected Dice, a line for each run. "
        "Perfect numbers are on the thin line, but for luck: groups are small.",
        f"Expected Dice: {'; '.join(words)}.",
    )
