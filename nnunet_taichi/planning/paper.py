"""The planner of the paper's protocol (section V-B): 224 x 224, batches of 16, the paper's U-Net."""

from copy import deepcopy
from typing import Any

import numpy as np
from nnunetv2.experiment_planning.experiment_planners.default_experiment_planner import ExperimentPlanner
from nnunetv2.preprocessing.normalization.default_normalization_schemes import RescaleTo01Normalization

from nnunet_taichi.architectures.unet import PAPER_WIDTHS
from nnunet_taichi.config import PAPER
from nnunet_taichi.planning.planners import NamedPlanner

STAGES = len(PAPER_WIDTHS)
ARCHITECTURE = {
    "network_class_name": "nnunet_taichi.architectures.unet.PaperUNet",
    "arch_kwargs": {  # spelled out, as in every plan: U-Net++ and others take their sizes from here
        "n_stages": STAGES,
        "features_per_stage": PAPER_WIDTHS,
        "conv_op": "torch.nn.modules.conv.Conv2d",
        "kernel_sizes": [[3, 3]] * STAGES,
        "strides": [[1, 1]] + [[2, 2]] * (STAGES - 1),
        "n_conv_per_stage": [2] * STAGES,
        "n_conv_per_stage_decoder": [2] * (STAGES - 1),
        "conv_bias": True,
        "norm_op": "torch.nn.modules.batchnorm.BatchNorm2d",
        "norm_op_kwargs": {},
        "dropout_op": None,
        "dropout_op_kwargs": None,
        "nonlin": "torch.nn.ReLU",
        "nonlin_kwargs": {"inplace": True},
    },
    "_kw_requires_import": ("conv_op", "norm_op", "dropout_op", "nonlin"),
}


class nnUNetPlannerTaichiPaper(NamedPlanner, ExperimentPlanner):
    """Plans for `<Trainer>_Paper`. They do not depend on the memory target.

    Raises:
        ValueError: The images are not 224 x 224, or are 3D, or have several spacings, so that nnU-Net would resize
            them.
    """

    default_name = "nnUNetTaichiPaperPlans"

    def __init__(self, dataset_name_or_id: str | int, **options: Any) -> None:
        super().__init__(dataset_name_or_id, **options)
        name, size = self.dataset_name, PAPER.image_size
        depth, *largest = np.max(self.dataset_fingerprint["shapes_after_crop"], axis=0).tolist()
        if depth > 1:
            raise ValueError(f"The paper's protocol is one of 2D images, and those of {name} are 3D.")
        if len({tuple(spacing) for spacing in self.dataset_fingerprint["spacings"]}) > 1:
            raise ValueError(f"The images of {name} have several spacings, by which nnU-Net would resize them.")
        if max(largest) <= size:  # images may be larger: nnU-Net has cropped black margins
            largest = self._size_of_first_image()
        if largest != [size, size]:
            raise ValueError(
                f"The paper's protocol wants images of {size} x {size} pixels, those of {name} have up to "
                f"{largest[0]} x {largest[1]}. Convert them with --resize {size}."
            )

    def _size_of_first_image(self) -> list[int]:
        files = next(iter(self.dataset.values()))["images"]
        return list(self.determine_reader_writer()().read_images(files)[0].shape[2:])

    def determine_normalization_scheme_and_whether_mask_is_used_for_norm(self) -> tuple[list[str], list[bool]]:
        """Scale each image to [0, 1], whatever its bit depth."""
        channels = len(self.dataset_json["channel_names"])
        return [RescaleTo01Normalization.__name__] * channels, [False] * channels

    def get_plans_for_configuration(self, *args: Any, **kwargs: Any) -> dict:
        """Put the paper's patch, batch and network into nnU-Net's plan."""
        size = PAPER.image_size
        paper = {"patch_size": (size, size), "batch_size": PAPER.batch_size, "architecture": deepcopy(ARCHITECTURE)}
        return super().get_plans_for_configuration(*args, **kwargs) | paper

    def save_plans(self, plans: dict) -> None:
        """Set the Dice loss to one per image (equation 16), here because nnU-Net sets it just before it saves plans."""
        plans["configurations"]["2d"]["batch_dice"] = False
        super().save_plans(plans)
