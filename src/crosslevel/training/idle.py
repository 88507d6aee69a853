"""Options that were given and that this run has no use for: named, so that nobody trusts them."""

from __future__ import annotations

from collections.abc import Iterator

from crosslevel.config.settled import SettledConfig
from crosslevel.config.train import TrainConfig
from crosslevel.methods.base import Method
from crosslevel.training.step import has_pretrained_encoder


def idle_options(
    asked: TrainConfig, config: SettledConfig, method: Method, num_unlabelled: int
) -> Iterator[str]:
    """Yield a line on each option that differs from its default and changes nothing.

    Args:
        asked: As asked for; of a run that goes on, it is settled.
        config: What is trained.
        method: The method it names, built.
        num_unlabelled: Unlabelled training images.
    """
    usual = TrainConfig()
    if why := _why_no_unlabelled(config, method, num_unlabelled):
        for name in ("batch_unlabelled", "batchnorm"):
            if getattr(config, name) != getattr(usual, name):
                yield f"--{name} has no effect: {why}."
    if config.encoder_rate != usual.encoder_rate and not has_pretrained_encoder(method):
        yield f"--encoder_rate has no effect: {config.model.label} has no pretrained encoder."
    if config.patience and config.folds:
        yield "--patience has no effect: with --folds no check chooses the network."
    if config.draw != usual.draw and repr(config.labelled) == "1.0" and not config.split:
        yield "--draw has no effect: all masks are used."
    is_chosen = asked.fold_epochs != "auto" and not isinstance(asked, SettledConfig)
    if is_chosen and not config.folds:
        yield "--fold_epochs has no effect: there are no folds."


def _why_no_unlabelled(config: SettledConfig, method: Method, num_unlabelled: int) -> str:
    if not method.uses_unlabelled:
        return f"{config.method} uses no unlabelled images"
    return "" if num_unlabelled else "there are no unlabelled training images"
