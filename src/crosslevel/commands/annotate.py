"""Open a page on which you correct masks, image by image, and the network learns from them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from jsonargparse import ArgumentParser, Namespace

from crosslevel.annotate.options import AnnotateOptions
from crosslevel.commands.mask_options import add_mask_arguments, to_classes, to_layout
from crosslevel.commands.options import RUN_OR_MODEL, add_options, add_threads, chosen
from crosslevel.types import FOREGROUND

if TYPE_CHECKING:
    from crosslevel.annotate.session import Setting
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
    options = AnnotateOptions(**chosen(arguments, AnnotateOptions))
    _check_training(options)
    _serve(arguments, options)


def _check_training(options: AnnotateOptions) -> None:
    """Refuse at the start what would be refused when the first training begins."""
    from crosslevel.commands.train import seconds
    from crosslevel.config.files import preset
    from crosslevel.errors import InputError

    if options.config:
        preset(options.config)
    elif options.retrain_budget and not seconds(options.retrain_budget):
        raise InputError(
            f"retrain_budget is {options.retrain_budget}, in which nothing is learned: write it "
            "like 90s, 15min or 1h30min."
        )


def _serve(arguments: Namespace, options: AnnotateOptions) -> None:
    import getpass

    from crosslevel.annotate.learning import Learning
    from crosslevel.annotate.session import Session, Setting
    from crosslevel.annotate.work_folder import WorkFolder
    from crosslevel.serving.annotating import annotate_app
    from crosslevel.serving.options import ServerOptions
    from crosslevel.serving.server import run_server
    from crosslevel.system.console import Reporter

    reporter = Reporter()
    classes, reading = as_trained(arguments)
    setting = Setting(
        data=arguments.data.resolve(),
        who=options.who or getpass.getuser(),
        classes=classes,
        layout=to_layout(arguments),
        reading=reading,
        ranking=options.ranking,
        say=reporter.say,
    )
    work = WorkFolder(setting.data)
    with work.locked() as tell_others:
        session = Session(setting)
        server = ServerOptions(port=arguments.port, token=work.token())
        for warning in session.warnings:
            reporter.say(f"warning: {warning}")
        words = train_words(options, setting)
        learning = Learning(session, arguments.run, words, options.retrain_every)
        app = annotate_app(learning, server)
        done = sum(item.case.mask is not None for item in session.items)
        reporter.say(f"{arguments.data}: {len(session.items)} images, {done} with a mask")

        def announce(where: str) -> None:
            tell_others(where)
            reporter.say(f"Open {where}/#token={server.token}   (Ctrl-C ends; all is saved)")

        run_server(app, server.host, server.port, announce=announce, logs_requests=False)


def as_trained(arguments: Namespace) -> tuple[Classes, Reading]:
    """Return what masks mean and how images are read: as options say, else as the run has it.

    The run is the last round in the folder, or that of `--run`.
    """
    from crosslevel.annotate.retraining import newest_run
    from crosslevel.annotate.work_folder import WorkFolder
    from crosslevel.errors import InputError
    from crosslevel.types import Reading

    classes = to_classes(arguments)
    newest = newest_run(WorkFolder(arguments.data.resolve()))
    run = arguments.run if newest is None else newest.path
    if run is None:
        return classes, Reading()
    from crosslevel.inference.segmenter import model_folder
    from crosslevel.models.folder import load_card
    from crosslevel.runs.folder import RunFolder

    card = load_card(model_folder(run))
    if not classes.values and RunFolder(run).config_file.is_file():
        classes = _completed(classes, RunFolder(run).config().mask_classes)
    if len(card.classes) > 1 and not classes.values:
        raise InputError(
            f"The model has the classes {', '.join(card.classes)}, and nothing says which values "
            "they have in a mask: give --classes."
        )
    return classes, card.reading


def _completed(asked: Classes, of_run: Classes) -> Classes:
    """Return the classes of a run, with what was asked for in their place."""
    from dataclasses import replace

    found = replace(
        of_run,
        ignore=of_run.ignore if asked.ignore is None else asked.ignore,
        instances=asked.instances or of_run.instances,
        foreground=of_run.foreground if asked.foreground == FOREGROUND else asked.foreground,
    )
    found.check()
    return found


def train_words(options: AnnotateOptions, setting: Setting) -> list[str]:
    """Return the options that a training needs to read images and masks as they are read here."""
    import json

    from crosslevel.types import Reading

    words = ["--config", options.config] if options.config else []
    if not options.config and options.retrain_budget:
        words += ["--budget", options.retrain_budget]
    classes, reading, layout = setting.classes, setting.reading, setting.layout
    said: dict[str, object] = {
        "classes": classes.values or None,
        "ignore": classes.ignore,
        "foreground": None if classes.foreground == FOREGROUND else classes.foreground,
        "masks": layout.masks,
        "group_by": layout.group_by,
    }
    for name in ("page", "channels", "axis"):  # the window is found anew
        value = getattr(reading, name)
        said[name] = None if value == getattr(Reading, name) else value
    for name, value in said.items():
        if value is not None:
            words += [f"--{name}", value if isinstance(value, str) else json.dumps(value)]
    return [*words, *(["--instances"] if classes.instances else [])]
