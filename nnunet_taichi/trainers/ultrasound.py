"""`<Trainer>_Ultrasound`: any trainer with an augmentation that keeps the probe on top."""

import math
from typing import Any

import torch
from batchgeneratorsv2.transforms.base.basic_transform import BasicTransform, ImageOnlyTransform
from batchgeneratorsv2.transforms.utils.random import RandomTransform
from nnunetv2.training.nnUNetTrainer.nnUNetTrainer import nnUNetTrainer
from scipy.ndimage import gaussian_filter

MAX_ROTATION = math.radians(15)  # to either side, in radians
SPECKLE, GRAIN = (0.0, 0.25), 0.7  # range of the noise's standard deviation; blur of the noise, in pixels
PROBABILITY = 0.2  # of adding speckle to an image


class Speckle(ImageOnlyTransform):
    """Multiply an image by fine-grained noise around 1. The darkest value counts as zero, so it does not change."""

    def get_parameters(self, **data_dict: Any) -> dict[str, Any]:
        """Draw the strength and the noise, of the image's shape (C, *spatial)."""
        strength = torch.empty(1).uniform_(*SPECKLE).item()
        shape = data_dict["image"].shape
        noise = torch.from_numpy(gaussian_filter(torch.randn(shape).numpy(), (0, *[GRAIN] * (len(shape) - 1))))
        return {"noise": strength * noise / noise.std()}

    def _apply_to_image(self, img: torch.Tensor, noise: torch.Tensor) -> torch.Tensor:
        darkest = img.amin(tuple(range(1, img.ndim)), keepdim=True)
        return img + (img - darkest) * noise


class UltrasoundTraining(nnUNetTrainer):
    """Mixin in front of a trainer: small rotations, mirroring from left to right only, and speckle.

    The rest of the augmentation is nnU-Net's. In training, nnU-Net turns 2D images by up to 180 degrees, unless the
    patch is elongated. In training and in prediction, it also mirrors them upside down. But in ultrasound, the probe is
    on top and shadows fall downwards.

    Raises:
        ValueError: The configuration is not 2D. In a volume, the direction of the probe is not known.
    """

    def configure_rotation_dummyDA_mirroring_and_inital_patch_size(self) -> tuple:  # noqa: N802
        """Rotate by a few degrees in training, and mirror from left to right only, in training and in prediction."""
        if len(self.configuration_manager.patch_size) != 2:
            raise ValueError(f"_Ultrasound is for 2D images: train 2d, not {self.configuration_name}.")
        _, is_2d_augmented, patch_size, _ = super().configure_rotation_dummyDA_mirroring_and_inital_patch_size()
        sideways = list(self.plans_manager.transpose_forward).index(2)  # the reader's last axis; 0 is that of slices
        axes = (sideways - 1,) if sideways else ()
        self.inference_allowed_mirroring_axes = axes
        return (-MAX_ROTATION, MAX_ROTATION), is_2d_augmented, patch_size, axes

    @classmethod
    def get_training_transforms(cls, *args: Any, **kwargs: Any) -> BasicTransform:
        """Add speckle after rotation and scaling, which are the first transform."""
        pipeline = super().get_training_transforms(*args, **kwargs)
        pipeline.transforms.insert(1, RandomTransform(Speckle(), apply_probability=PROBABILITY))
        return pipeline
