"""The methods: one file, one class, for each paper.

A method of one's own is named by its file. A package adds its own by an entry point of the group
`crosslevel.methods`, whose name is then the method's.
"""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import sys
from importlib.metadata import entry_points
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

from crosslevel.errors import InputError, did_you_mean

if TYPE_CHECKING:
    from crosslevel.methods.base import Method

GROUP = "crosslevel.methods"
"""Of the entry points by which packages add methods."""

METHODS: dict[str, str] = {
    "bcp": "crosslevel.methods.bcp:BCP",
    "cct": "crosslevel.methods.cct:CCT",
    "clcc": "crosslevel.methods.clcc:CLCC",
    "cps": "crosslevel.methods.cps:CPS",
    "cross_teaching": "crosslevel.methods.cross_teaching:CrossTeaching",
    "dan": "crosslevel.methods.dan:DAN",
    "deep_co_training": "crosslevel.methods.deep_co_training:DeepCoTraining",
    "entropy_minimisation": "crosslevel.methods.entropy_minimisation:EntropyMinimisation",
    "fixmatch": "crosslevel.methods.fixmatch:FixMatch",
    "fixmatch_clcc": "crosslevel.methods.fixmatch_clcc:FixMatchCLCC",
    "ict": "crosslevel.methods.ict:ICT",
    "mc_net": "crosslevel.methods.mc_net:MCNet",
    "mean_teacher": "crosslevel.methods.mean_teacher:MeanTeacher",
    "pseudo_label": "crosslevel.methods.pseudo_label:PseudoLabel",
    "r_drop": "crosslevel.methods.r_drop:RDrop",
    "self_training": "crosslevel.methods.self_training:SelfTraining",
    "supervised": "crosslevel.methods.supervised:Supervised",
    "uamt": "crosslevel.methods.uamt:UAMT",
    "unimatch": "crosslevel.methods.unimatch:UniMatch",
    "urpc": "crosslevel.methods.urpc:URPC",
}


def method_names() -> list[str]:
    """Return the names of our own methods and of those that installed packages add."""
    return sorted({*METHODS, *(entry.name for entry in entry_points(group=GROUP))})


def find_method(name: str) -> type[Method]:
    """Return the class of a method.

    Args:
        name: One of `method_names`, or "package.module:Class", or "path/to/file.py:Class".

    Raises:
        InputError: If there is no such method, file or class, or more than one of that name.
    """
    from crosslevel.methods.base import Method

    path, colon, class_name = _place(name).rpartition(":")
    if not (colon and path and class_name):
        hint = did_you_mean(name, method_names())
        raise InputError(
            f"Unknown method {name!r}: choose from {method_names()}, "
            f"or name your own as 'my_file.py:MyMethod'.{hint}"
        )
    found = getattr(_import(path), class_name, None)
    if not (isinstance(found, type) and issubclass(found, Method)):
        raise InputError(f"{path} has no class {class_name!r} derived from crosslevel's Method.")
    return found


def source_hash(name: str) -> str | None:
    """Return the SHA-256 of the file of a method that is not ours, whose version tells."""
    if name in METHODS:
        return None
    file = Path(getattr(_import(_place(name).rpartition(":")[0]), "__file__", None) or "")
    # a class of a notebook has no file
    return hashlib.sha256(file.read_bytes()).hexdigest() if file.is_file() else None


def _place(name: str) -> str:
    """Return where a method's class is, "module:Class"; the name itself if it is not known."""
    entries = entry_points(group=GROUP, name=name)
    places = [METHODS[name]] if name in METHODS else []
    places += sorted({entry.value for entry in entries})
    if len(places) > 1:
        packages = sorted({entry.dist.name for entry in entries if entry.dist})
        raise InputError(
            f"The method {name!r} must be one class; found {' and '.join(places)}, by the entry "
            f"points of {packages}. Remove such a package or let it choose another name."
        )
    return places[0] if places else name


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
