import tomllib
from pathlib import Path

import pytest

from crosslevel.system import extras
from crosslevel.system.extras import ADDS, find_extras

FOR_DEVELOPERS = {"dev", "docs", "test"}
PYPROJECT = Path(__file__).parents[2] / "pyproject.toml"


def test_adds__has_every_extra_for_users():
    project = tomllib.loads(PYPROJECT.read_text())["project"]
    assert set(ADDS) == set(project["optional-dependencies"]) - FOR_DEVELOPERS


@pytest.mark.parametrize(
    ("required", "missing"),
    [
        (["numpy>=1; extra == 'export'"], []),
        (["numpy>=999; extra == 'export'"], ["numpy>=999"]),
        (["no-such-package; extra == 'export'"], ["no-such-package"]),
        (["no-such-package; extra == 'medical'", "no-such-package"], []),
        (["no-such-package; python_version < '3' and extra == 'export'"], []),
    ],
)
def test_missing__is_what_the_environment_lacks(monkeypatch, required, missing):
    monkeypatch.setattr(extras, "requires", lambda package: required)
    [export] = [extra for extra in find_extras() if extra.name == "export"]
    assert export.missing == missing
    assert export.remedy == "pip install 'crosslevel[export]'"
