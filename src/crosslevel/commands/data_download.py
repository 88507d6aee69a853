"""Fetch a public data set from its official site; a download that was cut goes on."""

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
    parser.add_argument("--mirror", type=str | None, help="fetch from this address instead")


def run(arguments: Namespace) -> None:
    """Say under which terms the data is, then fetch and unpack it."""
    from crosslevel.data.public.download import download_dataset
    from crosslevel.data.public.sources import find_source
    from crosslevel.system.console import Reporter

    reporter = Reporter()
    reporter.say(find_source(arguments.name).notice)
    with reporter.bytes_task("Downloading") as progress:
        folder = download_dataset(
            arguments.name, arguments.out, mirror=arguments.mirror, progress=progress
        )
    reporter.say(f"Done: {folder}")
    reporter.say(f"Look at it with `crosslevel data check {folder}`")
