"""The trainers of U-Net++: the full network for comparison, and the narrow one that mines easy and hard regions."""

import json
from collections.abc import Mapping
from functools import cache
from typing import Any

import torch
from batchgenerators.utilities.file_and_folder_operations import join
from nnunetv2.training.loss.deep_supervision import DeepSupervisionWrapper
from nnunetv2.training.lr_scheduler.polylr import PolyLRScheduler
from torch import nn

from nnunet_taichi.architectures.unet_plus_plus import MAX_DEPTH
from nnunet_taichi.runtime.files import write_whole
from nnunet_taichi.trainers.comparison import ARCHITECTURES, ComparisonTrainer

TRAINING_CASES = "training_cases.json"  # beside the checkpoints
WIDTH = "_Width"  # before the percents in a miner's name
# Constants of the miner. In a short training, the shallowest depth, which finds the easy regions, learns more slowly
# than the others and may mark nothing. So the learning rate is high, and this depth, which shares layers with the
# others, has most of the weight in the loss.
LEARNING_RATE, WEIGHT_DECAY = 1e-2, 1e-4
SHALLOWEST = 0.6  # weight of the shallowest depth; the deeper ones share the rest equally


class nnUNetTrainerUNetPlusPlus(ComparisonTrainer):
    """U-Net++ of the plan's widths, with nnU-Net's loss at each of its depths."""

    network_name = f"{ARCHITECTURES}.unet_plus_plus.UNetPlusPlus"
    sized_by_plan = True
    several_outputs = True

    def prepare(self) -> None:
        """Record the training cases: a model that learned from others may have seen this fold's validation cases."""
        if self.local_rank == 0 and self.current_epoch == 0:
            write_whole(join(self.output_folder, TRAINING_CASES), json.dumps(sorted(self.do_split()[0])))
        super().prepare()

    def _get_deep_supervision_scales(self) -> list[list[float]]:
        """Return one full-resolution scale per depth."""
        strides = self.configuration_manager.pool_op_kernel_sizes
        return [[1.0] * len(strides[0])] * min(MAX_DEPTH, len(strides) - 1)

    def _build_loss(self) -> nn.Module:
        """Weigh the depths. With nnU-Net's weights, the shallowest, which finds the easy regions, would not learn."""
        return DeepSupervisionWrapper(super()._build_loss().loss, self.depth_weights())

    def depth_weights(self) -> list[float]:
        """Return the weight of each depth in the loss, deepest first: all are equal."""
        depths = len(self._get_deep_supervision_scales())
        return [1 / depths] * depths


class nnUNetTrainerUNetPlusPlusMiner(nnUNetTrainerUNetPlusPlus):
    """U-Net++ with a part of the plan's widths. AdamW trains it: in few epochs, it gets further than nnU-Net's SGD.

    nnU-Net finds networks by the trainer's class. So a width other than the default is in the class name, in percent:
    `nnUNetTrainerUNetPlusPlusMiner_Width50`.

    Attributes:
        width: Part of the plan's widths, in (0, 1].
    """

    width = nnUNetTrainerUNetPlusPlus.config.miner_width

    @classmethod
    def size(cls, arch_kwargs: Mapping[str, Any]) -> dict[str, Any]:
        """Return the plan's arguments with a part of the widths."""
        widths = arch_kwargs["features_per_stage"]
        return {**arch_kwargs, "features_per_stage": [narrow(width, cls.width) for width in widths]}

    def recorded_configuration(self) -> dict[str, Any]:
        """Return the constants to record, with the miner's width."""
        return super().recorded_configuration() | {"miner_width": self.width}

    def prepare(self) -> None:
        """Validate on one batch per epoch, because mining uses the final checkpoint and not the best one."""
        self.num_val_iterations_per_epoch = 1
        super().prepare()

    def configure_optimizers(self) -> tuple[torch.optim.Optimizer, Any]:
        """Return AdamW and nnU-Net's schedule."""
        self.initial_lr = LEARNING_RATE
        optimizer = torch.optim.AdamW(self.network.parameters(), self.initial_lr, weight_decay=WEIGHT_DECAY)
        return optimizer, PolyLRScheduler(optimizer, self.initial_lr, self.num_epochs)

    def depth_weights(self) -> list[float]:
        """Return the weight of each depth in the loss, deepest first: the shallowest has most."""
        *deeper, _ = super().depth_weights()
        return [(1 - SHALLOWEST) / len(deeper)] * len(deeper) + [SHALLOWEST] if deeper else [1.0]


@cache
def make_miner(percent: int) -> type[Any]:
    """Make (once) the miner of a width, in percent of the plan's widths; for the default, return the base class."""
    width, base = percent / 100, nnUNetTrainerUNetPlusPlusMiner
    if width == base.width:
        return base
    members = {"width": width, "__module__": __package__, "__doc__": f"{base.__name__} of {percent}% of the widths."}
    return type(f"{base.__name__}{WIDTH}{percent}", (base,), members)


def narrow(width: int, part: float) -> int:
    """Return a part of a width, rounded to a multiple of 8 (which processors multiply fastest), at most the width.

    >>> [narrow(width, 0.25) for width in (32, 64, 320, 4)]
    [8, 16, 80, 4]
    """
    return min(width, max(1, round(part * width / 8)) * 8)
