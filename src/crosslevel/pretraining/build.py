"""From a configuration to the pretext task it names."""

from __future__ import annotations

from dataclasses import asdict, replace

from crosslevel.config.pretrain import PretrainConfig
from crosslevel.config.reading import from_dict
from crosslevel.pretraining import find_task
from crosslevel.pretraining.base import PretextTask, Setting
from crosslevel.system.randomness import preserved_generators, seed_generators


def with_all_args(config: PretrainConfig) -> PretrainConfig:
    """Return the configuration with every argument of its task spelled out, also the defaults.

    Raises:
        InputError: If the task's name or an argument is wrong.
    """
    args_class = find_task(config.method).Args
    args = from_dict(args_class, config.args, where=f"args of {config.method}")
    return replace(config, args=asdict(args))


def build_task(config: PretrainConfig) -> PretextTask:
    """Return the task a configuration names, its weights initialised from the seed.

    Raises:
        InputError: If its name or an argument is wrong, or the size does not suit it.
    """
    task_class = find_task(config.method)
    args = from_dict(task_class.Args, config.args, where=f"args of {config.method}")
    with preserved_generators():
        seed_generators(config.seed)
        return task_class(args, Setting(config.size, config.model))
