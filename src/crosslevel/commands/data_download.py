"""Fetch a public data set from its official site, with its terms."""

from __future__ import annotations

from pathlib import Path

from jsonargparse import ArgumentParser, Namespace

EXAMPLE = """\
example:
  crosslevel data download kvasir-seg --out data"""


def configure(parser: ArgumentParser) -> None:
    """Name the options."""
    parser.add_argument("name", help="kvasir-seg or isic2018")
    parser.add_argument("--out", type=Path, required=True, help="folder to unpack into")
