"""The image on the disk that a name in an annotation file means."""

from __future__ import annotations

import os
import re
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

from crosslevel.data.formats.readers import stem_of
from crosslevel.data.layouts import PARTS
from crosslevel.data.layouts.folder import plain
from crosslevel.data.layouts.names import folded

_UPLOADED = re.compile(r"^[0-9a-f]{8}-(?=.)")
"""What Label Studio puts before the names of uploaded files."""
_NUMBER = re.compile(r"\d+|(?<![A-Za-z])[A-Za-z]$|(?<=[a-z])[A-Z]$")
"""What tells patient1 from patient2, and patientA or patient_a from patientB."""
_ZEROS = re.compile(r"(?<!\d)0+(?=\d)")


class Pictures:
    """Images by their names.

    Args:
        paths: All images there are.
    """

    def __init__(self, paths: Iterable[Path]) -> None:
        self._by_name: dict[str, list[Path]] = defaultdict(list)
        self._by_stem: dict[str, list[Path]] = defaultdict(list)
        for path in paths:
            self._by_name[folded(path.name)].append(path)
            self._by_stem[folded(stem_of(path.name))].append(path)

    def find(self, name: str, file: Path) -> Path | None:
        """Return the image that an annotation file means, None if it is not there or not clear.

        It is where the name says, seen from the file; or the one whose folders fit the name best,
        those in the file's own folder first; or one of equal stem.

        Args:
            name: A path or an address.
            file: The annotation file.
        """
        parts = parts_of(name)
        if not parts:
            return None
        candidates = self._by_name.get(folded(parts[-1])) or self._others(parts[-1])
        if len(candidates) < 2:
            return candidates[0] if candidates else _as_it_says(name, file)
        exact = _as_it_says(name, file)
        if exact is not None:
            return exact
        ranks = {path: (_fit(path, parts), file.parent in path.parents) for path in candidates}
        best = max(ranks.values())
        chosen = [path for path, rank in ranks.items() if rank == best]
        return chosen[0] if len(chosen) == 1 else None

    def find_all(self, names: Iterable[str], file: Path) -> list[Path | None]:
        """Return the image that each name in an annotation file means, as `find`.

        Of names that differ in their folders alone and lead to one image, as where only one of the
        folders is there, the one that fits it best means it, the others none.
        """
        listed = [(parts_of(name), self.find(name, file)) for name in names]
        fits: dict[tuple[Path, str], dict[tuple[str, ...], int]] = defaultdict(dict)
        for parts, path in listed:
            if path is not None:
                fits[path, folded(parts[-1])][_folders(parts)] = _fit(path, parts)
        chosen = {key: _only_best(of_folders) for key, of_folders in fits.items()}
        return [
            path if path and _folders(parts) == chosen[path, folded(parts[-1])] else None
            for parts, path in listed
        ]

    def _others(self, name: str) -> list[Path]:
        for other in (name, _UPLOADED.sub("", name)):
            stems = (other, stem_of(other))  # YOLO's names have no ending, but may have dots
            found = self._by_name.get(folded(other)) or next(
                (self._by_stem[s] for s in map(folded, stems) if s in self._by_stem), None
            )
            if found:
                return found
        return []


def parts_of(name: str) -> list[str]:
    r"""Return the folders and the file of a path or an address.

    Example:
        >>> parts_of("/data/local-files/?d=set%201/a.jpg"), parts_of("..\\images\\b.png")
        (['set 1', 'a.jpg'], ['images', 'b.png'])
    """
    address = urlsplit(name)
    path = name
    if "?" in name and "d" in (query := parse_qs(address.query)):
        path = query["d"][0]
    elif address.scheme and address.netloc:
        path = unquote(address.path)
    parts = path.replace("\\", "/").split("/")
    return [part for part in parts if part not in ("", ".", "..")]


def is_of_a_sibling(name: str, image: Path) -> bool:
    """Whether an image lies in the folder of another patient or part than a name says.

    Folders that merely have other names, as on another computer, say nothing.

    Args:
        name: A path or an address, as in `find`.
        image: The image found for it, as seen from the folder of them all.

    Example:
        >>> image = Path("patient2/a.png")
        >>> [is_of_a_sibling(f"{x}/a.png", image) for x in ("patient1", "patient02", "images")]
        [True, False, False]
    """
    *folders, last = parts_of(name)
    if folded(stem_of(image.name)) not in (folded(last), folded(stem_of(last))):
        return False
    pairs = zip(reversed(image.parts[:-1]), reversed(folders), strict=False)
    return next(
        (_are_siblings(*pair) for pair in pairs if folded(pair[0]) != folded(pair[1])), False
    )


def _are_siblings(one: str, other: str) -> bool:
    parts = [PARTS.get(plain(name)) for name in (one, other)]
    if None not in parts:
        return parts[0] != parts[1]
    numbers = [folded(_ZEROS.sub("", name)) for name in (one, other)]
    kinds = [folded(_NUMBER.sub("#", name)) for name in (one, other)]
    return numbers[0] != numbers[1] and kinds[0] == kinds[1]


def _as_it_says(name: str, file: Path) -> Path | None:
    path = Path(os.path.normpath(file.parent / name.replace("\\", "/")))
    try:
        return path if path.is_file() and "?" not in name else None
    except (OSError, ValueError):  # too long, or with a zero byte
        return None


def _folders(parts: list[str]) -> tuple[str, ...]:
    return tuple(map(folded, parts[:-1]))


def _only_best(fits: dict[tuple[str, ...], int]) -> tuple[str, ...] | None:
    """Return what fits best, None if several do."""
    best = max(fits.values())
    chosen = [folders for folders, fit in fits.items() if fit == best]
    return chosen[0] if len(chosen) == 1 else None


def _fit(path: Path, parts: list[str]) -> int:
    """Return how many folders before the file are the same."""
    pairs = zip(reversed(path.parts[:-1]), reversed(parts[:-1]), strict=False)
    count = 0
    for one, other in pairs:
        if folded(one) != folded(other):
            break
        count += 1
    return count
