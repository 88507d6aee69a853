"""Put a scored run's model on a hub: card, weights, and a page that says what it is and how good.

What goes there is model.json, model.safetensors, the calibration, and README.md. Look at the page
first (--dry_run): it has counts and scores, no names of images or patients.
"""

from __future__ import annotations

from pathlib import Path

from jsonargparse import ArgumentParser, Namespace

EXAMPLE = """\
examples:
  crosslevel hub push runs/first hf:clinic/polyps --license cc-by-nc-4.0 --dry_run
  crosslevel hub push runs/first hf:clinic/polyps --license cc-by-nc-4.0 --private"""


def configure(parser: ArgumentParser) -> None:
    """Name the options."""
    parser.add_argument("run", type=Path, help="run folder, scored by evaluate")
    parser.add_argument("address", type=str, help="hf:owner/name, made if it does not exist")
    parser.add_argument(
        "--license", type=str, required=True, help="of the weights, as the hub names it"
    )
    parser.add_argument("--private", action="store_true", help="for its owner alone, if made now")
    parser.add_argument("--dry_run", action="store_true", help="print the page, send nothing")


def run(arguments: Namespace) -> None:
    """Push, and print where the model is now."""
    from crosslevel.models.folder import load_model
    from crosslevel.models.hub import Address, push
    from crosslevel.report.model_card import model_card
    from crosslevel.runs.finished import read_run
    from crosslevel.runs.folder import RunFolder
    from crosslevel.system.console import Reporter

    address = Address.parse(arguments.address)
    folder = RunFolder(arguments.run).model_folder
    finished = read_run(arguments.run, arguments.run.name)
    _, card = load_model(folder)
    text = model_card(finished, card, address=str(address), licence=arguments.license)
    if arguments.dry_run:
        print(text)  # noqa: T201
        return
    pinned = push(folder, address, card=text, is_private=arguments.private)
    Reporter().say(f"Done: crosslevel predict {pinned} IMAGES --out masks")
