"""Look at this installation: machine, versions, extras, write access, and a short self-test."""

from __future__ import annotations

from pathlib import Path

from jsonargparse import ArgumentParser, Namespace

EXAMPLE = """\
examples:
  crosslevel doctor
  crosslevel doctor --out /data/runs --skip_test"""
MARKS = {False: " ", True: "!"}
"""Where a line begins."""


def configure(parser: ArgumentParser) -> None:
    """Name the options."""
    parser.add_argument("--out", type=Path, default=Path(), help="folder you will write runs into")
    parser.add_argument("--skip_test", action="store_true", help="leave the self-test out")


def run(arguments: Namespace) -> int:
    """Print what is found as a block to paste into an issue, then what to do about it."""
    import tempfile

    from crosslevel.bench.doctor import examine
    from crosslevel.bench.self_test import self_test

    _show("To paste into an issue:\n\n```text")
    remedies, has_fault = [], False
    for finding in examine(arguments.out):
        _show(f"{MARKS[finding.is_fault]} {finding.about:22} {finding.text}")
        has_fault |= finding.is_fault
        if finding.remedy:
            remedies.append(f"{finding.about}: {finding.remedy}")
    if not arguments.skip_test:
        with tempfile.TemporaryDirectory() as folder:
            for check in self_test(Path(folder)):
                text = check.problem or f"works, in {check.seconds:.1f} s"
                _show(f"{MARKS[bool(check.problem)]} {f'test: {check.name}':22} {text}")
                has_fault |= bool(check.problem)
    verdict = "Something is wrong: see the lines that begin with !" if has_fault else "All works."
    _show("\n".join(["```", "", *remedies, verdict]))
    return int(has_fault)


def _show(text: str) -> None:
    print(text, flush=True)  # noqa: T201
