"""The parts of a page that say how its numbers were made: settings, machine, versions."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import chain

import pandas as pd
import yaml

from crosslevel.config.files import flatten, to_dict, to_yaml
from crosslevel.report.page import Section
from crosslevel.runs.finished import FinishedRun

PER_RUN = ("draw", "seed")
"""Settings in which the runs of one row differ."""
ARGUMENTS = "Arguments of the method"
IN_FULL = ("command", "data", "method_source", "num_masks")
"""What is not shown of `environment.json` before the whole of it."""


def settings_section(runs: Sequence[FinishedRun]) -> Section:
    """Return what differs between the rows, and all settings of each.

    Args:
        runs: One for each row.
    """
    table = _differing(runs)
    is_alone = len(runs) == 1
    text = (
        "All settings are below."
        if is_alone
        else "All rows have the same settings, spelled out below."
        if table.empty
        else "Where the rows differ; all other settings are equal, and spelled out below."
    )
    return Section(
        "Settings",
        (text,),
        table=None if table.empty else table,
        is_prose=True,
        details=[(f"All settings of {run.name}", to_yaml(run.config)) for run in runs],
    )


def environment_section(runs: Sequence[FinishedRun]) -> Section:
    """Versions, commit, machine and commands of all runs."""
    known = [run for run in runs if run.environment.recorded()]
    if not known:
        return Section("Environment", ("The runs recorded no environment.",))
    recorded = [run.environment.recorded() for run in known]
    keys = [key for key in dict.fromkeys(chain(*recorded)) if key not in IN_FULL]
    facts = {
        key.capitalize(): _distinct(found[key] for found in recorded if found.get(key))
        for key in keys
    }
    table = pd.DataFrame([(label, value) for label, value in facts.items() if value])
    commands = "\n".join(f"{run.label}:\n  {shlex.join(run.environment.command)}" for run in known)
    return Section(
        "Environment",
        ("As the runs wrote it down; values that differ stand beside each other.",),
        table=table.set_axis(["Fact", "Value"], axis=1) if len(table) else None,
        is_prose=True,
        details=[("Commands", commands), *_whole(known)],
    )


def _differing(runs: Sequence[FinishedRun]) -> pd.DataFrame:
    """Return one row for each run, one column for each setting that is not equal in all of them."""
    trees = [to_dict(run.config) for run in runs]
    arguments = [flatten(tree.pop("args")) for tree in trees]
    flat = [{key: _shown(value) for key, value in flatten(tree).items()} for tree in trees]
    table = pd.DataFrame(flat).fillna("").drop(columns=list(PER_RUN))
    table = table.loc[:, table.nunique() > 1]
    if any(given != arguments[0] for given in arguments):
        table[ARGUMENTS] = [
            "; ".join(f"{key}: {_shown(value)}" for key, value in given.items())
            for given in arguments
        ]
    if table.empty:
        return table
    table.insert(0, "Method" if "method" not in table else "Row", [run.name for run in runs])
    return table.rename(columns=str.capitalize)


def _whole(runs: Iterable[FinishedRun]) -> list[tuple[str, str]]:
    """Runs with the same environment together; their commands are shown apart."""
    by_text: dict[str, list[str]] = {}
    for run in runs:
        rest = replace(run.environment, command=[]).recorded()
        by_text.setdefault(yaml.safe_dump(rest, sort_keys=False), []).append(run.label)
    if len(by_text) == 1:
        return [("Environment of all runs", next(iter(by_text)))]
    return [(f"Environment of {'; '.join(labels)}", text) for text, labels in by_text.items()]


def _distinct(values: Iterable[object]) -> str:
    return " | ".join(dict.fromkeys(map(_shown, values)))


def _shown(value: object) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {part}" for key, part in value.items() if part is not None)
    if isinstance(value, str):
        return value
    return json.dumps(value)
