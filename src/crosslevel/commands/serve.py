"""Answer other programs: images in, masks out, over HTTP; described at /docs of the server."""

from __future__ import annotations

import os
from pathlib import Path

from jsonargparse import ArgumentParser, Namespace

from crosslevel.commands.options import RUN_OR_MODEL, add_options, add_threads, chosen
from crosslevel.inference.options import InferenceOptions

EXAMPLE = """\
examples:
  crosslevel serve runs/first
  crosslevel serve runs/first --host 0.0.0.0 --allow_host segmenter    # set CROSSLEVEL_TOKEN
  crosslevel serve runs/first --files label_studio/media    # for Label Studio"""


def configure(parser: ArgumentParser) -> None:
    """Name the options."""
    from crosslevel.serving.options import ServerOptions, ServiceOptions

    parser.add_argument("run", type=Path, help=RUN_OR_MODEL)
    add_options(parser, ServerOptions)
    add_options(parser, ServiceOptions)
    add_options(parser, InferenceOptions)
    add_threads(parser)


def run(arguments: Namespace) -> None:
    """Serve until stopped."""
    from crosslevel.serving.options import TOKEN_VARIABLE, ServerOptions, ServiceOptions
    from crosslevel.system.console import Reporter
    from crosslevel.system.extras import require_extra

    require_extra("serve", "crosslevel serve")
    words = chosen(arguments, ServerOptions)
    options = ServerOptions(**words | {"token": words["token"] or os.environ.get(TOKEN_VARIABLE)})
    service = ServiceOptions(**chosen(arguments, ServiceOptions))

    from crosslevel.serving.server import run_server
    from crosslevel.serving.service import create_service

    reporter = Reporter()
    app = create_service(arguments.run, options, service, **chosen(arguments, InferenceOptions))
    run_server(
        app,
        options.host,
        options.port,
        announce=lambda address: reporter.say(f"Serving {arguments.run} at {address}/docs"),
    )
    reporter.say("Done: stopped, all requests are answered")
