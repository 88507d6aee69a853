"""Which network a run trains: the name of its backbone, and the options that backbone has.

A new backbone has its `Args` here, a line in `MODELS`, and its builder in `models.segmenter`.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any, Literal

from crosslevel.errors import InputError, did_you_mean

Decoder = Literal["batchnorm", "plain"]
Initial = Literal["torch", "he"]


def is_folder(weights: str) -> bool:
    """Return whether weights are those of a folder, and not a name."""
    return Path(weights).name != weights or Path(weights).is_dir()


def check_weights(weights: str | None, model: str, names: list[str]) -> None:
    """Refuse weights that are neither a folder nor among the names a model has.

    Raises:
        InputError: Naming what there is.
    """
    if weights is None or weights in names or is_folder(weights):
        return
    known = "".join(f"{name!r}, " for name in names)
    raise InputError(
        f"model.weights is {weights!r}; {model} has {known}null, or a folder that `crosslevel "
        "pretrain` wrote, and there is no such folder."
    )


@dataclass(frozen=True, kw_only=True)
class UNetArgs:
    """Options of the U-Net, which starts from random weights.

    Attributes:
        widths: Channels of its levels, from full resolution down.
        decoder: "batchnorm", enlarged by 2×2 transposed convolutions, or "plain" as the CLCC
            authors have it: no BatchNorm, and 4×4 ones, whose results overlap.
        initial: Initial weights: torch's own, or those of He et al., which are √6 times larger.
        weights: What `crosslevel pretrain` wrote, or None for random ones.
    """

    widths: tuple[int, ...] = (16, 32, 64, 128, 256)
    decoder: Decoder = "batchnorm"
    initial: Initial = "torch"
    weights: str | None = None

    def __post_init__(self) -> None:
        """Refuse a network without channels, and weights there are not.

        Raises:
            InputError: If a width is missing or not positive, or weights have a name.
        """
        if not self.widths or min(self.widths) < 1:
            raise InputError(f"model.widths is {list(self.widths)}; it needs positive numbers.")
        check_weights(self.weights, "a U-Net", [])


@dataclass(frozen=True, kw_only=True)
class EfficientNetLiteArgs:
    """Options of an EfficientNet-Lite.

    Attributes:
        weights: "imagenet", what `crosslevel pretrain` wrote, or None for random ones.
    """

    weights: str | None = "imagenet"

    def __post_init__(self) -> None:
        """Refuse weights there are not.

        Raises:
            InputError: If they have another name.
        """
        check_weights(self.weights, "an EfficientNet-Lite", ["imagenet"])


@dataclass(frozen=True, kw_only=True)
class SegFormerArgs:
    """Options of the SegFormer, which starts from random weights.

    Attributes:
        widths: Channels of its four levels; those of MiT-B0, or 64, 128, 320, 512 of MiT-B1.
        weights: What `crosslevel pretrain` wrote, or None for random ones.
    """

    widths: tuple[int, ...] = (32, 64, 160, 256)
    weights: str | None = None

    def __post_init__(self) -> None:
        """Refuse channels that its heads of attention cannot share.

        Raises:
            InputError: If there are not four, or one is not a multiple of its level's heads.
        """
        heads = (1, 2, 5, 8)
        fit = [width > 0 and not width % n for width, n in zip(self.widths, heads, strict=False)]
        if len(self.widths) != len(heads) or not all(fit):
            raise InputError(
                f"model.widths is {list(self.widths)}; a SegFormer needs four, positive multiples "
                f"of {', '.join(map(str, heads))}."
            )
        check_weights(self.weights, "a SegFormer", [])


@dataclass(frozen=True, kw_only=True)
class SmpArgs:
    """Options of a network of segmentation-models-pytorch.

    Attributes:
        architecture: The decoder, for instance "unet"; "dpt" for vision transformers.
        encoder: The encoder, for instance "resnet34".
        weights: Pretrained weights of the encoder by name (timm's encoders, "tu-…", have it in
            their own), what `crosslevel pretrain` wrote, or None for random ones.
    """

    architecture: str = "unet"
    encoder: str = "resnet34"
    weights: str | None = "imagenet"


Args = UNetArgs | EfficientNetLiteArgs | SegFormerArgs | SmpArgs
MODELS: dict[str, type[Args]] = {
    "unet": UNetArgs,
    "segformer": SegFormerArgs,
    "smp": SmpArgs,
    **{f"efficientnet_lite{number}": EfficientNetLiteArgs for number in range(3)},
}
"""Name of a backbone → its options."""
WITHOUT_IMAGENET = ("unet", "segformer")
"""Backbones for which there are no weights but those of one's own pretraining."""
FORMER_DEFAULTS: dict[str, Any] = {
    "widths": UNetArgs().widths,
    "architecture": SmpArgs().architecture,
    "encoder": SmpArgs().encoder,
    "weights": SmpArgs().weights,
}
"""What version 0.1 wrote into every configuration, whichever backbone it named."""
OWN = "default"


