"""From annotation files, and the images they name, to cases."""

from __future__ import annotations

import os
import re
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from crosslevel.data.annotations import found as tools
from crosslevel.data.annotations.found import Listed
from crosslevel.data.annotations.pictures import Pictures, is_of_a_sibling
from crosslevel.data.annotations.saying import (
    about_masks,
    about_siblings,
    about_without,
    some_names,
)
from crosslevel.data.annotations.shapes import Colour
from crosslevel.data.annotations.sources import Tree, may_be_annotated, read_all, read_file
from crosslevel.data.annotations.yolo import LABELS
from crosslevel.data.annotations.zipped import unpacked
from crosslevel.data.formats.readers import stem_of
from crosslevel.data.layouts import PARTS, Found, describe_passed_over
from crosslevel.data.layouts.folder import IMAGE_FOLDERS, MASK_FOLDERS, Folder, plain
from crosslevel.data.quality.bad_files import BadFile
from crosslevel.data.quality.naming import some
from crosslevel.errors import DataError
from crosslevel.types import Case, ShapeMask, WithoutShapes

_PART = re.compile(r"(?:^|[^a-z])(train|valid|val|validation|test)(?:ing)?(?:\d{4})?(?:[^a-z]|$)")


def find_annotated(source: Path, without_shapes: WithoutShapes) -> Found | None:
    """Return the cases of annotations in a folder, None if it has none.

    Args:
        source: A folder, an annotation file, or a zip of either.
        without_shapes: What images are that are listed without a shape.

    Raises:
        DataError: A file is damaged, or several tools' annotations are there.
    """
    if source.is_dir() and not may_be_annotated(source):
        return None
    if source.is_dir():
        return _in_folder(source, Tree().add(source), without_shapes)
    if source.suffix.lower() == ".zip":
        return _in_zip(source, without_shapes)
    found = [read_file(source)]
    root, tree = _with_images(source.parent, Tree().add(source.parent))
    return _Search(root, tree, without_shapes).result(found)


def _with_images(folder: Path, tree: Tree) -> tuple[Path, Tree]:
    """Return a folder and its files; without images the folder above, if they lie there."""
    if not tree.images and _has_images(folder.parent):
        return folder.parent, Tree().add(folder.parent)
    return folder, tree


def _has_images(folder: Path) -> bool:
    """Whether images lie in a folder, or in one of the usual name in it."""
    inside = Folder.scan(folder)
    return bool(inside.images) or any(plain(name) in IMAGE_FOLDERS for name in inside.folders)


def _in_folder(folder: Path, tree: Tree, without_shapes: WithoutShapes) -> Found | None:
    found, others = read_all(folder, tree)
    if not found:
        zips = [path for path in tree[".zip"] if _holds_annotations(path)]
        if len(zips) == 1:
            return _in_zip(zips[0], without_shapes, tree)
        return None
    _refuse_several_tools(folder, found)
    is_alone = plain(folder.name) in MASK_FOLDERS
    place = _with_images(folder, tree) if is_alone else (folder, tree)
    result = _Search(*place, without_shapes).result(found)
    return result.warning(
        describe_passed_over(folder, [str(p.relative_to(folder)) for p in others])
    )


def _holds_annotations(path: Path) -> bool:
    folder = unpacked(path)
    return bool(read_all(folder, Tree().add(folder))[0])


def _in_zip(path: Path, without_shapes: WithoutShapes, beside: Tree | None = None) -> Found:
    """Return what is in a zip; without images in it, those beside it are meant."""
    folder = unpacked(path)
    tree = Tree().add(folder)
    found, _ = read_all(folder, tree)
    if not found:
        line = f"{path}: holds no annotations that are understood. Unpack it, or export it again."
        raise DataError([line])
    _refuse_several_tools(path, found)
    root = folder
    if not tree.images:
        root, tree = path.parent, beside or Tree().add(path.parent)
    named = [replace_file(one, path, folder) for one in found]
    return _Search(root, tree, without_shapes).result(named)


def replace_file(found: tools.Found, archive: Path, folder: Path) -> tools.Found:
    """Return the same, said to be in the archive and not where that was unpacked."""
    inside = found.file.relative_to(folder)
    return replace(found, file=archive / inside)


