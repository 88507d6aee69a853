"""Which `args` a command line means, of presets, files and options."""

import pytest

from crosslevel.cli import _parser
from crosslevel.commands import train


@pytest.fixture
def to_config(tmp_path):
    (tmp_path / "size.yaml").write_text("size: 64\n")
    (tmp_path / "fixmatch.yaml").write_text("method: fixmatch\nargs: {threshold: 0.8}\n")

    def parse(words):
        words = [str(tmp_path / word) if word.endswith(".yaml") else word for word in words.split()]
        parser = _parser("train", train)
        parsed = parser.parse_args(["--data", ".", "--out", "run", *words])
        return train.to_config(parser.instantiate(parsed))

    return parse


@pytest.mark.parametrize(
    ("words", "args"),
    [
        ("--config demo", {"tiles": 3}),
        ("--config demo --config size.yaml --method clcc", {"tiles": 3}),
        ("--config demo --method urpc", {}),
        ("--config demo --method uamt --args.num_passes 2", {"num_passes": 2}),
        ("--config demo --config fixmatch.yaml", {"threshold": 0.8}),
    ],
)
def test_args__of_a_file_belong_to_its_method(to_config, words, args):
    assert to_config(words).args == args
