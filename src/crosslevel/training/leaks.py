"""Whether weights that a training starts from have seen the images that it is to be scored on."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from crosslevel.config.model import ModelConfig
from crosslevel.data.split import Split
from crosslevel.errors import InputError
from crosslevel.models.pretrained import read_card
from crosslevel.system.console import Reporter


def check_pretraining(model: ModelConfig, split: Split, reporter: Reporter) -> None:
    """Refuse weights of a pretraining on test images; warn if it was asked for these.

    It warns of images that folds hold out, too: a pretraining does not leave them out.

    Raises:
        InputError: Saying how to pretrain without them.
    """
    if model.pretraining is None:
        return
    card = read_card(model.pretraining)
    told = _told(split, card.images, f"by the pretraining in {model.pretraining}", reporter)
    if told and not card.with_test:
        raise InputError(
            f"{told}: a score on them would be too good. Pretrain and train with the same --split "
            "or --split_seed on the same images; where masks are few, pretrain with --folds 0 for "
            "a training that has a test part."
        )
    if told:
        reporter.say(f"warning: {told}, as it was asked to: a score on them may be too good.")


def check_start(start_from: Path | None, split: Split, reporter: Reporter) -> None:
    """Refuse to start from a run that has learned from test images, without their masks.

    It warns of images that folds hold out.

    Args:
        start_from: The run.
        split: Of the training, as `continued` returns it.
        reporter: Who tells the user.

    Raises:
        InputError: Saying how to train without it.
    """
    seen = [digest for digest, part in split.earlier.items() if part == "train_unlabelled"]
    if told := _told(split, seen, f"by {start_from}, or a run before it", reporter):
        raise InputError(
            f"{told}: a score on them would be too good. Give other images the part test, or train "
            "without --from."
        )


def _told(split: Split, seen: Collection[str], by: str, reporter: Reporter) -> str:
    """Return how many test images were seen, "" if none was; warn of those that folds hold out.

    Args:
        split: Of the training.
        seen: Hashes of images.
        by: Whom they were seen by.
        reporter: Who tells the user.
    """
    seen = set(seen)
    held_out = [i for i in split.train_labelled if i in split.folds]
    if known := [case_id for case_id in held_out if split.hashes.get(case_id) in seen]:
        reporter.say(
            f"warning: {len(known)} of the {len(held_out)} images that folds hold out were seen, "
            f"without their masks, {by}: the out-of-fold score may be too good."
        )
    tested = [case_id for case_id in split.test if split.hashes.get(case_id) in seen]
    if not tested:
        return ""
    return (
        f"{len(tested)} of the {len(split.test)} test images (the first is {tested[0]}) were seen "
        f"{by}"
    )
