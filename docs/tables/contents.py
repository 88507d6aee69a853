"""The tables by name, each a function of the page it stands on."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from crosslevel.report.bench import PAPER
from crosslevel.runs.records import SCORES
from docs.tables import annotation, api, clcc, logs, methods, options, recipe
from docs.tables.cells import fill, gain, link, markdown, spread
from docs.tables.published import Protocol, Runs, protocol, protocols

SCORES_SHOWN = ("dice", "iou", "mae", "mae_mask")
SIDE_BY_SIDE = "kvasir-seg-800/96px-48-masks-gpu"
COST = ("the paper: Dice / mIoU / MAE (mask)", "minutes", "GB")


def one_batch(page: Path) -> str:
    """Show all rows of the paper that were trained in one batch."""
    del page
    return _rows(protocol(clcc.JOINT), digits=1)


def published(page: Path) -> str:
    """Show every protocol: its rows, what is particular, the command."""
    return "\n\n".join(_section(page, of) for of in protocols())


def _section(page: Path, of: Protocol) -> str:
    facts = of.facts
    return "\n".join(
        [
            f"### {facts['title']}",
            "",
            f"- Runs: {of.dataset}, {link(page, of.key.split('/')[1], of.key)}.",
            *fill(f"- Data: {facts['data']}; {facts['masks']} masks in training."),
            *fill(
                f"- Machine: {facts['machine']}; {facts['precision']}. Commit: {facts['commit']}."
            ),
            "",
            "```bash",
            facts["command"],
            "```",
            "",
            _rows(of, digits=2),
            "",
            *(text for line in facts["particular"] for text in fill(f"- {line}")),
        ]
    )


def _rows(of: Protocol, digits: int) -> str:
    lines = []
    for name, runs in of.rows.items():
        scores = [spread(runs, score, digits) for score in SCORES_SHOWN]
        minutes = f"{sum(one.seconds for one in runs) / len(runs) / 60:.0f}"
        peak = of.facts.get("peak_memory_gb", {}).get(name)
        paper = PAPER.get(of.facts.get("paper", ""), {}).get(name, "").replace("±", " ± ")
        compared = gain(runs, of.reference, digits)
        lines.append(
            [
                name,
                str(len(runs)),
                *scores,
                *compared,
                paper,
                minutes,
                f"{peak:.2f}" if peak else "",
            ]
        )
    against = f"Dice against {of.facts.get('reference', '')}".strip()
    header = ["row", "runs", *(SCORES[score] for score in SCORES_SHOWN), against, "verdict", *COST]
    wanted = [i for i in range(len(header)) if any(line[i] for line in lines)]
    return markdown([header[i] for i in wanted], [[line[i] for i in wanted] for line in lines])


def side_by_side(page: Path) -> str:
    """Show every method of one protocol: its gain, and what a step of it costs."""
    of = protocol(SIDE_BY_SIDE)
    costs = of.facts["cpu_seconds_a_step"]
    order = sorted(of.rows, key=lambda name: -_mean_dice(of.rows[name]))
    lines = [
        [
            f"`{name}`",
            str(len(of.rows[name])),
            spread(of.rows[name]),
            *(gain(of.rows[name], of.reference) if name != of.facts["reference"] else ("", "")),
            f"{costs[name] / costs[of.facts['reference']]:.1f}" if name in costs else "",
        ]
        for name in order
    ]
    header = ["method", "runs", "Dice", "against supervised [95 % interval]", "verdict", "a step"]
    del page
    return markdown(header, lines)


def _mean_dice(runs: Runs) -> float:
    return sum(run.summary.mean["dice"] for run in runs) / len(runs)


TABLES: dict[str, Callable[[Path], str]] = {
    "readme": recipe.readme,
    "api": api.calls,
    "recipe": recipe.recipe,
    "recipe-curve": recipe.recipe_curve,
    "more-work": recipe.more_work,
    "by-size": recipe.by_size,
    "masks-in-all": recipe.masks_in_all,
    "clcc-ladder": clcc.ladder,
    "clcc-fresh": clcc.fresh,
    "clcc-authors": clcc.authors,
    "clcc-authors-isic": clcc.authors_isic,
    "clcc-elsewhere": clcc.elsewhere,
    "contrast": clcc.contrast,
    "contrast-ideas": clcc.contrast_ideas,
    "batchnorm": clcc.batchnorm,
    "one-batch": one_batch,
    "supervised-loss": logs.supervised_loss,
    "weights": logs.weights,
    "joint-batch": logs.joint_batch,
    "lesion-sizes": logs.lesion_sizes,
    "confidence": logs.confidence,
    "order": annotation.order,
    "effort": annotation.effort,
    "side-by-side": side_by_side,
    "methods": methods.cards,
    "pretext-tasks": methods.pretext_cards,
    "pretraining-fields": options.pretraining_fields,
    "pretext-options": options.pretext_options,
    "published": published,
    "fields": options.fields,
    "options": options.options,
}