def _refuse_several_tools(folder: Path, found: Sequence[tools.Found]) -> None:
    first = {one.tool: one.file for one in reversed(found)}
    if len(first) > 1:
        names = {tool: LABELS if file.is_dir() else file.name for tool, file in first.items()}
        named = " and ".join(f"{tool} ({name})" for tool, name in names.items())
        line = f"{folder}: holds annotations of {named}. Give the one to use as --data."
        raise DataError([line])


@dataclass
class _Search:
    """Images looked for, and what is to be said about them.

    Attributes:
        root: Ids and parts of images are told by their path below it.
        tree: Where images may be.
        without_shapes: What images are that are listed without a shape.
    """

    root: Path
    tree: Tree
    without_shapes: WithoutShapes
    _masks: dict[Path, ShapeMask | None] = field(default_factory=dict)
    _parts: dict[Path, str | None] = field(default_factory=dict)
    _missing: dict[Path, list[str]] = field(default_factory=lambda: defaultdict(list))
    _of_siblings: list[tuple[Path, str, Path]] = field(default_factory=list)
    _faults: list[str] = field(default_factory=list)
    _counts: Counter[str] = field(default_factory=Counter)

    def result(self, found: Sequence[tools.Found]) -> Found:
        """Return the cases, unlisted images among them, and every doubt about them."""
        not_masks = [path for path in self.tree.images if not self._is_in_masks(path)]
        pictures = Pictures(not_masks or self.tree.images)
        of_files = self._parts_of_files(found)
        for one in found:
            images = pictures.find_all([listed.name for listed in one.images], one.file)
            for listed, image in zip(one.images, images, strict=True):
                if image is None:
                    self._missing[one.file].append(listed.name)
                else:
                    self._add(image, listed, one, of_files.get(one.file))
        in_masks = [path for path in self.tree.images if self._is_in_masks(path)]
        listed_only = set(self._masks)
        unlisted = [p for p in self.tree.images if p not in listed_only and p not in set(in_masks)]
        for path in unlisted:
            self._masks[path] = None
        labels, cases = _labels(found), self._cases()
        return Found(
            cases=cases,
            faults=self._faults,
            bad_files=[*self._describe_missing(found), *_twins(cases)],
            warnings=[
                *self._warnings(found, labels),
                *about_siblings(self._of_siblings),
                *about_masks(self.root, in_masks),
            ],
            layout=self._in_words(found, labels, len(unlisted)),
            labels={name: labels[name] for name in labels if name in _used(found)},
        )

    def _parts_of_files(self, found: Sequence[tools.Found]) -> dict[Path, str]:
        """Return the part of each file, if their names say several."""
        parts = {}
        for one in found:
            try:
                text = one.file.relative_to(self.root).as_posix().lower()
            except ValueError:
                text = one.file.name.lower()
            if len(one.images) > 1 and (match := _PART.findall(text)):
                parts[one.file] = PARTS[match[-1]]
        return parts if len(set(parts.values())) > 1 else {}

    def _add(self, image: Path, listed: Listed, one: tools.Found, part: str | None) -> None:
        if is_of_a_sibling(listed.name, Path(os.path.relpath(image, self.root))):
            self._of_siblings.append((one.file, listed.name, image))
        mask = self._mask(image, listed, one)
        before = self._masks.get(image)
        if before is not None and mask is not None:
            where = f"{one.file}" if before.file == one.file else f"{before.file} and {one.file}"
            line = f"{where}: {listed.name} is annotated twice. Keep one, or give one as --data."
            self._faults.append(line)
        self._masks[image] = mask or before
        named = PARTS.get((listed.part or "").lower())
        self._parts[image] = named or part

    def _mask(self, image: Path, listed: Listed, one: tools.Found) -> ShapeMask | None:
        if listed.shapes:
            self._counts["with shapes"] += 1
            self._counts["with both"] += listed.has_others
        elif listed.has_others:
            self._counts["with others"] += 1
            return None
        elif listed.is_done:
            self._counts["healthy"] += 1
        else:
            self._counts["without"] += 1
            if self.without_shapes == "unlabelled":
                return None
        return ShapeMask(one.file, listed.name, one.tool, listed.size, image, listed.shapes)

    def _is_in_masks(self, path: Path) -> bool:
        if path in self._masks:
            return False
        folders = os.path.relpath(path.parent, self.root).split(os.sep)
        return any(plain(name) in MASK_FOLDERS for name in folders)

    def _cases(self) -> list[Case]:
        paths = {
            path: os.path.relpath(path, self.root).replace(os.sep, "/") for path in self._masks
        }
        stems = Counter(stem_of(path.name) for path in paths)
        by_folder = {path: _part_of_folders(relative) for path, relative in paths.items()}
        by_folder = by_folder if len({p for p in by_folder.values() if p}) > 1 else {}
        cases = []
        for path, mask in self._masks.items():
            stem = stem_of(path.name)
            name = stem if stems[stem] == 1 else stem_of(paths[path]).removeprefix("../")
            part = self._parts.get(path) or by_folder.get(path)
            cases.append(Case(name, path, mask, part=part))
        return cases

    def _describe_missing(self, found: Sequence[tools.Found]) -> list[BadFile]:
        bad_files = []
        for file, names in self._missing.items():
            line = (
                f"{file}: listed images that are not there, or in several folders: {len(names)} "
                f"({some_names(names)}). Put them into {self.root}, in the folders the file names, "
                "or do without them with --skip_bad."
            )
            bad_files.append(BadFile(file, line))
        lost = sum(map(len, self._missing.values()))
        if lost and lost == sum(len(one.images) for one in found):
            self._faults += [bad.problem for bad in bad_files]
            return []
        return bad_files

    def _warnings(
        self, found: Sequence[tools.Found], labels: dict[str, Colour | None]
    ) -> list[str]:
        lines = [line for one in found for line in one.warnings]
        others = sum((one.others for one in found), Counter[str]())
        file = some([one.file for one in found])
        if others:
            kinds = ", ".join(f"{count} {kind}" for kind, count in others.most_common())
            line = f"{file}: {kinds}: these are not masks, and not used."
            if both := self._counts["with both"]:
                line += f" Images that have them beside shapes: {both}; what only they mark is "
                line += "background there."
            if alone := self._counts["with others"]:
                line += f" Images that have nothing else: {alone}; they are unlabelled."
            lines.append(line)
        if without := self._counts["without"]:
            lines.append(about_without(file, without, self.without_shapes))
        elif self.without_shapes != "unlabelled":
            lines.append("--without_shapes has no effect: no image is listed without a shape.")
        unused = [name for name in labels if name not in _used(found)]
        if unused:
            lines.append(f"{file}: labels without any shape are left out: {some_names(unused)}.")
        return lines

    def _in_words(
        self, found: Sequence[tools.Found], labels: dict[str, Colour | None], num_unlisted: int
    ) -> str:
        files = found[0].file.name if len(found) == 1 else f"{len(found)} files"
        counts = [f"{self._counts['with shapes']} images with shapes"]
        if healthy := self._counts["healthy"]:
            counts.append(f"{healthy} annotated without a shape (healthy)")
        if without := self._counts["without"]:
            counts.append(f"{without} listed without a shape ({self.without_shapes})")
        if num_unlisted:
            counts.append(f"{num_unlisted} not listed (unlabelled)")
        used = [name for name in labels if name in _used(found)]
        order = f"classes in order ({found[0].order}): {', '.join(used) or 'none'}"
        return f"{found[0].tool} ({files}): {', '.join(counts)}; {order}"


def _labels(found: Sequence[tools.Found]) -> dict[str, Colour | None]:
    """Return the labels of all files in their order; those of many files anew by the alphabet."""
    labels: dict[str, Colour | None] = {}
    for one in found:
        for name, colour in one.labels.items():
            labels[name] = labels.get(name) or colour
    if len(found) > 1 and found[0].order == tools.ALPHABETICAL:
        return {name: labels[name] for name in tools.alphabetical(list(labels))}
    return labels


def _twins(cases: Sequence[Case]) -> list[BadFile]:
    """Return images that only their ending tells from another."""
    first: dict[str, Path] = {}
    twins = [(case, first.setdefault(case.id, case.image)) for case in cases]
    return [
        BadFile(
            case.image,
            f"{case.image}: has the same stem as {twin.name}. Rename or remove one.",
            case.id,
        )
        for case, twin in twins
        if twin != case.image
    ]


def _used(found: Sequence[tools.Found]) -> set[str]:
    return {shape.label for one in found for image in one.images for shape in image.shapes}


def _part_of_folders(relative: str) -> str | None:
    folders = relative.split("/")[:-1]
    return next((PARTS[plain(name)] for name in folders if plain(name) in PARTS), None)
