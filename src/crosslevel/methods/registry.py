"""Classes by name: our own, those that packages add by entry points, and those of a user's file."""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import entry_points
from pathlib import Path
from types import ModuleType
from typing import Any

from crosslevel.errors import InputError, did_you_mean


@dataclass(frozen=True)
class Registry:
    """Where the classes of one kind are.

    Attributes:
        kind: What they are, for a person.
        base: Name of the class they derive from.
        group: Of the entry points by which packages add theirs.
        ours: By name, "module:Class" of our own.
    """

    kind: str
    base: str
    group: str
    ours: Mapping[str, str]

    def names(self) -> list[str]:
        """Return the names of our own and of those that installed packages add."""
        return sorted({*self.ours, *(entry.name for entry in entry_points(group=self.group))})

    def find(self, name: str, base: type[Any]) -> type[Any]:
        """Return the class of a name.

        Args:
            name: One of `names`, or "package.module:Class", or "path/to/file.py:Class".
            base: The class it must derive from.

        Raises:
            InputError: If there is no such name, file or class, or more than one of that name.
        """
        path, colon, class_name = self._place(name).rpartition(":")
        if not (colon and path and class_name):
            hint = did_you_mean(name, self.names())
            raise InputError(
                f"Unknown {self.kind} {name!r}: choose from {self.names()}, "
                f"or name your own as 'my_file.py:My{self.base}'.{hint}"
            )
        found = getattr(self._import(path), class_name, None)
        if not (isinstance(found, type) and issubclass(found, base)):
            raise InputError(
                f"{path} has no class {class_name!r} derived from crosslevel's {self.base}."
            )
        return found

    def source_hash(self, name: str) -> str | None:
        """Return the SHA-256 of the file of a class that is not ours, whose version tells."""
        if name in self.ours:
            return None
        module = self._import(self._place(name).rpartition(":")[0])
        file = Path(getattr(module, "__file__", None) or "")  # a class of a notebook has no file
        return hashlib.sha256(file.read_bytes()).hexdigest() if file.is_file() else None

    def _place(self, name: str) -> str:
        """Return where a class is, "module:Class"; the name itself if it is not known."""
        entries = entry_points(group=self.group, name=name)
        places = [self.ours[name]] if name in self.ours else []
        places += sorted({entry.value for entry in entries})
        if len(places) > 1:
            packages = sorted({entry.dist.name for entry in entries if entry.dist})
            raise InputError(
                f"The {self.kind} {name!r} must be one class; found {' and '.join(places)}, by the "
                f"entry points of {packages}. Remove such a package or let it choose another name."
            )
        return places[0] if places else name

    def _import(self, path: str) -> ModuleType:
        if path.endswith(".py"):
            return self._import_file(path)
        try:
            return importlib.import_module(path)
        except Exception as error:  # whatever the user's own module raises
            raise InputError(
                f"The {self.kind}'s module {path!r} cannot be imported: {error!r}."
            ) from error

    def _import_file(self, path: str) -> ModuleType:
        if not Path(path).is_file():
            raise InputError(f"The {self.kind}'s file {path!r} does not exist.")
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
                raise InputError(
                    f"The {self.kind}'s file {path!r} cannot be run: {error!r}."
                ) from error
        return sys.modules[name]
