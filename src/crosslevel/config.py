"""One configuration is one run: frozen dataclasses, their presets, and their way to and from YAML.

Nothing here imports torch, so `--help` and a wrong option answer at once.
"""

from __future__ import annotations

import dataclasses
import difflib
from collections.abc import Iterator
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from typing import Any, Literal, TypeVar, cast, get_args, get_type_hints

import yaml

from crosslevel.errors import InputError
from crosslevel.types import Classes

T = TypeVar("T")
Precision = Literal["auto", "fp32", "bf16"]
Auto = Literal["auto"]
BatchNormBatch = Literal["joint", "apart"]


@dataclass(frozen=True, kw_only=True)
class ModelConfig:
    """The backbone `f`, shared by every method.

    Attributes:
        name: "unet" (from scratch), "efficientnet_lite0" (ImageNet weights from a package, no
            download), or "smp" for segmentation-models-pytorch.
        widths: Channels of the U-Net's levels, from full resolution down.
        architecture: With "smp": the decoder, for instance "unet".
        encoder: With "smp": the encoder, for instance "resnet34".
        weights: Not for "unet": pretrained weights by name, or null for random ones.
    """

    name: str = "unet"
    widths: tuple[int, ...] = (16, 32, 64, 128, 256)
    architecture: str = "unet"
    encoder: str = "resnet34"
    weights: str | None = "imagenet"

    def __post_init__(self) -> None:
        """Refuse a network without channels.

        Raises:
            InputError: If a width is missing or not positive.
        """
        if not self.widths or min(self.widths) < 1:
            raise InputError(f"model.widths is {list(self.widths)}; it needs positive numbers.")


