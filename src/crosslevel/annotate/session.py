"""One person's work on one folder: what the page asks for, and what it does to files.

Everything a person does is on disk when a method returns. Nothing here knows of HTTP.
"""

from __future__ import annotations

import json
import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from crosslevel.annotate import provenance
from crosslevel.annotate.drafts import Draft
from crosslevel.annotate.items import Item, find_items, numbering
from crosslevel.annotate.masks import MaskFiles, check_writable, finish_replacing
from crosslevel.annotate.options import RankingName
from crosslevel.annotate.patches import Mask, Patch, checksum
from crosslevel.annotate.pictures import image_size
from crosslevel.annotate.queue import Queue
from crosslevel.annotate.suggestions import Suggestions
from crosslevel.annotate.tabs import Tabs
from crosslevel.annotate.work_folder import WorkFolder, read_json
from crosslevel.errors import DataError, InputError
from crosslevel.system.files import write_text
from crosslevel.types import Case, Classes, Layout, Reading

MOST_DRAFTS = 6
"""Kept in memory; a draft holds its mask, all others are on disk."""
MARKS = ("", "skipped", "unsure")
MERGES = (
    "--instances: a mask that you change is written without borders between objects that touch; "
    "one that you accept unchanged stays as it is."
)


@dataclass(frozen=True, kw_only=True)
class Setting:
    """What is annotated, by whom and how.

    Attributes:
        data: The folder.
        who: Name of the person, for `annotations.csv`.
        classes: The value or colour of each class in a mask; empty for one class.
        layout: Which folder holds the masks, where several could.
        reading: How images are read.
        ranking: Which images come first.
        say: Told lines for the person at the terminal.
    """

    data: Path
    who: str
    classes: Classes
    layout: Layout
    reading: Reading
    ranking: RankingName
    say: Callable[[str], None]


