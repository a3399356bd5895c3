"""The paper's augmentation (section V-B), as transforms that nnU-Net can use."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from batchgeneratorsv2.transforms.base.basic_transform import BasicTransform
from batchgeneratorsv2.transforms.intensity.gamma import GammaTransform
from batchgeneratorsv2.transforms.spatial.rot90 import Rot90Transform
from batchgeneratorsv2.transforms.utils.random import RandomTransform

from nnunet_taichi.config import PAPER, PaperProtocol

OUTSIDE = -1  # nnU-Net's label for pixels beyond the image, which it turns into background


class RotateAndShear(BasicTransform):
    """Rotate a 2D image and its segmentation by a few degrees, and shear them along x, around the middle.

    Args:
        protocol: Ranges of rotation and shear, and the probability of each.
    """

    def __init__(self, protocol: PaperProtocol = PAPER) -> None:
        super().__init__()
        self.protocol = protocol

    def get_parameters(self, **data_dict: Any) -> dict[str, float]:
        """Draw the angle and the shear, both in degrees; 0 where the image stays as it is."""
        protocol = self.protocol
        rotate, shear = np.random.uniform(size=2) < protocol.probability
        slope = np.random.uniform(*protocol.shear) - 1
        angle = np.random.uniform(-protocol.max_rotation, protocol.max_rotation)
        return {"angle": angle * rotate, "shear": math.degrees(math.atan(slope)) * shear}

    def _apply_to_image(self, image: torch.Tensor, **params: float) -> torch.Tensor:
        return _affine(image, "bilinear", 0, **params)

    def _apply_to_segmentation(self, segmentation: torch.Tensor, **params: float) -> torch.Tensor:
        return _affine(segmentation, "nearest", OUTSIDE, **params)


def paper_transforms(patch_size: Sequence[int], protocol: PaperProtocol = PAPER) -> list[BasicTransform]:
    """Return the paper's transforms: rotation by multiples of 90 degrees, small rotation, shear, and gamma.

    If the patch is not square, the multiples are those of 180 degrees.
    """
    turns = (1, 2, 3) if len(set(patch_size)) == 1 else (2,)
    quarter_turns = Rot90Transform(1, turns, allowed_axes={0, 1})
    gamma = GammaTransform(
        protocol.gamma, p_invert_image=0, synchronize_channels=True, p_per_channel=1, p_retain_stats=0
    )
    return [
        RandomTransform(quarter_turns, apply_probability=protocol.probability),
        RotateAndShear(protocol),
        RandomTransform(gamma, apply_probability=protocol.probability),
    ]


def _affine(picture: torch.Tensor, interpolation: str, fill: float, angle: float, shear: float) -> torch.Tensor:
    """Rotate and shear a picture (C, H, W) by angles in degrees."""
    from torchvision.transforms import InterpolationMode  # lazily: looking up a trainer does not need it
    from torchvision.transforms.functional import affine

    if not angle and not shear:
        return picture
    return affine(picture, angle, [0, 0], 1.0, [shear, 0.0], InterpolationMode(interpolation), [float(fill)])
