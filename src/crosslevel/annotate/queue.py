"""The order in which a person sees the images.

By luck it is the same for ever. By a model it changes only when that has seen them all.
"""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

from crosslevel.annotate.items import Item
from crosslevel.annotate.options import RankingName, RankOptions
from crosslevel.annotate.work_folder import WorkFolder, read_json
from crosslevel.system.files import write_text

if TYPE_CHECKING:
    from crosslevel.annotate.looking import Look
    from crosslevel.annotate.suggestions import Suggestions

MOST_RANKED = 200
"""Images at the head of the queue, which are far more than are annotated until the next round."""


class Queue:
    """Numbers of images in the order of work: without masks first, ranked, then those with.

    Args:
        work: Where the order is kept.
        items: The images, by number.
        ranking: Which come first; where it asks a model, luck decides until that has seen them.

    Attributes:
        order: All images, the next one first.
        wanted: By which the order is to be.
        ranking: By which the order was made.
        doubt_from: What said how unsure a mask is (see `Doubt`), "" before a model did.
        version: Counts changes.
    """

    def __init__(self, work: WorkFolder, items: Sequence[Item], ranking: RankingName) -> None:
        self._work, self._items, self.wanted = work, items, ranking
        self._lock = threading.Lock()
        self.ranking, self.doubt_from = "random", ""
        self.version = 0
        self.order = self._kept() or self._by_luck()

    def changed(self) -> None:
        """Say that the page shows what is no longer so."""
        with self._lock:
            self.version += 1

    def rank_by(self, ranking: RankingName, suggestions: Suggestions | None) -> None:
        """Order the images another way, at once or when the model has seen them all."""
        self.wanted = ranking
        if suggestions and suggestions.has_seen_all:
            self.renew(suggestions)
            return
        with self._lock:
            self._shuffle()

    def renew(self, suggestions: Suggestions) -> None:
        """Order the images, and keep what depends on a model that has said something of them."""
        if self.wanted == "random":
            with self._lock:
                self._shuffle()
        else:
            self._rank(suggestions, self.wanted)

    def _rank(self, suggestions: Suggestions, ranking: RankingName) -> None:
        from crosslevel.annotate.rank import place

        looks = dict(suggestions.looks)
        numbers = {item.case.id: number for number, item in enumerate(self._items)}
        options = RankOptions(num=MOST_RANKED, ranking=ranking)
        placed = place([item.case for item in self._items], looks, options)
        first = [numbers[one.case.id] for one in placed]
        taken = set(first)
        free = [n for n, item in enumerate(self._items) if item.case.mask is None]
        rest = sorted((n for n in free if n not in taken), key=lambda n: self._sureness(n, looks))
        with self._lock:
            if ranking != self.wanted:  # another order was chosen meanwhile
                return
            self.order = self._with_masked([*first, *rest])
            self.ranking = ranking
            self.doubt_from = placed[0].look.doubt_from if placed else ""
            self.version += 1
            self._write(suggestions.name)

    def _sureness(self, number: int, looks: Mapping[str, Look]) -> float:
        look = looks.get(self._items[number].case.id)
        return 1.0 if look is None else look.sureness

    def _with_masked(self, free: Sequence[int]) -> list[int]:
        """Return these, then all others."""
        taken = set(free)
        return [*free, *(n for n in range(len(self._items)) if n not in taken)]

    def _shuffle(self) -> None:
        self.order, self.ranking, self.doubt_from = self._by_luck(), "random", ""
        self.version += 1

    def _by_luck(self) -> list[int]:
        """Return an order that masks, models and new images leave as it is."""
        free = [n for n, item in enumerate(self._items) if item.case.mask is None]
        return self._with_masked(sorted(free, key=self._lot))

    def _lot(self, number: int) -> str:
        key = self._work.key(self._items[number].case.image)
        return hashlib.sha256(key.encode()).hexdigest()

    def _kept(self) -> list[int]:
        """Return a model's order of last time, with images that are new since at its end."""
        found = read_json(self._work.queue_file)
        if self.wanted == "random" or found.get("ranking") != self.wanted:
            return []
        numbers = {self._work.key(item.case.image): n for n, item in enumerate(self._items)}
        known = [numbers[key] for key in found.get("order", []) if key in numbers]
        if not known:
            return []
        self.ranking, self.doubt_from = self.wanted, found.get("doubt_from", "")
        return self._with_masked(known)

    def _write(self, model: str) -> None:
        keys = [self._work.key(self._items[number].case.image) for number in self.order]
        content = {
            "model": model,
            "ranking": self.ranking,
            "doubt_from": self.doubt_from,
            "order": keys,
        }
        with suppress(OSError):  # the next server makes it anew
            write_text(self._work.queue_file, json.dumps(content, indent=1) + "\n")
