"""The command line: a table of commands, and the one place where errors become exit codes.

Exit codes: 0 done, 1 failed, 2 wrong usage or input, 130 stopped by the user with all saved.
Only the chosen command's module is imported, so `--help` answers at once.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Sequence
from importlib import import_module
from importlib.metadata import version
from itertools import islice
from types import ModuleType
from typing import TYPE_CHECKING

from crosslevel.errors import CrosslevelError, InputError, did_you_mean

if TYPE_CHECKING:
    from jsonargparse import ArgumentParser

COMMANDS: dict[str, tuple[str, str]] = {
    "demo": ("crosslevel.commands.demo", "see the main job on generated images, in minutes"),
    "doctor": ("crosslevel.commands.doctor", "look at this installation, and try it"),
    "data check": ("crosslevel.commands.data_check", "what is in a folder, and what is wrong"),
    "data convert": ("crosslevel.commands.data_convert", "masks and annotations in another form"),
    "data download": ("crosslevel.commands.data_download", "fetch a public data set"),
    "data generate": ("crosslevel.commands.data_generate", "make synthetic images with masks"),
    "pretrain": ("crosslevel.commands.pretrain", "learn from images without masks, for `train`"),
    "train": ("crosslevel.commands.train", "train a segmenter; repeat the command to resume"),
    "evaluate": ("crosslevel.commands.evaluate", "score a trained segmenter on masks"),
    "benchmark": ("crosslevel.commands.benchmark", "compare methods; repeat to resume"),
    "report": ("crosslevel.commands.report", "one HTML page of finished runs"),
    "predict": ("crosslevel.commands.predict", "write masks for images"),
    "serve": ("crosslevel.commands.serve", "answer other programs over HTTP: images in, masks out"),
    "rank": ("crosslevel.commands.rank", "which images to annotate next"),
    "annotate": ("crosslevel.commands.annotate", "a page on which you correct and it learns"),
    "adapt": ("crosslevel.commands.adapt", "fit the segmenter to another clinic's images"),
    "export": ("crosslevel.commands.export", "write the segmenter for other runtimes"),
    "hub push": ("crosslevel.commands.hub_push", "share the segmenter on a model hub"),
}
"""Command → module (`EXAMPLE`, `configure(parser)`, `run(arguments)`), and what it does."""

IN_SEVERAL_PROCESSES = ("train", "evaluate", "predict")
"""Commands that `torchrun` may start."""
TOO_LARGE = (
    "The GPU has too little memory: lower --size, --batch_labelled or --batch_unlabelled, or use "
    "the CPU (CUDA_VISIBLE_DEVICES= before the command)."
)
TOO_LARGE_HERE = (
    "This machine has too little memory: lower --size or the batch, or use a machine with more."
)
WRONG_PATH = (FileExistsError, FileNotFoundError, NotADirectoryError, PermissionError)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # inherited by background jobs
        signal.signal(signal.SIGINT, signal.default_int_handler)
    words = list(sys.argv[1:] if arguments is None else arguments)
    if not words or words[0] in ("-h", "--help", "help"):
        _show(overview())
        return 0
    if words[0] == "--version":
        _show(version("crosslevel"))
        return 0
    name = next((n for n in COMMANDS if words[: len(n.split())] == n.split()), None)
    if name is None:
        group = {n: about for n, about in COMMANDS.items() if n.startswith(f"{words[0]} ")}
        if group and words[1:] in (["-h"], ["--help"]):
            _show(listed(group))
            return 0
        groups = {n.split()[0] for n in COMMANDS if " " in n}
        asked = " ".join(words[: 1 + (words[0] in groups)])
        hint = did_you_mean(asked, COMMANDS)
        _fail(f"no command {asked!r}.{hint}\n\n{overview()}", 2)
        return 2
    try:
        return _run(name, words[len(name.split()) :])
    except KeyboardInterrupt:
        return _fail("stopped", 130)


def overview() -> str:
    """Return what `crosslevel --help` shows."""
    return "\n".join(
        [
            "usage: crosslevel COMMAND [...]",
            "",
            "From a folder of images and a few masks to a trained, scored segmenter.",
            "",
            listed(COMMANDS),
            "",
            "`crosslevel COMMAND --help` shows a command's options with an example.",
        ]
    )


def listed(commands: dict[str, tuple[str, str]]) -> str:
    """Return a line for each command with what it does."""
    width = max(map(len, commands))
    return "\n".join(f"  {name:{width}}  {about}" for name, (_, about) in commands.items())


def _run(name: str, words: list[str]) -> int:
    from jsonargparse import ArgumentError

    module = import_module(COMMANDS[name][0])
    parser = _parser(name, module)
    try:
        parsed = parser.instantiate(parser.parse_args(files_first(words)))
    except (ArgumentError, CrosslevelError) as error:
        return _fail(f"{_as_typed(str(error), parser)}\nSee `crosslevel {name} --help`.", 2)
    try:
        _refuse_several_processes(name)
        _use_threads(parsed.get("threads"))
        return int(module.run(parsed) or 0)
    except CrosslevelError as error:
        return _fail(str(error), error.exit_code)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except (RuntimeError, MemoryError) as error:
        if not (remedy := _about_memory(error)):
            raise
        return _fail(f"{error}\n{remedy}", 1)
    except OSError as error:
        where = error.filename or "a file"
        remedy = "Check the path, its permissions and the free space, then repeat the command."
        is_wrong_path = isinstance(error, WRONG_PATH)
        return _fail(f"{where}: {error.strerror or error}. {remedy}", 2 if is_wrong_path else 1)


def files_first(words: Sequence[str]) -> list[str]:
    """Put each `--config FILE` in front: an option wins over a file wherever the two stand.

    Example:
        >>> files_first(["--size", "64", "--config", "small", "--config=my.yaml"])
        ['--config', 'small', '--config=my.yaml', '--size', '64']
    """
    files: list[str] = []
    others: list[str] = []
    rest = iter(words)
    for word in rest:
        if word == "--config":
            files += [word, *islice(rest, 1)]
        else:
            (files if word.startswith("--config=") else others).append(word)
    return [*files, *others]


def _as_typed(message: str, parser: ArgumentParser) -> str:
    """Return what the parser says with options as they are typed, and the nearest known one."""
    options = {o: action.dest for action in parser._actions for o in action.option_strings}
    lead, needed, names = message.partition("arguments are required: ")
    if needed:
        typed = {dest: option for option, dest in options.items()}
        return lead + needed + ", ".join(typed.get(name, name) for name in names.split(", "))
    unknown = message.partition("unrecognized arguments: ")[2].partition(" ")[0]
    hint = did_you_mean(unknown.partition("=")[0], options)
    return f"{message}.{hint}" if hint else message


def _about_memory(error: Exception) -> str:
    """Return what to do if memory is short, "" if the error is another."""
    if type(error).__name__ == "OutOfMemoryError":  # torch's, which may not be imported
        return TOO_LARGE
    is_of_the_cpu = isinstance(error, MemoryError) or "DefaultCPUAllocator" in str(error)
    return TOO_LARGE_HERE if is_of_the_cpu else ""


def _use_threads(threads: int | None) -> None:
    if threads is not None:
        if threads < 1:
            raise InputError(f"threads is {threads}; it must be at least 1.")
        import torch

        torch.set_num_threads(threads)


def _parser(name: str, module: ModuleType) -> ArgumentParser:
    from jsonargparse import ArgumentParser

    from crosslevel.commands.help import HelpFormatter

    parser = ArgumentParser(
        prog=f"crosslevel {name}",
        description=(module.__doc__ or "").strip(),
        epilog=module.EXAMPLE,
        formatter_class=HelpFormatter,
        exit_on_error=False,
    )
    module.configure(parser)
    return parser


def _refuse_several_processes(name: str) -> None:
    """Refuse a command that would do the same work in each of several processes."""
    if name not in IN_SEVERAL_PROCESSES and os.environ.get("WORLD_SIZE", "1") != "1":
        raise InputError(
            f"`crosslevel {name}` works in one process: start it without torchrun (WORLD_SIZE is "
            f"{os.environ['WORLD_SIZE']})."
        )


def _fail(message: str, exit_code: int) -> int:
    if (distributed := sys.modules.get("crosslevel.system.distributed")) is not None:
        if not distributed.is_first_to_tell():
            return exit_code
    elif os.environ.get("RANK", "0") != "0":
        return exit_code
    print(f"crosslevel: {message}", file=sys.stderr)  # noqa: T201
    return exit_code


def _show(text: str) -> None:
    print(text)  # noqa: T201
