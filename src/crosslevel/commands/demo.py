"""See the main job from end to end: generated images, two methods, scores, figure, page."""

from __future__ import annotations

from pathlib import Path

from jsonargparse import ArgumentParser, Namespace

EXAMPLE = """\
example:
  crosslevel demo --out demo"""


def configure(parser: ArgumentParser) -> None:
    """Name the options."""
    parser.add_argument("--out", type=Path, default=Path("demo"), help="folder to write")
    parser.add_argument("--num_images", type=int, default=240, help="images to generate")
    parser.add_argument("--epochs", type=int | None, help="epochs; the preset's if left out")


def run(arguments: Namespace) -> None:
    """Run the demo and print its table."""
    from crosslevel.bench.demo import demo
    from crosslevel.system.console import Reporter
    from crosslevel.system.memory import keep_freed_memory

    keep_freed_memory()
    reporter = Reporter()
    result = demo(
        arguments.out,
        num_images=arguments.num_images,
        epochs=arguments.epochs,
        reporter=reporter,
    )
    print(result.to_text())  # noqa: T201
    reporter.say(f"Done: open {result.page_file}")
