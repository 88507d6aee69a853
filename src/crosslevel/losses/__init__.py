"""The losses: pure functions of tensors, one file for each idea; nothing here knows a network."""

from crosslevel.losses.cells import cell_similarity_loss
from crosslevel.losses.consistency import cross_level_consistency_loss
from crosslevel.losses.contrastive import cross_level_contrastive_loss
from crosslevel.losses.divergence import (
    jensen_shannon_loss,
    soft_cross_entropy_loss,
    symmetric_kl_loss,
)
from crosslevel.losses.entropy import entropy_loss
from crosslevel.losses.instances import margin_pair_loss, nt_xent_loss, queue_contrast_loss
from crosslevel.losses.pseudo_label import pseudo_label_loss
from crosslevel.losses.pyramid import pyramid_consistency_loss
from crosslevel.losses.region import region_dice_ce_loss, region_dice_ce_sum_loss
from crosslevel.losses.sharpening import mutual_consistency_loss
from crosslevel.losses.supervised import (
    SUPERVISED_LOSSES,
    dice_ce_loss,
    dice_ce_sum_loss,
    dice_loss,
)
from crosslevel.losses.uncertainty import certain_consistency_loss

__all__ = [
    "SUPERVISED_LOSSES",
    "cell_similarity_loss",
    "certain_consistency_loss",
    "cross_level_consistency_loss",
    "cross_level_contrastive_loss",
    "dice_ce_loss",
    "dice_ce_sum_loss",
    "dice_loss",
    "entropy_loss",
    "jensen_shannon_loss",
    "margin_pair_loss",
    "mutual_consistency_loss",
    "nt_xent_loss",
    "pseudo_label_loss",
    "pyramid_consistency_loss",
    "queue_contrast_loss",
    "region_dice_ce_loss",
    "region_dice_ce_sum_loss",
    "soft_cross_entropy_loss",
    "symmetric_kl_loss",
]
