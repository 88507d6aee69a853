"""From a configuration to the method it names."""

from __future__ import annotations

from dataclasses import asdict, fields, replace
from typing import TypeVar

from crosslevel.config.reading import from_dict
from crosslevel.config.settled import SettledConfig
from crosslevel.config.train import TrainConfig
from crosslevel.losses import SUPERVISED_LOSSES
from crosslevel.methods import find_method
from crosslevel.methods.base import Method, Task
from crosslevel.system.randomness import preserved_generators, seed_generators

C = TypeVar("C", bound=TrainConfig)


def with_all_args(config: C) -> C:
    """Return the configuration with every argument of its method spelled out, also the defaults.

    A method that is "auto" has none yet.

    Raises:
        InputError: If the method's name or an argument is wrong.
    """
    if config.method == "auto":
        return config
    args_class = find_method(config.method).Args
    args = from_dict(args_class, config.args, where=f"args of {config.method}")
    return replace(config, args=asdict(args))


def with_later_args(started: SettledConfig) -> SettledConfig:
    """Return the configuration of a run with arguments that its method has had only since.

    They are at their defaults, at which a method does as it did without them.
    """
    args_class = find_method(started.method).Args
    known = {f.name for f in fields(args_class)}
    own = {name: value for name, value in started.args.items() if name in known}
    args = from_dict(args_class, own, where=f"args of {started.method}")
    return replace(started, args=asdict(args) | started.args)


def build_method(config: TrainConfig) -> Method:
    """Return the method a configuration names, its weights initialised from the seed.

    Raises:
        InputError: If its name or an argument is wrong, or the size does not suit it.
    """
    method_class = find_method(config.method)
    args = from_dict(method_class.Args, config.args, where=f"args of {config.method}")
    task = Task(
        size=config.size,
        num_channels=config.mask_classes.num_channels,
        model=config.model,
        supervised_loss=SUPERVISED_LOSSES[config.supervised_loss],
        batchnorm=config.batchnorm,
    )
    with preserved_generators():
        seed_generators(config.seed)
        return method_class(args, task)
