"""The methods: one file, one class, for each paper.

A method of one's own is named by its file. A package adds its own by an entry point of the group
`crosslevel.methods`, whose name is then the method's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from crosslevel.methods.registry import Registry

if TYPE_CHECKING:
    from crosslevel.methods.base import Method

METHODS: dict[str, str] = {
    "bcp": "crosslevel.methods.bcp:BCP",
    "cac": "crosslevel.methods.cac:CAC",
    "cct": "crosslevel.methods.cct:CCT",
    "clcc": "crosslevel.methods.clcc:CLCC",
    "cps": "crosslevel.methods.cps:CPS",
    "cross_teaching": "crosslevel.methods.cross_teaching:CrossTeaching",
    "dan": "crosslevel.methods.dan:DAN",
    "deep_co_training": "crosslevel.methods.deep_co_training:DeepCoTraining",
    "entropy_minimisation": "crosslevel.methods.entropy_minimisation:EntropyMinimisation",
    "fixmatch": "crosslevel.methods.fixmatch:FixMatch",
    "fixmatch_clcc": "crosslevel.methods.fixmatch_clcc:FixMatchCLCC",
    "ict": "crosslevel.methods.ict:ICT",
    "mc_net": "crosslevel.methods.mc_net:MCNet",
    "mean_teacher": "crosslevel.methods.mean_teacher:MeanTeacher",
    "pseudo_label": "crosslevel.methods.pseudo_label:PseudoLabel",
    "r_drop": "crosslevel.methods.r_drop:RDrop",
    "self_training": "crosslevel.methods.self_training:SelfTraining",
    "supervised": "crosslevel.methods.supervised:Supervised",
    "uamt": "crosslevel.methods.uamt:UAMT",
    "unimatch": "crosslevel.methods.unimatch:UniMatch",
    "urpc": "crosslevel.methods.urpc:URPC",
}

WITHOUT_UNLABELLED = ("supervised",)
"""Those of our own that learn from masks alone, known without importing one."""


REGISTRY = Registry("method", "Method", "crosslevel.methods", METHODS)


def method_names() -> list[str]:
    """Return the names of our own methods and of those that installed packages add."""
    return REGISTRY.names()


def find_method(name: str) -> type[Method]:
    """Return the class of a method.

    Args:
        name: One of `method_names`, or "package.module:Class", or "path/to/file.py:Class".

    Raises:
        InputError: If there is no such method, file or class, or more than one of that name.
    """
    from crosslevel.methods.base import Method

    return REGISTRY.find(name, Method)


def source_hash(name: str) -> str | None:
    """Return the SHA-256 of the file of a method that is not ours, whose version tells."""
    return REGISTRY.source_hash(name)
