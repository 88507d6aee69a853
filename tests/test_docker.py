"""The image and its compose file keep what they promise, as far as reading them can show."""

import re
import shlex
from importlib import import_module
from pathlib import Path

import yaml

from crosslevel import cli
from crosslevel.commands.options import chosen
from crosslevel.serving.options import ServerOptions

ROOT = Path(__file__).parents[1]
LINES = re.sub(r"\\\n\s*", "", re.sub(r"^#.*\n", "", (ROOT / "Dockerfile").read_text(), flags=re.M))
STEPS = [tuple(line.split(" ", 1)) for line in LINES.splitlines() if line]
SERVICE = yaml.safe_load((ROOT / "compose.yaml").read_text())["services"]["segmenter"]


def last(word):
    return [rest for first, rest in STEPS if first == word][-1]


def parsed(words):
    assert words[0] == "serve"
    return cli._parser("serve", import_module(cli.COMMANDS["serve"][0])).parse_args(words[1:])


def test_image__comes_from_debian_and_pypi_alone():
    assert {rest.split()[0] for first, rest in STEPS if first == "FROM"} == {"debian:bookworm-slim"}
    assert set(re.findall(r"https?://([^/ ']+)", LINES)) == {"pypi.org", "127.0.0.1:8642"}
    assert "ADD" not in {first for first, _ in STEPS}


def test_image__copies_only_what_is_let_in():
    ignored = (ROOT / ".dockerignore").read_text().splitlines()
    copied = [
        rest.split()[:-1] for first, rest in STEPS if first == "COPY" and "--from" not in rest
    ]
    for name in (name for names in copied for name in names):
        assert f"!{name}" in ignored
        assert (ROOT / name).exists()


def test_image__is_not_run_by_root_and_says_whether_it_is_well():
    words = [first for first, _ in STEPS]
    assert last("USER") == "10001:10001"
    assert words.index("USER") > len(words) - words[::-1].index("RUN") - 1
    assert "/healthz" in last("HEALTHCHECK")
    port = ServerOptions.port
    assert last("EXPOSE") == str(port)
    assert f"127.0.0.1:{port}/healthz" in last("HEALTHCHECK")


def test_commands__are_understood_and_need_the_token():
    for words in (yaml.safe_load(last("CMD")), SERVICE["command"]):
        options = chosen(parsed(words), ServerOptions)
        assert options["host"] == "0.0.0.0"
        ServerOptions(**options | {"token": "x" * 16})
    assert "CROSSLEVEL_TOKEN:?" in SERVICE["environment"]["CROSSLEVEL_TOKEN"]


def test_compose__lets_it_write_nowhere_but_to_memory():
    assert SERVICE["read_only"] is True
    assert SERVICE["tmpfs"][0].startswith("/tmp:")
    assert SERVICE["volumes"] == ["./data:/data:ro"]
    assert SERVICE["cap_drop"] == ["ALL"]
    assert SERVICE["ports"] == ["127.0.0.1:8642:8642"]
    written = re.findall(r"(?:CACHE|HOME|CONFIGDIR)=(\S+)", last("ENV"))
    assert all(path.startswith("/tmp") for path in written)


def test_extras__are_those_of_a_service():
    [install] = [rest for first, rest in STEPS if first == "RUN" and "'.[" in rest]
    assert shlex.split(install)[-1] == ".[export,medical,serve]"
