"""The plain methods by the names of ours."""

from __future__ import annotations

from benchmarks.plain.contrasts import PlainCAC, PlainFixMatchCLCC
from benchmarks.plain.decoders import PlainCCT, PlainMCNet, PlainRDrop
from benchmarks.plain.further import PlainEntropyMinimisation, PlainICT, PlainPseudoLabel
from benchmarks.plain.methods import (
    PlainCLCC,
    PlainCLCCBoth,
    PlainMeanTeacher,
    PlainMethod,
    PlainUAMT,
    PlainURPC,
)
from benchmarks.plain.pseudo_labels import (
    PlainCPS,
    PlainCrossTeaching,
    PlainFixMatch,
    PlainSelfTraining,
    PlainUniMatch,
)
from benchmarks.plain.rivals import PlainBCP, PlainDAN, PlainDeepCoTraining

PLAIN_METHODS: dict[str, type[PlainMethod]] = {
    "clcc": PlainCLCC,
    "clcc-both": PlainCLCCBoth,
    "supervised": PlainMethod,
    "mean_teacher": PlainMeanTeacher,
    "uamt": PlainUAMT,
    "urpc": PlainURPC,
    "fixmatch": PlainFixMatch,
    "unimatch": PlainUniMatch,
    "cps": PlainCPS,
    "self_training": PlainSelfTraining,
    "entropy_minimisation": PlainEntropyMinimisation,
    "pseudo_label": PlainPseudoLabel,
    "ict": PlainICT,
    "cct": PlainCCT,
    "r_drop": PlainRDrop,
    "mc_net": PlainMCNet,
    "dan": PlainDAN,
    "deep_co_training": PlainDeepCoTraining,
    "bcp": PlainBCP,
    "cac": PlainCAC,
    "cross_teaching": PlainCrossTeaching,
    "fixmatch_clcc": PlainFixMatchCLCC,
}