@dataclass(frozen=True, kw_only=True)
class TrainConfig:
    """Everything that decides the outcome of a run; the defaults are the recipe for anyone's data.

    What is "auto" is chosen when the data is known (see `crosslevel.recipe`), and written down.

    Attributes:
        method: A method's name, the import path of your own ("my_file.py:MyMethod"), or "auto".
        args: Arguments of the method, as its `Args` define them (`--args.temperature 0.1`).
        labelled: Share (0.2) or number (120) of training masks that are used; 1.0 is all of them.
        draw: Which random choice of labelled images.
        split: A `split.json` to use instead of drawing one.
        split_seed: Seed of the 60/20/20 split; the same for every draw.
        skip_bad: Set files aside that cannot be used, and list them in the run folder.
        classes: Mask value or colour of each class, for more than one ({polyp: 1, tool: 2}).
        size: Side in pixels to which images are resized.
        epochs: Passes over the labelled images; the method's stages scale in proportion. "auto"
            is a number of steps that suits the recipe, or what fits in --budget.
        batch_labelled: Labelled images in a step.
        batch_unlabelled: Unlabelled images in a step, where a method uses them.
        batchnorm: Whether training normalises labelled and unlabelled images in one batch of
            BatchNorm ("joint"), or each in their own ("apart"), so that the supervised loss learns
            as if alone. Tiles share a batch; running statistics follow both.
        warp: Also turn, scale and move training images by any amount, besides the flips and
            quarter turns of the paper.
        supervised_loss: "dice_ce", ½ (Dice + CE) as in the paper, or "dice_ce_sum", not halved.
        learning_rate: The highest learning rate of AdamW.
        encoder_rate: Learning rate of a pretrained encoder, as a share of `learning_rate`.
        weight_decay: Of AdamW.
        warmup: Share of the training over which the learning rate rises linearly.
        decay: After that "cosine" to 0, or "none".
        check_every: Epochs between two checks on the validation images.
        calibrate: Binary only: choose the threshold by validation Dice instead of 0.5.
        seed: Of initial weights, order of images, augmentation and dropout.
        precision: "auto" uses bf16 autocast where this machine computes faster with it.
        model: The backbone.
    """

    method: str = "auto"
    args: dict[str, Any] = field(default_factory=dict)
    labelled: int | float = 1.0
    draw: int = 0
    split: Path | None = None
    split_seed: int = 0
    skip_bad: bool = False
    classes: dict[str, int | tuple[int, int, int]] = field(default_factory=dict)
    size: int = 256
    epochs: int | Auto = "auto"
    batch_labelled: int = 4
    batch_unlabelled: int = 4
    batchnorm: BatchNormBatch = "joint"
    warp: bool = True
    supervised_loss: Literal["dice_ce", "dice_ce_sum"] = "dice_ce"
    learning_rate: float = 1e-3
    encoder_rate: float = 1.0
    weight_decay: float = 1e-2
    warmup: float = 0.1
    decay: Literal["cosine", "none"] = "cosine"
    check_every: int | Auto = "auto"
    calibrate: bool = True
    seed: int = 0
    precision: Precision = "auto"
    model: ModelConfig = field(
        default_factory=lambda: ModelConfig(name="efficientnet_lite0"),
    )

    def __post_init__(self) -> None:
        """Refuse values no run can use.

        Raises:
            InputError: Naming the first such field and its range.
        """
        at_least_one = ("size", "epochs", "batch_labelled", "check_every")
        for name in at_least_one:
            value = getattr(self, name)
            if value != "auto" and value < 1:
                raise InputError(f"{name} is {value}; it must be at least 1.")
        for name in ("batch_unlabelled", "seed", "draw", "split_seed"):
            if getattr(self, name) < 0:
                raise InputError(f"{name} is {getattr(self, name)}; it must not be negative.")
        if not 0 <= self.warmup <= 1:
            raise InputError(f"warmup is {self.warmup}; it is a share between 0 and 1.")
        rates = self.learning_rate, self.encoder_rate
        if not (all(rate > 0 for rate in rates) and self.weight_decay >= 0):
            raise InputError(
                "learning_rate and encoder_rate must be greater than 0, weight_decay at least 0."
            )
        for name in self.classes:
            if name.casefold() in ("background", "bg"):
                raise InputError(f"The class {name!r}: leave it out, it is what no class names.")
        if self.method == "auto" and self.args:
            raise InputError("args belong to a method: name it with --method.")

    @property
    def num_epochs(self) -> int:
        """`epochs`, once it is a number."""
        assert self.epochs != "auto", "the recipe decides it before it is used"
        return self.epochs

    @property
    def mask_classes(self) -> Classes:
        """How this run reads masks."""
        return Classes(self.classes)


def to_yaml(config: TrainConfig) -> str:
    """The complete configuration as YAML, in the order of its fields."""
    return yaml.safe_dump(to_dict(config), sort_keys=False, allow_unicode=True)


def from_yaml(path: Path) -> TrainConfig:
    """The configuration a YAML file describes, over the defaults.

    Raises:
        InputError: If the file is not YAML, or a key or value does not fit; the message names it.
    """
    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise InputError(f"{path} is not a configuration in YAML: {error}") from error
    return from_dict(TrainConfig, values or {}, where=str(path))


def from_dict(cls: type[T], values: Any, *, where: str) -> T:
    """An instance of a dataclass from plain values, each checked against its field's type.

    Args:
        cls: The dataclass; fields may be dataclasses, lists of them, literals, …
        values: Field names and values; what is left out keeps its default.
        where: What is named in an error.

    Raises:
        InputError: If a name is unknown or a value does not fit.

    Example:
        >>> from_dict(ModelConfig, {"widths": [8, 16]}, where="model").widths
        (8, 16)
    """
    from jsonargparse import ArgumentError, ArgumentParser

    if not isinstance(values, dict):
        raise InputError(f"{where}: expected names with values, found {type(values).__name__}.")
    unknown = sorted(set(values) - {f.name for f in dataclasses.fields(cls)})  # type: ignore[arg-type]
    if unknown:
        valid = [f.name for f in dataclasses.fields(cls)]  # type: ignore[arg-type]
        nearest = difflib.get_close_matches(unknown[0], valid, n=1)
        hint = f" Did you mean {nearest[0]!r}?" if nearest else ""
        raise InputError(
            f"{where}: unknown key {unknown[0]!r}; valid are {', '.join(valid)}.{hint}"
        )
    for misfit in _misfits(cls, values):
        raise InputError(f"{where}: {misfit}")
    parser = ArgumentParser(exit_on_error=False)
    parser.add_class_arguments(cls)
    try:
        parsed = parser.instantiate(parser.parse_object(values))
    except ArgumentError as error:
        raise InputError(f"{where}: {error}") from error
    return cls(**vars(parsed))


