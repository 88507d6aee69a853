"""Options that were given and that this run has no use for: named, so that nobody trusts them."""

from __future__ import annotations

from collections.abc import Iterator

from crosslevel.config.settled import SettledConfig
from crosslevel.config.train import TrainConfig
from crosslevel.methods.base import Method
from crosslevel.training.step import has_pretrained_encoder


def idle_options(config: SettledConfig, method: Method, num_unlabelled: int) -> Iterator[str]:
    """Yield a line on each option that differs from its default and changes nothing.

    Args:
        config: What is trained.
        method: The method it names, built.
        num_unlabelled: Unlabelled training images.
    """
    usual = TrainConfig()
    if config.batch_unlabelled != usual.batch_unlabelled:
        if not method.uses_unlabelled:
            yield f"--batch_unlabelled has no effect: {config.method} uses no unlabelled images."
        elif not num_unlabelled:
            yield "--batch_unlabelled has no effect: there are no unlabelled training images."
    if config.encoder_rate != usual.encoder_rate and not has_pretrained_encoder(method):
        yield f"--encoder_rate has no effect: {config.model.label} has no pretrained encoder."