@dataclass(frozen=True, kw_only=True)
class ModelConfig:
    """The backbone `f`, shared by every method; what is left out is the backbone's own default.

    Attributes:
        name: "unet" or "segformer" (from scratch), "efficientnet_lite0" (ImageNet weights from a
            package, no download), or "smp" for segmentation-models-pytorch.
        widths: With "unet" and "segformer": channels of the levels, from high resolution down.
        decoder: With "unet": with BatchNorm ("batchnorm"), or "plain".
        initial: With "unet": initial weights of "torch", or "he".
        architecture: With "smp": the decoder (unet); "dpt" for vision transformers.
        encoder: With "smp": the encoder (resnet34).
        weights: Pretrained weights by name (imagenet; not for unet and segformer), the folder
            that `crosslevel pretrain` wrote, or null for random ones.
    """

    name: str = "unet"
    widths: tuple[int, ...] | None = None
    decoder: Decoder | None = None
    initial: Initial | None = None
    architecture: str | None = None
    encoder: str | None = None
    weights: str | None = OWN

    def __post_init__(self) -> None:
        """Refuse an unknown backbone, options it does not have, and values it cannot use.

        Raises:
            InputError: Naming the option, and those there are.
        """
        if self.weights is not None and Path(self.weights).is_dir():  # wherever it is read later
            object.__setattr__(self, "weights", str(Path(self.weights).resolve()))
        if self.name not in MODELS:
            raise InputError(
                f"Unknown model {self.name!r}: choose from {sorted(MODELS)}."
                + did_you_mean(self.name, MODELS)
            )
        for option in self.idle:
            if self.given[option] != FORMER_DEFAULTS.get(option):
                raise InputError(f"model.{option} is {self.given[option]!r}, but {self._remedy}")
        assert self.args is not None, "built, so that it is checked"

    @property
    def args(self) -> Args:
        """The options of the backbone, each with its value."""
        known = {name: value for name, value in self.given.items() if name not in self.idle}
        return MODELS[self.name](**known)

    @property
    def given(self) -> dict[str, Any]:
        """The options that were not left out."""
        nothing = {f.name: f.default for f in fields(self) if f.name != "name"}
        values = {name: getattr(self, name) for name in nothing}
        return {name: value for name, value in values.items() if value != nothing[name]}

    @property
    def idle(self) -> list[str]:
        """Options that were given and that the backbone does not have.

        So are ImageNet's weights for one that has none: version 0.1 wrote them for every backbone.
        """
        known = set(options_of(self.name))
        if self.weights == FORMER_DEFAULTS["weights"] and self.name in WITHOUT_IMAGENET:
            known.discard("weights")
        return [name for name in self.given if name not in known]

    @property
    def pretraining(self) -> Path | None:
        """The folder of the weights, if `crosslevel pretrain` wrote them."""
        weights = getattr(self.args, "weights", None)
        return Path(weights) if weights is not None and is_folder(weights) else None

    @property
    def label(self) -> str:
        """What a person calls the network."""
        args = self.args
        return f"{args.architecture} on {args.encoder}" if isinstance(args, SmpArgs) else self.name

    @property
    def warning(self) -> str:
        """One line about idle options, empty if there are none."""
        return f"model.{', model.'.join(self.idle)}: {self._remedy}" if self.idle else ""

    @property
    def _remedy(self) -> str:
        options = ", ".join(name for name in options_of(self.name) if name not in self.idle)
        return f"the model {self.name} has no such option, only {options}: leave it out."

    def without(self, options: set[str]) -> ModelConfig:
        """Return the same with these options left out."""
        left = {name: value for name, value in self.given.items() if name not in options}
        return ModelConfig(name=self.name, **left)

    def untrained(self) -> ModelConfig:
        """Return the same network with random weights."""
        return replace(self, weights=None) if "weights" in options_of(self.name) else self

    def without_places(self) -> ModelConfig:
        """Return the same without the place of a pretraining, which is of this machine alone."""
        return self if self.pretraining is None else self.untrained()

    def to_dict(self) -> dict[str, Any]:
        """Return the name and every option of the backbone, as plain values."""
        return {"name": self.name, **asdict(self.args)}


def options_of(name: str) -> list[str]:
    """Return the names of a backbone's options."""
    return [field.name for field in fields(MODELS[name])]


def forget_idle(values: Any) -> Any:
    """Return a model's values from a run's own file, without options that its backbone lacks.

    Version 0.1 wrote all of them, and trained without a word whatever they said.
    """
    if not isinstance(values, dict) or values.get("name", "unet") not in MODELS:
        return values  # refused by whoever reads it
    known = set(options_of(values.get("name", "unet")))
    if values.get("name", "unet") in WITHOUT_IMAGENET and "architecture" in values:
        known.discard("weights")  # of version 0.1, when they had no such option
    return {n: value for n, value in values.items() if n in known or n not in FORMER_DEFAULTS}
