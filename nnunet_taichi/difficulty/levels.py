"""What U-Net++ finds at its first and last depth, on whole cases."""

from typing import Any

import numpy as np
import torch
from nnunetv2.inference.predict_from_raw_data import nnUNetPredictor
from nnunetv2.training.nnUNetTrainer.nnUNetTrainer import nnUNetTrainer
from nnunetv2.utilities.label_handling.label_handling import LabelManager
from torch import Tensor, nn

from nnunet_taichi.difficulty.coding import encode_difficulty, split_by_difficulty
from nnunet_taichi.nnunet.predictor import expect_outputs, unwrap


class LevelPredictor:
    """nnU-Net's sliding window with both depths in one pass, without mirroring.

    Args:
        miner: Initialised trainer of U-Net++ that holds the trained weights.
    """

    def __init__(self, miner: nnUNetTrainer) -> None:
        self.labels: LabelManager = miner.label_manager
        self.predictor = nnUNetPredictor(use_mirroring=False, device=miner.device, allow_tqdm=False)
        self.predictor.manual_initialization(
            _BothDepths(unwrap(miner.network)),
            miner.plans_manager,
            miner.configuration_manager,
            None,
            miner.dataset_json,
            type(miner).__name__,
            None,
        )
        expect_outputs(self.predictor, 2)

    def mine(self, image: np.ndarray, segmentation: np.ndarray) -> np.ndarray:
        """Return the difficulty codes (Z, Y, X), int16.

        Args:
            image: Preprocessed image, (C, Z, Y, X).
            segmentation: Label map, (Z, Y, X).
        """
        logits = self.predictor.predict_sliding_window_return_logits(torch.from_numpy(image)).float().cpu()
        level1, level4 = (self._heads(part) for part in logits.chunk(2))
        return encode_difficulty(*split_by_difficulty(level1, level4, true_heads(segmentation, self.labels)))

    def _heads(self, logits: Tensor) -> np.ndarray:
        """Return the pixels that each foreground head predicts, (K, Z, Y, X), boolean."""
        if self.labels.has_regions:
            return (logits > 0).numpy()
        winner = logits.argmax(0).numpy()
        return np.stack([winner == label for label in self.labels.foreground_labels])


def true_heads(segmentation: np.ndarray, labels: LabelManager) -> np.ndarray:
    """Return the ground truth of each foreground class or region, (K, *spatial), boolean."""
    heads = labels.foreground_regions if labels.has_regions else labels.foreground_labels
    return np.stack([np.isin(segmentation, head) for head in heads])


class _BothDepths(nn.Module):
    def __init__(self, network: Any) -> None:
        super().__init__()
        self.network = network

    def forward(self, image: Tensor) -> Tensor:
        self.network.deep_supervision = True
        outputs = self.network(image)  # deepest first
        return torch.cat((outputs[-1], outputs[0]), 1)
