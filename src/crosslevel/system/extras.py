"""The optional parts of the package: what each adds, and what it lacks here."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, requires, version

from packaging.requirements import Requirement

from crosslevel.errors import InputError

PACKAGE = "crosslevel"
ADDS = {
    "cluster": "benches on many machines, by Ray",
    "encoders": "pretrained encoders of timm and segmentation-models-pytorch",
    "export": "models for ONNX Runtime and OpenVINO, which also predict faster here",
    "hub": "models from and to Hugging Face's hub, or another that speaks its protocol",
    "medical": "DICOM, NIfTI, and TIFF of every kind",
    "serve": "a server that other programs and pages call",
}
"""Extra → what a user has from it; those for developers are left out."""


@dataclass(frozen=True, slots=True)
class Extra:
    """An optional part.

    Attributes:
        name: As in `pip install 'crosslevel[name]'`.
        missing: What it requires and this environment lacks, as "package>=version".
    """

    name: str
    missing: list[str]

    @property
    def adds(self) -> str:
        """What a user has from it."""
        return ADDS[self.name]

    @property
    def remedy(self) -> str:
        """The command that installs it."""
        return f"pip install '{PACKAGE}[{self.name}]'"


def find_extras() -> list[Extra]:
    """Return every extra with what it lacks."""
    required = [Requirement(line) for line in requires(PACKAGE) or []]
    return [
        Extra(name, [_named(part) for part in required if _belongs(part, name) and _lacks(part)])
        for name in sorted(ADDS)
    ]


def require_extra(name: str, what: str) -> None:
    """Refuse to go on without an extra.

    Args:
        name: Of the extra.
        what: Needs it, as a user calls it.

    Raises:
        InputError: Naming what is missing, and how to get it.
    """
    [extra] = [extra for extra in find_extras() if extra.name == name]
    if extra.missing:
        raise InputError(f"{what} needs {', '.join(extra.missing)}: {extra.remedy}.")


def _belongs(part: Requirement, extra: str) -> bool:
    marker = part.marker
    return (
        marker is not None
        and marker.evaluate({"extra": extra})
        and not marker.evaluate({"extra": ""})
    )


def _lacks(part: Requirement) -> bool:
    try:
        return not part.specifier.contains(version(part.name), prereleases=True)
    except PackageNotFoundError:
        return True


def _named(part: Requirement) -> str:
    return f"{part.name}{part.specifier}"
