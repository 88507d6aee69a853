"""The methods: one file, one class, for each paper. Add yours to `METHODS` or name its file."""

from __future__ import annotations

import difflib
import hashlib
import importlib
import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

from crosslevel.errors import InputError

if TYPE_CHECKING:
    from crosslevel.methods.base import Method

METHODS: dict[str, str] = {
    "clcc": "crosslevel.methods.clcc:CLCC",
    "cps": "crosslevel.methods.cps:CPS",
    "fixmatch": "crosslevel.methods.fixmatch:FixMatch",
    "mean_teacher": "crosslevel.methods.mean_teacher:MeanTeacher",
    "self_training": "crosslevel.methods.self_training:SelfTraining",
    "supervised": "crosslevel.methods.supervised:Supervised",
    "uamt": "crosslevel.methods.uamt:UAMT",
    "unimatch": "crosslevel.methods.unimatch:UniMatch",
    "urpc": "crosslevel.methods.urpc:URPC",
}


def find_method(name: str) -> type[Method]:
    """The class of a method.

    Args:
        name: A key of `METHODS`, or "package.module:Class", or "path/to/file.py:Class".

    Raises:
        InputError: If there is no such method, file or class.
    """
    from crosslevel.methods.base import Method

    path, colon, class_name = METHODS.get(name, name).rpartition(":")
    if not (colon and path and class_name):
        nearest = difflib.get_close_matches(name, METHODS, n=1)
        hint = f" Did you mean {nearest[0]!r}?" if nearest else ""
        raise InputError(
            f"Unknown method {name!r}: choose from {sorted(METHODS)}, "
            f"or name your own as 'my_file.py:MyMethod'.{hint}"
        )
    found = getattr(_import(path), class_name, None)
    if not (isinstance(found, type) and issubclass(found, Method)):
        raise InputError(f"{path} has no class {class_name!r} derived from crosslevel's Method.")
    return found


def source_hash(name: str) -> str | None:
    """SHA-256 of the file of one's own method; None for others, whose version or commit tells."""
    if name in METHODS:
        return None
    file = Path(getattr(_import(name.rpartition(":")[0]), "__file__", None) or "")
    # a class of a notebook has no file
    return hashlib.sha256(file.read_bytes()).hexdigest() if file.is_file() else None


def _import(path: str) -> ModuleType:
    if not path.endswith(".py"):
        try:
            return importlib.import_module(path)
        except Exception as error:  # whatever the user's own module raises
            raise InputError(
                f"The method's module {path!r} cannot be imported: {error!r}."
            ) from error
    if not Path(path).is_file():
        raise InputError(f"The method's file {path!r} does not exist.")
    digest = hashlib.sha256(str(Path(path).resolve()).encode()).hexdigest()
    name = f"crosslevel_method_file_{digest[:16]}"
    if name not in sys.modules:
        spec = importlib.util.spec_from_file_location(name, path)
        assert spec is not None, "a .py file always has a spec"
        assert spec.loader is not None, "a .py file always has a loader"
        sys.modules[name] = importlib.util.module_from_spec(spec)
        try:
            spec.loader.exec_module(sys.modules[name])
        except Exception as error:  # whatever the user's own file raises
            del sys.modules[name]
            raise InputError(f"The method's file {path!r} cannot be run: {error!r}.") from error
    return sys.modules[name]
