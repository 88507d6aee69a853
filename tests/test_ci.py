"""What is checked before a change lands: jobs are targets of the Makefile, bounds are tried."""

import re
import tomllib
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[1]
MAKEFILE = (ROOT / "Makefile").read_text()
TARGETS = dict(re.findall(r"^([a-z][a-z-]*):(?: .*)?\n((?:\t.*\n)*)", MAKEFILE, re.MULTILINE))


def test_make_help__lists_every_target():
    listed = re.findall(r'echo "make ([\w-]+) ', TARGETS["help"])
    assert sorted([*listed, "help", "lint", "check"]) == sorted(TARGETS)
    phony = re.findall(r"^\.PHONY: (.*)$", MAKEFILE, re.MULTILINE)
    assert sorted(" ".join(phony).split()) == sorted(TARGETS)


def test_workflow__runs_every_target_that_tests():
    workflow = yaml.safe_load((ROOT / ".github/workflows/tests.yml").read_text())
    run = workflow["jobs"]["job"]["strategy"]["matrix"]["target"]
    tests = {name for name in TARGETS if name.startswith("test-")}
    assert set(run) == {"lint", "check", "docs", *tests}


def test_workflow__looks_at_pages_and_at_newer_pythons_each_week():
    workflow = yaml.safe_load((ROOT / ".github/workflows/tests.yml").read_text())
    weekly = workflow["jobs"]["weekly"]
    assert weekly["if"] == "github.event_name == 'schedule'"
    run = weekly["strategy"]["matrix"]["include"]
    assert {one["target"] for one in run} == {"accessibility", "test-wheel"} <= set(TARGETS)
    assert ".ci/accessibility.py" in TARGETS["accessibility"]


def test_pre_commit__does_what_lint_does():
    config = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())
    done = [hook["entry"] for repo in config["repos"] for hook in repo["hooks"]]
    recipe = TARGETS["lint"].replace("$(BIN)", ".venv/bin")
    assert done == [line.strip().removesuffix(" .") for line in recipe.splitlines()]


def test_oldest__are_the_lower_bounds():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    named = ("export", "hub", "medical", "serve")
    needed = [*project["dependencies"], *(package for name in named for package in extras[name])]
    bounds = dict(re.findall(r"^([\w-]+)(?:\[.*\])?>=([\d.]+)$", "\n".join(needed), re.MULTILINE))
    assert len(bounds) == len(needed)
    lines = (ROOT / "constraints/oldest.txt").read_text().lower().splitlines()
    pins = dict(line.split("==") for line in lines if "==" in line)
    short = {name: re.sub(r"(\.0)+$", "", pins[name]) for name in bounds}
    assert short == {name: re.sub(r"(\.0)+$", "", bound) for name, bound in bounds.items()}


def test_version__is_the_same_wherever_it_is_told():
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    assert yaml.safe_load((ROOT / "CITATION.cff").read_text())["version"] == version
    assert f"\n## {version} " in (ROOT / "CHANGELOG.md").read_text()


def test_release__publishes_without_a_password_what_make_dist_built():
    workflow = yaml.safe_load((ROOT / ".github/workflows/release.yml").read_text())
    build, publish = workflow["jobs"]["build"], workflow["jobs"]["publish"]
    assert "make dist" in [step.get("run") for step in build["steps"]]
    assert publish["permissions"] == {"id-token": "write"}
    assert "password" not in str(publish)
