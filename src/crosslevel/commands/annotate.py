"""Open a page on which you correct masks, image by image, and the network learns from them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from jsonargparse import ArgumentParser, Namespace

from crosslevel.annotate.options import AnnotateOptions
from crosslevel.commands.mask_options import add_mask_arguments, to_classes, to_layout
from crosslevel.commands.options import RUN_OR_MODEL, add_options, add_threads, chosen

if TYPE_CHECKING:
    from crosslevel.types import Classes, Reading

EXAMPLE = """\
examples:
  crosslevel annotate polyps
  crosslevel annotate polyps --run runs/first --retrain_every 20
  crosslevel annotate cells --classes.nucleus 1 --classes.membrane 2"""


def configure(parser: ArgumentParser) -> None:
    """Name the options."""
    parser.add_argument("data", type=Path, help="folder of images, with or without masks")
    parser.add_argument("--run", type=Path | None, help=f"what suggests masks: {RUN_OR_MODEL}")
    parser.add_argument("--port", type=int, default=8642, help="port of the page; 0 for a free one")
    add_options(parser, AnnotateOptions)
    add_mask_arguments(parser)
    add_threads(parser)


def run(arguments: Namespace) -> None:
    """Serve the page until Ctrl-C."""
    from importlib.util import find_spec

    from crosslevel.errors import InputError

    if find_spec("fastapi") is None or find_spec("uvicorn") is None:
        raise InputError("annotate needs the extra serve: `pip install 'crosslevel[serve]'`.")
    _serve(arguments, AnnotateOptions(**chosen(arguments, AnnotateOptions)))


def _serve(arguments: Namespace, options: AnnotateOptions) -> None:
    import getpass

    from crosslevel.annotate.learning import Learning
    from crosslevel.annotate.session import Session, Setting
    from crosslevel.serving.annotating import annotate_app
    from crosslevel.serving.options import ServerOptions
    from crosslevel.serving.server import run_server
    from crosslevel.system.console import Reporter

    reporter = Reporter()
    classes, reading = _as_trained(arguments)
    setting = Setting(
        data=arguments.data.resolve(),
        who=options.who or getpass.getuser(),
        classes=classes,
        layout=to_layout(arguments),
        reading=reading,
        ranking=options.ranking,
        say=reporter.say,
    )
    session = Session(setting)
    server = ServerOptions(port=arguments.port, token=session.work.token())
    for warning in session.warnings:
        reporter.say(f"warning: {warning}")
    words = _train_words(arguments, options)
    learning = Learning(session, arguments.run, words, options.retrain_every)
    app = annotate_app(learning, server)
    done = sum(item.case.mask is not None for item in session.items)
    reporter.say(f"{arguments.data}: {len(session.items)} images, {done} with a mask")

    def announce(where: str) -> None:
        tell_others(where)
        reporter.say(f"Open {where}/#token={server.token}   (Ctrl-C ends; all is saved)")

    with session.work.locked() as tell_others:
        run_server(app, server.host, server.port, announce=announce, logs_requests=False)


def _as_trained(arguments: Namespace) -> tuple[Classes, Reading]:
    """Return what masks mean and how images are read: as options say, else as the run has it."""
    from crosslevel.errors import InputError
    from crosslevel.types import Reading

    classes = to_classes(arguments)
    if arguments.run is None:
        return classes, Reading()
    from crosslevel.inference.segmenter import model_folder
    from crosslevel.models.folder import load_card
    from crosslevel.runs.folder import RunFolder

    card = load_card(model_folder(arguments.run))
    if not classes.values and RunFolder(arguments.run).config_file.is_file():
        classes = RunFolder(arguments.run).config().mask_classes
    if len(card.classes) > 1 and not classes.values:
        raise InputError(
            f"The model has the classes {', '.join(card.classes)}, and nothing says which values "
            "they have in a mask: give --classes."
        )
    return classes, card.reading


def _train_words(arguments: Namespace, options: AnnotateOptions) -> list[str]:
    """Return the options that a training needs to read the masks as they are written here."""
    import json

    words = ["--config", options.config] if options.config else []
    if not options.config and options.retrain_budget:
        words += ["--budget", options.retrain_budget]
    if arguments.classes:
        words += ["--classes", json.dumps(arguments.classes)]
    if arguments.ignore is not None:
        words += ["--ignore", json.dumps(arguments.ignore)]
    for name in ("masks", "group_by"):
        if arguments[name]:
            words += [f"--{name}", arguments[name]]
    return [*words, *(["--instances"] if arguments.instances else [])]