class Session:
    """The state behind the page.

    Args:
        setting: What is annotated, by whom and how.

    Raises:
        DataError: If `data` is not a folder that `train` takes.
        InputError: If its classes or files cannot be worked with.
    """

    def __init__(self, setting: Setting) -> None:
        self.setting = setting
        self.work = WorkFolder(setting.data)
        check_writable(setting.classes)
        provenance.check(self.work.annotations_file)
        finish_replacing(self.work)
        self.items, self.warnings = find_items(setting.data, setting.reading, setting.layout)
        if setting.classes.instances:
            self.warnings.append(MERGES)
        self.numbering = numbering(self.items)
        self.files = MaskFiles(self.work, setting.classes, setting.reading)
        self.tabs = Tabs()
        self.suggestions: Suggestions | None = None
        self.queue = Queue(self.work, self.items, setting.ranking)
        self._drafts: OrderedDict[int, Draft] = OrderedDict()
        self._lock = threading.RLock()
        self._read_marks()

    @property
    def num_classes(self) -> int:
        """Foreground classes."""
        return max(1, len(self.setting.classes.values))

    def use(self, suggestions: Suggestions) -> None:
        """Take suggestions from another model, and renew the order once it has seen all images."""
        with self._lock:
            before, self.suggestions = self.suggestions, suggestions
        if before:
            before.stop()
        cases = [self.items[number].case for number in self.queue.order]
        suggestions.start(cases, lambda: self.queue.renew(suggestions))
        self.queue.changed()

    def rank_by(self, ranking: RankingName) -> None:
        """Order the images another way, for as long as this session lasts."""
        with self._lock:
            self.queue.rank_by(ranking, self.suggestions)

    def item(self, number: int) -> Item:
        """Return an image by its number.

        Raises:
            InputError: There is no such image.
        """
        if not 0 <= number < len(self.items):
            raise InputError(f"There is no image {number}; there are {len(self.items)}. Reload.")
        return self.items[number]

    def size(self, number: int) -> tuple[int, int]:
        """Return height and width of an image."""
        return image_size(self.item(number).case.image, self.setting.reading)

    def draft(self, number: int) -> Draft:
        """Return the work on an image, as it was left, or as it begins.

        It begins with the person's mask, else the model's suggestion, else nothing.
        """
        with self._lock:
            kept = self._drafts.get(number)
            if kept is None or kept.base.shape != self.size(number):
                self._drafts[number] = self._found(number) or self._begun(number)
                while len(self._drafts) > MOST_DRAFTS:
                    self._drafts.popitem(last=False)
            self._drafts.move_to_end(number)
            return self._drafts[number]

    def stroke(self, number: int, content: Mapping[str, Any]) -> None:
        """Do one stroke: "at", "tool", "patch", "seconds" and "base" (its `checksum`) of a page.

        Raises:
            InputError: It does not fit the image, or what was done before.
        """
        size = self.size(number)
        patch = Patch.from_json(content["patch"], size, self.num_classes)
        with self._lock:
            draft, tool = self.draft(number), str(content["tool"])[:40]
            if not draft.strokes and checksum(draft.base) != content["base"]:
                raise InputError("The model suggests another mask by now. It is shown anew.")
            draft.do(int(content["at"]), tool, patch, float(content["seconds"]), _now())

    def move(self, number: int, cursor: int, seconds: float) -> None:
        """Undo or redo up to a stroke."""
        with self._lock:
            self.draft(number).move(cursor, seconds)

    def restart(self, number: int) -> None:
        """Throw the work on an image away and begin anew; its mask on disk stays."""
        with self._lock:
            self.draft(number).remove()
            self._drafts.pop(number, None)

    def accept(self, number: int, crc: int, seconds: float) -> None:
        """Write the mask of an image, as the page shows it, unless that lies there already.

        Args:
            number: Of the image.
            crc: `checksum` of the mask on the page.
            seconds: Time the person looked at the image.

        Raises:
            InputError: The page shows another mask, or another program wrote one since the draft
                began; said once, so that the person can decide.
        """
        with self._lock:
            item, draft, now = self.item(number), self.draft(number), _now()
            mask = draft.mask
            if checksum(mask) != crc:
                raise InputError("The page shows another mask than was saved. Reload the page.")
            if self._is_repeated(item, draft, seconds):
                return
            found = self.files.found(item)
            if found is None or not np.array_equal(found, mask):
                if found is not None:
                    self._refuse_unseen(number, draft, found)
                self.files.write(item, mask, now)
            provenance.append(self.work.annotations_file, self._row(item, draft, seconds, now))
            draft.remove()
            self._drafts.pop(number, None)
            self._mark(item, "", "")
        self.queue.changed()

    def mark(self, number: int, mark: str, note: str) -> None:
        """Pass an image over ("skipped", "unsure"), or take that back ("").

        Raises:
            InputError: There is no such mark.
        """
        if mark not in MARKS:
            raise InputError(f"mark is {mark!r}; it must be one of {MARKS}.")
        with self._lock:
            self._mark(self.item(number), mark, note[:2000])
        self.queue.changed()

    def status(self, item: Item) -> str:
        """Return "done", "skipped", "unsure", "draft" or "todo"."""
        if item.mark:
            return item.mark
        has_draft = (self._draft_folder(item.case) / "base.npz").is_file()
        if item.case.mask:
            return "editing" if has_draft else "done"
        return "draft" if has_draft else "todo"

    def state(self) -> dict[str, Any]:
        """Return all that the page shows beside the image.

        Raises:
            InputError: `annotations.csv` has other columns by now.
        """
        rows = provenance.read(self.work.annotations_file)
        seconds = provenance.times(rows)
        looks = self.suggestions.looks if self.suggestions else {}
        return {
            "data": self.setting.data.name,
            "who": self.setting.who,
            "classes": self.setting.classes.names,
            "model": self.suggestions.name if self.suggestions else "",
            "order": self.queue.order,
            "ranking": self.queue.ranking,
            "wanted": self.queue.wanted,
            "doubt_from": self.queue.doubt_from,
            "version": self.queue.version,
            "numbering": self.numbering,
            "today": provenance.done_today(rows, datetime.now().astimezone()),
            "median_seconds": round(median(seconds), 1) if seconds else None,
            "images": [
                {
                    "name": item.case.id,
                    "status": self.status(item),
                    "note": item.note,
                    "said": looks[item.case.id].to_json() if item.case.id in looks else None,
                }
                for item in self.items
            ],
        }

    @property
    def num_masks(self) -> int:
        """Images that have a mask on disk."""
        return sum(item.case.mask is not None for item in self.items)

    def close(self) -> None:
        """End what works beside the page."""
        if self.suggestions:
            self.suggestions.stop()

    def _draft_folder(self, case: Case) -> Path:
        return self.work.drafts / self.work.key(case.image)

    def _found(self, number: int) -> Draft | None:
        folder = self._draft_folder(self.item(number).case)
        return Draft.load(folder, self.size(number), self.num_classes)

    def _begun(self, number: int) -> Draft:
        item, size = self.item(number), self.size(number)
        folder, model, begun_from = self._draft_folder(item.case), "", "from_scratch"
        mask = np.zeros(size, np.uint8)
        if (found := self.files.found(item)) is not None:
            mask, begun_from = found, "mask"
        elif self.suggestions and (look := self.suggestions.look(item.case)):
            model, begun_from = self.suggestions.name, "suggestion"
            mask = look.mask(size, self.suggestions.threshold)
        return Draft(folder, mask, begun_from, model, self.num_classes)

    def _refuse_unseen(self, number: int, draft: Draft, found: Mask) -> None:
        """Refuse once to replace what another program wrote."""
        if draft.knows(found):
            return
        draft.told = checksum(found)
        what = "Accept again to replace it (a copy is kept), or start over from it."
        if not draft.strokes:
            if draft.started:  # a process that was killed left its base alone
                draft.remove()
            self._drafts.pop(number)
            what = "It is shown now."
        file = self.item(number).case.mask_files[0]
        raise DataError([f"{file}: another program changed this mask. {what}"])

    def _row(self, item: Item, draft: Draft, seconds: float, now: str) -> provenance.Row:
        return provenance.Row(
            image=item.case.image.relative_to(self.setting.data).as_posix(),
            who=self.setting.who,
            started=draft.started or now,
            seconds=seconds,
            begun_from=draft.begun_from,
            model=draft.model,
            pixels_changed=draft.num_changed,
            strokes=draft.cursor,
        )

    def _is_repeated(self, item: Item, draft: Draft, seconds: float) -> bool:
        """Return whether the last mask is sent again, since the answer to it was lost."""
        rows = provenance.read(self.work.annotations_file)
        if not rows or draft.cursor or draft.begun_from != "mask":
            return False
        return provenance.is_same_look(rows[-1], self._row(item, draft, seconds, ""))

    def _mark(self, item: Item, mark: str, note: str) -> None:
        if (item.mark, item.note) == (mark, note):
            return
        item.mark, item.note = mark, note
        marks = {
            self.work.key(item.case.image): {"mark": item.mark, "note": item.note}
            for item in self.items
            if item.mark or item.note
        }
        write_text(self.work.marks_file, json.dumps(marks, indent=2) + "\n")

    def _read_marks(self) -> None:
        marks = read_json(self.work.marks_file)
        for item in self.items:
            found = marks.get(self.work.key(item.case.image), {})
            item.mark, item.note = found.get("mark", ""), found.get("note", "")


def _now() -> str:
    return datetime.now().astimezone().isoformat(timespec="milliseconds")
