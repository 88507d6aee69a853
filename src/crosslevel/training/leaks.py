"""Whether a pretrained encoder has seen the images that a training is to be scored on."""

from __future__ import annotations

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
    seen = set(card.images)
    held_out = [i for i in split.train_labelled if i in split.folds]
    if known := [case_id for case_id in held_out if split.hashes.get(case_id) in seen]:
        reporter.say(
            f"warning: {len(known)} of the {len(held_out)} images that folds hold out were seen, "
            f"without their masks, by the pretraining in {model.pretraining}: the out-of-fold "
            "score may be too good."
        )
    tested = [case_id for case_id in split.test if split.hashes.get(case_id) in seen]
    if not tested:
        return
    told = (
        f"{len(tested)} of the {len(split.test)} test images (the first is {tested[0]}) were seen "
        f"by the pretraining in {model.pretraining}"
    )
    if not card.with_test:
        raise InputError(
            f"{told}: a score on them would be too good. Pretrain and train with the same --split "
            "or --split_seed on the same images; where masks are few, pretrain with --folds 0 for "
            "a training that has a test part."
        )
    reporter.say(f"warning: {told}, as it was asked to: a score on them may be too good.")
