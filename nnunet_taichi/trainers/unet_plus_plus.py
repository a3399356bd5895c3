"""The trainer of U-Net++: a network to compare with, and the miner of easy and hard regions."""

import json

from batchgenerators.utilities.file_and_folder_operations import join
from nnunetv2.training.loss.deep_supervision import DeepSupervisionWrapper
from torch import nn

from nnunet_taichi.architectures.unet_plus_plus import MAX_DEPTH
from nnunet_taichi.files import write_whole
from nnunet_taichi.trainers.comparison import ARCHITECTURES, ComparisonTrainer

TRAINING_CASES = "training_cases.json"  # beside the checkpoints


class nnUNetTrainerUNetPlusPlus(ComparisonTrainer):
    """U-Net++ of the plan's widths, with the host's loss at each of its depths."""

    network_name = f"{ARCHITECTURES}.unet_plus_plus.UNetPlusPlus"
    sized_by_plan = True
    several_outputs = True

    def prepare(self) -> None:
        """Keep the training cases on record: what learned from others may have seen what validates this fold."""
        if self.local_rank == 0 and self.current_epoch == 0:
            write_whole(join(self.output_folder, TRAINING_CASES), json.dumps(sorted(self.do_split()[0])))
        super().prepare()

    def _get_deep_supervision_scales(self) -> list[list[float]]:
        """Return one full-resolution scale a depth."""
        strides = self.configuration_manager.pool_op_kernel_sizes
        return [[1.0] * len(strides[0])] * min(MAX_DEPTH, len(strides) - 1)

    def _build_loss(self) -> nn.Module:
        """Weigh all depths alike: the host's weights leave the last, the source of the easy regions, untrained."""
        loss = super()._build_loss()
        depths = len(self._get_deep_supervision_scales())
        return DeepSupervisionWrapper(loss.loss, [1 / depths] * depths)
