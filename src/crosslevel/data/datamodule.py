"""Batches from cases and a split. A batch is a function of the seed and the step, nothing else.

That is what makes a resumed run equal to an uninterrupted one: there is no position in a data
loader, no state of a random generator to restore.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from copy import copy
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from numpy.typing import NDArray

from crosslevel.data.augment import draw_affine, draw_turns, turn, warp
from crosslevel.data.balance import Places, draw_balanced, places_by_class
from crosslevel.data.cache import packed, take
from crosslevel.data.reading import mask_key, read_case_mask, read_hashed_case
from crosslevel.errors import DataError
from crosslevel.images.preprocess import normalise, resize_image, resize_mask
from crosslevel.system.devices import Place
from crosslevel.types import BEFORE_WINDOWS, Batch, Case, Classes, Reading

LABELLED, UNLABELLED, AUGMENTATION = 0, 1, 2
VALIDATION_BATCH = 8


@dataclass(frozen=True, kw_only=True)
class Sampling:
    """How many images a step sees, how they are moved, and the seed of everything random.

    Attributes:
        batch_labelled: Labelled images in a step.
        batch_unlabelled: Unlabelled ones; with 0 none is read.
        seed: Of everything random.
        warp: Images are turned, scaled and moved by any amount.
        turns: They are given one of their eight orientations at random.
        balanced: Labelled images are drawn by class (see `crosslevel.data.balance`).
        detail: How many times finer the images of `Batch.finer` are; with 1 there are none.
    """

    batch_labelled: int
    batch_unlabelled: int
    seed: int
    warp: bool = False
    turns: bool = True
    balanced: bool = False
    detail: int = 1


@dataclass(frozen=True)
class Choices:
    """Everything random about the batch of a step, labelled images first.

    Attributes:
        labelled: (L,) places in the list of labelled images, int64.
        unlabelled: (U,) places in the list of unlabelled images, int64.
        turns: (L + U,) orientations, as `crosslevel.data.augment.turn` takes them.
        affine: (L + U, 2, 3) float, as `warp` takes them; None without warps.
    """

    labelled: torch.Tensor
    unlabelled: torch.Tensor
    turns: torch.Tensor
    affine: torch.Tensor | None


@dataclass(frozen=True)
class TrainingArrays:
    """What every batch is made of.

    Attributes:
        images: (N, S, S, 3) uint8, labelled and unlabelled ones together.
        masks: (number of labelled images, S, S) uint8 class indices.
        labelled: Where in `images` each labelled image is.
        unlabelled: Where in `images` each unlabelled image is.
        groups: (N,) the number of each image's group (see `Batch`).
        finer: (N, k·S, k·S, 3) uint8, the images in more detail, if a batch has them.
    """

    images: NDArray[np.uint8]
    masks: NDArray[np.uint8]
    labelled: NDArray[np.int64]
    unlabelled: NDArray[np.int64]
    groups: NDArray[np.int64]
    finer: NDArray[np.uint8] | None


class DataModule:
    """Training batches and validation images of one split, read from a memory-mapped pack.

    Only masks of labelled training images and of validation images are ever opened.

    Args:
        parts: "train_labelled", "train_unlabelled" and "val" cases, as `resolve_split` gives; of
            a run with folds there is nothing to validate.
        hashes: Content hash of every image, by the case's id.
        classes: How masks are read.
        size: Side in pixels to which everything is resized.
        sampling: Batch sizes and seed.
        reading: How images become 8-bit RGB.

    Raises:
        DataError: If an image is not the one of its hash, or is to be seen in more detail and has
            none.
    """

    def __init__(
        self,
        parts: Mapping[str, Sequence[Case]],
        hashes: Mapping[str, str],
        classes: Classes,
        size: int,
        sampling: Sampling,
        reading: Reading = BEFORE_WINDOWS,
    ) -> None:
        self.sampling = sampling
        self._reading = reading
        self.size = size
        self.validation_cases = parts["val"]
        self._classes = classes
        labelled = parts["train_labelled"]
        unlabelled = parts["train_unlabelled"] if sampling.batch_unlabelled else ()
        together = sorted([*labelled, *unlabelled])  # one pack serves every labelled draw
        place = {case.id: index for index, case in enumerate(together)}
        self._images = self._pack_images(together, hashes)
        detail = sampling.detail
        self._finer = self._pack_images(together, hashes, detail) if detail > 1 else None
        self._groups = _numbers_of_groups(together)
        self._labelled_cases, self._unlabelled_cases = list(labelled), list(unlabelled)
        self._labelled = np.array([place[case.id] for case in labelled], np.int64)
        self._unlabelled = np.array([place[case.id] for case in unlabelled], np.int64)
        self._masks = self._pack_masks(labelled, hashes)
        self._sorted_masks: NDArray[np.uint8] | None = None
        self._by_class: list[Places] = []
        self._val_images = self._pack_images(self.validation_cases, hashes)
        self._val_masks = self._pack_masks(self.validation_cases, hashes)

    def held_out(self, case_ids: Collection[str]) -> DataModule:
        """Return the same without these training cases; the labelled ones are validated on.

        Images are not read again: those that are held out stay where they are, unused.
        """
        is_out = np.array([case.id in case_ids for case in self._labelled_cases], bool)
        is_used = np.array([case.id not in case_ids for case in self._unlabelled_cases], bool)
        data = copy(self)
        data.validation_cases = [c for c in self._labelled_cases if c.id in case_ids]
        data._val_images = take(self._images, self._labelled[is_out])
        data._val_masks = take(self._masks, np.flatnonzero(is_out))
        data._labelled_cases = [c for c in self._labelled_cases if c.id not in case_ids]
        data._unlabelled_cases = [c for c in self._unlabelled_cases if c.id not in case_ids]
        data._labelled = self._labelled[~is_out]
        data._masks = take(self._masks, np.flatnonzero(~is_out))
        data._unlabelled = self._unlabelled[is_used]
        return data

    @property
    def steps_per_epoch(self) -> int:
        """Steps in which every labelled image is seen once (the last may start the next pass).

        Where no image is labelled, every unlabelled one.
        """
        if not len(self._labelled):
            return steps_per_epoch(len(self._unlabelled), self.sampling.batch_unlabelled)
        return steps_per_epoch(len(self._labelled), self.sampling.batch_labelled)

    @property
    def num_validation_batches(self) -> int:
        """How many `validation_batches` gives."""
        return -(-len(self._val_images) // VALIDATION_BATCH)

    def batch(self, step: int) -> Batch:
        """Return the batch of a step (from 0), augmented and normalised."""
        choices = self.choices(step)
        labelled, unlabelled = choices.labelled.numpy(), choices.unlabelled.numpy()
        count, affine = len(labelled), choices.affine
        images, masks = _view(
            take(self._images, self._labelled[labelled]),
            take(self._masks, labelled),
            choices.turns[:count],
            None if affine is None else affine[:count],
        )
        others, _ = _view(
            take(self._images, self._unlabelled[unlabelled]),
            None,
            choices.turns[count:],
            None if affine is None else affine[count:],
        )
        assert masks is not None, "labelled images come with masks"
        seen = np.concatenate([self._labelled[labelled], self._unlabelled[unlabelled]])
        groups = torch.from_numpy(self._groups[seen])
        finer = None
        if self._finer is not None:
            finer, _ = _view(take(self._finer, seen), None, choices.turns, affine)
        return Batch(images, masks.long(), others, groups, finer)

    def choices(self, step: int) -> Choices:
        """Draw which images a step (from 0) sees, and how they are turned and warped."""
        sampling = self.sampling
        labelled = self._draw_labelled(step)
        unlabelled = self._draw(UNLABELLED, len(self._unlabelled), sampling.batch_unlabelled, step)
        generator = torch.Generator().manual_seed(_seed(sampling.seed, AUGMENTATION, step))
        turns, affine = [], []
        for count in (len(labelled), len(unlabelled)):
            drawn = draw_turns(count, generator)
            turns.append(drawn if sampling.turns else torch.zeros_like(drawn))
            if sampling.warp:
                affine.append(draw_affine(count, generator))
        return Choices(
            torch.from_numpy(labelled),
            torch.from_numpy(unlabelled),
            torch.cat(turns),
            torch.cat(affine) if affine else None,
        )

    def training_arrays(self) -> TrainingArrays:
        """Return all training images and masks as they are packed."""
        return TrainingArrays(
            *(self._images, self._masks, self._labelled, self._unlabelled),
            *(self._groups, self._finer),
        )

    def validation_batches(
        self, batch_size: int = VALIDATION_BATCH, place: Place | None = None
    ) -> Iterator[tuple[torch.Tensor, NDArray[np.uint8]]]:
        """Yield validation images (B, 3, H, W), normalised, with masks (B, H, W), in order.

        Of several processes, each gets its share of the batches.
        """
        starts = range(0, len(self._val_images), batch_size)
        for start in starts if place is None else place.share(starts):
            part = slice(start, start + batch_size)
            yield normalise(torch.from_numpy(self._val_images[part].copy())), self._val_masks[part]

    def _draw_labelled(self, step: int) -> NDArray[np.int64]:
        sampling = self.sampling
        if not sampling.balanced:
            return self._draw(LABELLED, len(self._labelled), sampling.batch_labelled, step)
        if self._sorted_masks is not self._masks:
            self._sorted_masks, self._by_class = self._masks, places_by_class(self._masks)
        seed = (sampling.seed, LABELLED, step)
        return draw_balanced(self._by_class, sampling.batch_labelled, seed)

    def _draw(self, stream: int, num_items: int, count: int, step: int) -> NDArray[np.int64]:
        """Items of an endless stream of shuffled passes, at the places this step takes."""
        if not num_items:
            return np.zeros(0, np.int64)
        places = np.arange(step * count, (step + 1) * count)
        passes, within = np.divmod(places, num_items)
        seed = self.sampling.seed
        orders = [_order(seed, stream, int(p), num_items) for p in passes]
        return np.array([order[i] for order, i in zip(orders, within, strict=True)], np.int64)

    def _pack_images(
        self, cases: Sequence[Case], hashes: Mapping[str, str], detail: int = 1
    ) -> NDArray[np.uint8]:
        keys, side = [hashes[case.id] for case in cases], detail * self.size

        def load(i: int) -> NDArray[np.uint8]:
            image, digest = read_hashed_case(cases[i], self._reading)
            if digest != keys[i]:  # the pack would be wrong for every later run
                path = cases[i].image
                raise DataError([f"{path}: changed since it was checked. Repeat the command."])
            if detail > 1:
                self._refuse_without_detail(cases[i], image.shape[:2])
            return resize_image(image, side)

        kind = pack_kind(self._reading)
        kind = kind if detail == 1 else f"{kind}:larger than {self.size} px"
        return packed(keys, load, (side, side, 3), kind)

    def _refuse_without_detail(self, case: Case, shape: tuple[int, ...]) -> None:
        if min(shape) <= self.size:
            height, width = shape
            raise DataError(
                [
                    f"{case.image}: {width}×{height} px, no more than the {self.size} px at which "
                    "images are seen in full, so its tiles have no detail to add."
                ],
                "Leave out args.detail, choose a smaller --size, or leave out small images.",
            )

    def _pack_masks(self, cases: Sequence[Case], hashes: Mapping[str, str]) -> NDArray[np.uint8]:
        def load(i: int) -> NDArray[np.uint8]:
            return resize_mask(read_case_mask(cases[i], self._classes, self._reading), self.size)

        keys = [mask_key(case, hashes[case.id]) for case in cases]
        across = f":{self._reading.axis}" if any(case.frame is not None for case in cases) else ""
        kind = f"masks:{self._classes}{across}"
        return packed(keys, load, (self.size, self.size), kind)


def pack_kind(reading: Reading) -> str:
    """Return the name of a pack of images that are read so.

    Packs of 8-bit images, and those of 16-bit ones before their window was chosen, have none of it
    in their names.
    """
    if reading in (BEFORE_WINDOWS, Reading(window=())):
        return "images"
    return f"images:{reading.channels}:{reading.axis}:{reading.window}"


def _view(
    images: NDArray[np.uint8],
    masks: NDArray[np.uint8] | None,
    turns: torch.Tensor,
    affine: torch.Tensor | None,
) -> tuple[torch.Tensor, torch.Tensor | None]:
    """Augmented, normalised images (B, 3, H, W) and their masks (B, H, W)."""
    turned, turned_masks = turn(
        torch.from_numpy(images), None if masks is None else torch.from_numpy(masks), turns
    )
    if affine is None:
        return normalise(turned), turned_masks
    return warp(normalise(turned), turned_masks, affine)


@lru_cache(maxsize=4)
def _order(seed: int, stream: int, number: int, num_items: int) -> NDArray[np.int64]:
    """Return the order of one pass over all items; kept, since 100 000 take a thousand steps."""
    return np.random.default_rng((seed, stream, number)).permutation(num_items)


def _numbers_of_groups(cases: Sequence[Case]) -> NDArray[np.int64]:
    """Number the groups; an image of none is one by itself."""
    numbers: dict[tuple[str | None, str], int] = {}
    names = [(case.group, "" if case.group else case.id) for case in cases]
    return np.array([numbers.setdefault(name, len(numbers)) for name in names], np.int64)


def steps_per_epoch(num_labelled: int, batch_labelled: int) -> int:
    """Steps in which every labelled image is seen once; one if a batch holds more than all."""
    return -(-num_labelled // batch_labelled)


def step_seed(seed: int, step: int) -> int:
    """Return a seed for everything random inside a step (dropout, noise)."""
    return _seed(seed, 3, step)


def _seed(*parts: int) -> int:
    return int(np.random.SeedSequence(parts).generate_state(1, np.uint64)[0])
