"""The names inside a folder, and what a recogniser answers."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from crosslevel.data.formats.readers import READERS, suffix_of
from crosslevel.data.quality.bad_files import BadFile
from crosslevel.system.folders import HIDDEN
from crosslevel.types import Case

_HEIC = "HEIC is what iPhones write: export the photos as JPEG or PNG."
_SLIDE = "Whole slides are too large to be read: export regions of them as PNG or TIFF."
_VIDEO = "Videos are not read: export frames as PNG, one folder for each video."
_RAW = "Raw photos are not read: export them as PNG or TIFF."
_VOLUME = "Convert volumes to NIfTI (.nii.gz)."
_ARRAY = "Arrays say nothing of their values: save them as TIFF."
_CONVERT = {
    **dict.fromkeys((".heic", ".heif"), _HEIC),
    ".avif": "AVIF is not read: export the images as PNG.",
    **dict.fromkeys((".svs", ".ndpi", ".mrxs", ".scn", ".czi", ".lif"), _SLIDE),
    **dict.fromkeys((".mp4", ".avi", ".mov", ".mkv", ".webm"), _VIDEO),
    **dict.fromkeys((".cr2", ".cr3", ".nef", ".arw", ".dng"), _RAW),
    **dict.fromkeys((".nrrd", ".mha", ".mhd"), _VOLUME),
    **dict.fromkeys((".npy", ".npz", ".mat", ".h5", ".hdf5"), _ARRAY),
}
"""By the end of a file's name: how to make images of it."""
IMAGE_FOLDERS = frozenset({"image", "images", "img", "imgs", "original", "jpegimages"})
MASK_FOLDERS = frozenset(
    {"mask", "masks", "label", "labels", "annotation", "annotations", "groundtruth", "gt"}
    | {"segmentationclass", "segmentationobject"}
)
OF_THE_SYSTEM = frozenset({"desktop.ini", "thumbs.db"})


@dataclass(frozen=True, slots=True)
class Folder:
    """Names inside a folder, hidden ones left out.

    Attributes:
        path: The folder.
        images: Image files, by extension.
        folders: Sub-folders.
        others: Everything else.
        masks: Name of the folders that hold the masks, where somebody said it.
    """

    path: Path
    images: list[str]
    folders: list[str]
    others: list[str]
    masks: str | None = None

    @classmethod
    def scan(cls, path: Path, masks: str | None = None) -> Folder:
        """Read the names in a folder, sorted."""
        images, folders, others = [], [], []
        with os.scandir(path) as entries:
            for entry in entries:
                if entry.name.startswith(HIDDEN):
                    continue
                if _is_folder(entry):
                    folders.append(entry.name)
                elif suffix_of(entry.name) in READERS:
                    images.append(entry.name)
                elif entry.name.lower() not in OF_THE_SYSTEM:
                    others.append(entry.name)
        return cls(path, sorted(images), sorted(folders), sorted(others), masks)

    def inside(self, name: str) -> Folder:
        """A sub-folder; where it only wraps another one (as unpacked archives do), that one."""
        folder = self.sub_folder(name)
        while not folder.images and len(folder.folders) == 1:
            folder = folder.sub_folder(folder.folders[0])
        return folder

    def sub_folder(self, name: str) -> Folder:
        """A sub-folder as it is."""
        return Folder.scan(self.path / name, self.masks)

    def without(self, folders: Collection[str]) -> Folder:
        """The same without some of its sub-folders."""
        return replace(self, folders=[name for name in self.folders if name not in folders])


@dataclass(frozen=True, slots=True)
class Found:
    """Cases of a recognised folder, and one line for everything wrong with it.

    Attributes:
        cases: What could be told.
        faults: What no single file is to blame for.
        bad_files: Files without which the others could be used.
        warnings: What was passed over.
        layout: How the folders were understood, in words.
        labels: Of annotations, the names of classes in their order, with their colours.
    """

    cases: list[Case] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    bad_files: list[BadFile] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    layout: str = ""
    labels: dict[str, tuple[int, int, int] | None] = field(default_factory=dict)

    @property
    def problems(self) -> list[str]:
        """Everything that stops a training."""
        return [*(bad.problem for bad in self.bad_files), *self.faults]

    def warning(self, lines: Iterable[str]) -> Found:
        """The same with further warnings before its own."""
        return replace(self, warnings=[*lines, *self.warnings])


def plain(name: str) -> str:
    """A folder's name as names are compared.

    Example:
        >>> plain("Ground Truth")
        'groundtruth'
    """
    return re.sub(r"[\s_-]", "", name).lower()


def merge(sets: Mapping[str, Found], *, is_prefixed: bool = False) -> Found:
    """Join sets; an id starts with its set's name where it must, to be unique, or `is_prefixed`."""
    counts = Counter(case.id for found in sets.values() for case in found.cases)

    def unique(name: str, case_id: str) -> str:
        return f"{name}/{case_id}" if name and (is_prefixed or counts[case_id] > 1) else case_id

    merged = Found()
    for name, found in sets.items():
        merged.faults.extend(found.faults)
        merged.warnings.extend(found.warnings)
        merged.cases.extend(replace(case, id=unique(name, case.id)) for case in found.cases)
        merged.bad_files.extend(
            replace(bad, case_id=unique(name, bad.case_id)) if bad.case_id else bad
            for bad in found.bad_files
        )
    return merged


def in_part(found: Found, part: str | None) -> Found:
    """The same with its cases in a part."""
    return replace(found, cases=[replace(case, part=part) for case in found.cases])


def describe_passed_over(path: Path, names: Collection[str]) -> list[str]:
    """A warning that these entries of a folder are not used, if there are any."""
    if not names:
        return []
    first = path / next(iter(names))
    what = "is not" if len(names) == 1 else f"and {len(names) - 1} more are not"
    remedy = how_to_convert(names) or "Convert what is an image, or ignore this."
    return [f"{first}: {what} used ({kinds(names)}). {remedy}"]


def how_to_convert(names: Iterable[str]) -> str:
    """Return how to make images of files that hold some, but cannot be read; "" of others.

    Example:
        >>> how_to_convert(["a.txt", "IMG_1.HEIC"])
        'HEIC is what iPhones write: export the photos as JPEG or PNG.'
    """
    suffixes = {os.path.splitext(name)[1].lower() for name in names}
    return " ".join(dict.fromkeys(text for end, text in _CONVERT.items() if end in suffixes))


def kinds(names: Collection[str]) -> str:
    """How many files of which extensions, the most frequent first; folders, by `/`, by name.

    Example:
        >>> kinds(["a.json", "b.json", "LICENSE", "p1/"])
        '2 .json, 1 LICENSE, 1 p1/'
    """
    endings = [name if name.endswith("/") else os.path.splitext(name)[1].lower() for name in names]
    of_the_bare = "without an ending" if endings.count("") > 1 else ""
    counts = Counter(end or of_the_bare or name for end, name in zip(endings, names, strict=True))
    return ", ".join(f"{count} {kind}" for kind, count in counts.most_common(4))


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link that leads back to itself
        return False
