"""What every command keeps by its line in `COMMANDS`: help, examples that parse, exit codes."""

import re
import shlex
import subprocess
import sys
from importlib import import_module

import pytest

from crosslevel.cli import COMMANDS, main
from crosslevel.errors import DataError, InputError, RunError

MODULES = {name: import_module(module) for name, (module, _) in COMMANDS.items()}
EXAMPLES = {
    name: [
        shlex.split(line, comments=True)[1:]
        for line in re.findall(r"^  (crosslevel .*)$", module.EXAMPLE, re.MULTILINE)
    ]
    for name, module in MODULES.items()
}
LINES = [words for lines in EXAMPLES.values() for words in lines]
every_command = pytest.mark.parametrize("name", COMMANDS)


@pytest.fixture
def ending(monkeypatch):
    """A function that lets every command, once its options are read, end in a certain way."""

    def end(how):
        def run(_):
            if isinstance(how, BaseException):
                raise how
            return how

        for module in MODULES.values():
            monkeypatch.setattr(module, "run", run)

    return end


@every_command
def test_help__exits_with_0_and_shows_an_example(name, capsys):
    with pytest.raises(SystemExit, match="0"):
        main([*name.split(), "--help"])
    said = capsys.readouterr()
    assert f"usage: crosslevel {name} " in said.out
    assert f"  crosslevel {name} " in said.out.partition("example")[2]
    assert said.err == ""
    python = [word for word in ("Union[", "Literal[", "<class", "type: ") if word in said.out]
    assert not python, "a help is for people who do not know Python's types"


@pytest.mark.parametrize("words", LINES, ids=" ".join)
def test_examples__are_understood_and_exit_with_0(words, ending, capsys, tmp_path, monkeypatch):
    for encoder in ("enc", "enc160"):  # looked for while options are read
        (tmp_path / encoder).mkdir()
    monkeypatch.chdir(tmp_path)
    ending(None)
    assert main(words) == 0
    assert capsys.readouterr().err == ""


@every_command
def test_wrong_options__exit_with_2_and_name_the_help(name, ending, capsys):
    ending(AssertionError("was run"))
    assert main([*EXAMPLES[name][0], "--nonsense", "1"]) == 2
    said = capsys.readouterr().err
    assert "nonsense" in said
    assert said.endswith(f"See `crosslevel {name} --help`.\n")
    assert "Traceback" not in said


FAILURES = [
    (InputError("x is 3; it must be 4."), 2, "x is 3; it must be 4."),
    (DataError(["a.png: gone. Restore it."]), 2, "a.png: gone. Restore it."),
    (FileNotFoundError(2, "No such file", "b.csv"), 2, "b.csv: No such file. Check"),
    (PermissionError(13, "Permission denied", "c"), 2, "c: Permission denied. Check"),
    (RunError("the loss is not finite."), 1, "the loss is not finite."),
    (OSError(28, "No space left on device", "d"), 1, "d: No space left on device. Check"),
    (KeyboardInterrupt(), 130, "stopped"),
]


@every_command
@pytest.mark.parametrize(
    ("error", "code", "message"), FAILURES, ids=[repr(e) for e, *_ in FAILURES]
)
def test_failures__have_one_line_and_their_exit_code(name, error, code, message, ending, capsys):
    ending(error)
    assert main(EXAMPLES[name][0]) == code
    said = capsys.readouterr().err
    assert said.startswith(f"crosslevel: {message}")
    assert said.count("\n") == 1


@every_command
def test_errors_of_ours__are_not_hidden(name, ending):
    ending(ValueError("a bug"))
    with pytest.raises(ValueError, match="a bug"):
        main(EXAMPLES[name][0])


@every_command
def test_interrupted__while_options_are_read_exits_with_130(name, monkeypatch, capsys):
    def interrupt(_):
        raise KeyboardInterrupt

    monkeypatch.setattr(MODULES[name], "configure", interrupt)
    assert main(EXAMPLES[name][0]) == 130
    assert capsys.readouterr().err == "crosslevel: stopped\n"


def test_a_reader_that_goes_away__ends_a_command_with_1_and_in_silence():
    code = (
        "import sys; from crosslevel.cli import main; from crosslevel.commands import data_check\n"
        "data_check.run = lambda _: print('many lines\\n' * 100_000)\n"
        "sys.exit(main(['data', 'check', 'polyps']))"
    )
    command = [sys.executable, "-c", code]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout
        assert process.stderr
        process.stdout.readline()
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait(60) == 1