def _misfits(cls: type[Any], values: dict[str, Any]) -> Iterator[str]:
    """What the parser would let pass or break at: null, or no names, where a field needs them."""
    for name, hint in get_type_hints(cls).items():
        value = values.get(name, ...)
        if value is None and type(None) not in get_args(hint):
            yield f"{name} has no value. Give it one, or remove the line."
        elif not dataclasses.is_dataclass(hint) or value is ...:
            continue
        elif isinstance(value, dict):
            yield from (f"{name}.{inner}" for inner in _misfits(cast("Any", hint), value))
        else:
            yield f"{name}: expected names with values, found {type(value).__name__}."


def to_dict(config: TrainConfig) -> dict[str, Any]:
    """The complete configuration as plain lists, dicts, strings and numbers."""
    plain: dict[str, Any] = _plain(dataclasses.asdict(config))
    return plain


def differences(old: TrainConfig, new: TrainConfig) -> list[str]:
    """One line for each field in which two configurations differ, by its dotted name."""
    before, after = flatten(to_dict(old)), flatten(to_dict(new))
    return [
        f"{key}: {before.get(key)} → {after.get(key)}"
        for key in sorted(before | after)
        if repr(before.get(key)) != repr(after.get(key))  # 1 is one image, 1.0 is all
    ]


def as_started(config: TrainConfig, started: TrainConfig) -> TrainConfig:
    """`config` with what is "auto" in it as in the run that was started."""
    autos = [f.name for f in dataclasses.fields(config) if getattr(config, f.name) == "auto"]
    if config.method == "auto":
        autos.append("args")
    return dataclasses.replace(config, **{name: getattr(started, name) for name in autos})


def preset_names() -> list[str]:
    """Names of the presets shipped with the package."""
    folder = resources.files("crosslevel") / "configs"
    return sorted(
        f.name.removesuffix(".yaml") for f in folder.iterdir() if f.name.endswith(".yaml")
    )


def preset(name: str) -> TrainConfig:
    """The configuration of a preset, or of a YAML file.

    Raises:
        InputError: If there is no such preset or file, or it cannot be used.

    Example:
        >>> preset("small").size
        160
    """
    return from_yaml(config_path(name))


def config_path(name: str) -> Path:
    """The file a `--config` names: a path, or a preset with or without ".yaml".

    Raises:
        InputError: If there is neither such a file nor such a preset.
    """
    if Path(name).is_file():
        return Path(name)
    preset = name.removesuffix(".yaml")
    if preset in preset_names():
        return Path(str(resources.files("crosslevel") / "configs" / f"{preset}.yaml"))
    nearest = difflib.get_close_matches(preset, preset_names(), n=1)
    hint = f" Did you mean {nearest[0]!r}?" if nearest else ""
    raise InputError(
        f"No file {name!r}, and no preset of that name ({', '.join(preset_names())}).{hint}"
    )


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return str(value) if isinstance(value, Path) else value


def flatten(tree: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested names as dotted ones.

    Example:
        >>> flatten({"size": 64, "model": {"name": "unet"}})
        {'size': 64, 'model.name': 'unet'}
    """
    flat: dict[str, Any] = {}
    for key, value in tree.items():
        if isinstance(value, dict) and value:
            flat |= flatten(value, f"{prefix}{key}.")
        else:
            flat[prefix + key] = value
    return flat
