"""The trainer of RFNet."""

import numpy as np
from torch import nn

from nnunet_taichi.losses.residual_feedback import ResidualFeedbackLoss
from nnunet_taichi.trainers.comparison import ARCHITECTURES, ComparisonTrainer


class nnUNetTrainerRFNet(ComparisonTrainer):
    """RFNet, with nnU-Net's loss at both passes and a loss of its residual map."""

    network_name = f"{ARCHITECTURES}.rf_net.RFNet"
    several_outputs = True

    def _get_deep_supervision_scales(self) -> list[list[float]]:
        """Return full resolution alone: all outputs learn from the same target."""
        return [[1.0, 1.0]]

    def _build_loss(self) -> nn.Module:
        """Build RFNet's loss around nnU-Net's, without the weights of scales, which are 0 / 0 for one scale."""
        with np.errstate(invalid="ignore"):
            loss = super()._build_loss().loss
        labels = self.label_manager
        return ResidualFeedbackLoss(loss, labels.has_regions, labels.ignore_label)
