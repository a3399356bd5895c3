"""`<Trainer>_AdamW`: any trainer with AdamW instead of nnU-Net's SGD, for short trainings."""

from typing import Any

import torch
from nnunetv2.training.lr_scheduler.polylr import PolyLRScheduler
from nnunetv2.training.nnUNetTrainer.nnUNetTrainer import nnUNetTrainer

LEARNING_RATE, WEIGHT_DECAY = 1e-3, 1e-2


class AdamWTraining(nnUNetTrainer):
    """Mixin in front of a trainer: AdamW instead of SGD, on nnU-Net's schedule."""

    def configure_optimizers(self) -> tuple[torch.optim.Optimizer, Any]:
        """Return AdamW and nnU-Net's schedule."""
        self.initial_lr, self.weight_decay = LEARNING_RATE, WEIGHT_DECAY  # nnU-Net logs both
        optimizer = torch.optim.AdamW(self.network.parameters(), self.initial_lr, weight_decay=self.weight_decay)
        return optimizer, PolyLRScheduler(optimizer, self.initial_lr, self.num_epochs)
