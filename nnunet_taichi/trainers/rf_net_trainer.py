"""The trainer of RFNet."""

import numpy as np
from torch import nn

from nnunet_taichi.losses.residual_feedback import ResidualFeedbackLoss
from nnunet_taichi.trainers.comparison import ARCHITECTURES, ComparisonTrainer


class nnUNetTrainerRFNet(ComparisonTrainer):
    """RFNet, with the host's loss at both passes and a loss of its residual map."""

    network_name = f"{ARCHITECTURES}.rf_net.RFNet"
    several_outputs = True

    def _get_deep_supervision_scales(self) -> list[list[float]]:
        """Return full resolution alone: all outputs are learned from the same target."""
        return [[1.0, 1.0]]

    def _build_loss(self) -> nn.Module:
        """Take the host's loss without its weights of scales, 0 / 0 where there is one."""
        with np.errstate(invalid="ignore"):
            loss = super()._build_loss().loss
        labels = self.label_manager
        return ResidualFeedbackLoss(loss, labels.has_regions, labels.ignore_label)
