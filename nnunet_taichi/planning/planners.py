"""Planners for two paths: nnU-Net's own, which count what TaiChiNet needs around the U-Net that they are sizing."""

from collections.abc import Sequence
from typing import Any

import torch
from nnunetv2.experiment_planning.experiment_planners.default_experiment_planner import ExperimentPlanner
from nnunetv2.experiment_planning.experiment_planners.residual_unets.residual_encoder_unet_planners import (
    nnUNetPlannerResEncL,
    nnUNetPlannerResEncM,
    nnUNetPlannerResEncXL,
)
from nnunetv2.utilities.get_network_from_plans import get_network_from_plans

from nnunet_taichi.architectures import TAICHINET

PLENTY = 1e30  # number of voxels of a data set that is too large to limit the batch
OVERSHOOT = 1.1  # most memory that a batch that is rounded up may use, as a share of the target


class NamedPlanner(ExperimentPlanner):
    """Mixin in front of a planner of nnU-Net: it gives the plans a name of their own.

    Attributes:
        default_name: Default name of the plans.
    """

    default_name: str

    def __init__(self, dataset_name_or_id: str | int, **options: Any) -> None:
        super().__init__(dataset_name_or_id, **{"plans_name": self.default_name, **options})

    def generate_data_identifier(self, configuration_name: str) -> str:
        """Return the name of the data. Another spacing gets its own name, since ResEnc planners share default data."""
        if self.overwrite_target_spacing is not None:
            return f"{self.plans_identifier}_{configuration_name}"
        return super().generate_data_identifier(configuration_name)


class TwoPathPlanner(NamedPlanner):
    """Mixin in front of a planner of nnU-Net: plans hold the U-Net of one path, sized so that two fit the memory.

    Two paths get the memory that nnU-Net's own plans would use. This may be less than the target, because patches
    shrink in coarse steps. So TaiChiNet can train on these plans wherever stock nnU-Net can train on its own.
    """

    UNet_vram_target_GB: float

    def __init__(self, dataset_name_or_id: str | int, **options: Any) -> None:
        super().__init__(dataset_name_or_id, **options)
        self._two_paths = True
        self._one_path_estimates: dict[str, int] = {}  # nnU-Net's cache for them

    def get_plans_for_configuration(
        self,
        spacing: Sequence[float],
        median_shape: Sequence[int],
        data_identifier: str,
        approximate_n_voxels_dataset: float,
        _cache: dict[str, int],
    ) -> dict:
        """Plan one path as nnU-Net would on plenty of data, then plan two paths within the memory that this takes."""
        target = self.UNet_vram_target_GB
        try:
            self._two_paths = False
            estimates = self._one_path_estimates
            plan = super().get_plans_for_configuration(spacing, median_shape, data_identifier, PLENTY, estimates)
            self.UNet_vram_target_GB = target * min(1, self._used_share(plan, estimates))
            self._two_paths = True
            plan = super().get_plans_for_configuration(
                spacing, median_shape, data_identifier, approximate_n_voxels_dataset, _cache
            )
            if self._used_share(plan, _cache) > OVERSHOOT and plan["batch_size"] > self.UNet_min_batch_size:
                plan["batch_size"] -= 1  # nnU-Net rounds, and 2.5 became 3
            return plan
        finally:
            self.UNet_vram_target_GB, self._two_paths = target, True

    def _used_share(self, plan: dict, estimates: dict[str, int]) -> float:
        """Return the share of the memory target that a plan uses, by the estimates that nnU-Net made for it."""
        dim = len(plan["patch_size"])
        reference, batch_size = (getattr(self, f"UNet_reference_{name}_{dim}d") for name in ("val", "val_corresp_bs"))
        reference *= batch_size * self.UNet_vram_target_GB / self.UNet_reference_val_corresp_GB
        estimate = estimates[f"{plan['patch_size']}_{plan['architecture']['arch_kwargs']['strides']}"]
        return estimate * plan["batch_size"] / reference

    def static_estimate_VRAM_usage(  # noqa: N802
        self,
        patch_size: Sequence[int],
        input_channels: int,
        output_channels: int,
        arch_class_name: str,
        arch_kwargs: dict,
        arch_kwargs_req_import: Sequence[str],
    ) -> int:
        """Return the number of values in all feature maps for one patch, of TaiChiNet or of its U-Net alone.

        To choose patch and batch, nnU-Net compares this number with that of its reference U-Net.
        """
        if self._two_paths:
            arch_kwargs = {**arch_kwargs, "unet_class": arch_class_name, "return_paths": True}
            arch_class_name = TAICHINET
        with torch.device("meta"):  # only sizes are needed
            network = get_network_from_plans(
                arch_class_name, arch_kwargs, arch_kwargs_req_import, input_channels, output_channels, allow_init=False
            )
        return network.compute_conv_feature_map_size(patch_size)


class nnUNetPlannerTaichi(TwoPathPlanner, ExperimentPlanner):
    """Two plain U-Nets."""

    default_name = "nnUNetTaichiPlans"


class nnUNetPlannerTaichiResEncM(TwoPathPlanner, nnUNetPlannerResEncM):
    """Two residual encoder U-Nets in 8 GB."""

    default_name = "nnUNetTaichiResEncUNetMPlans"


class nnUNetPlannerTaichiResEncL(TwoPathPlanner, nnUNetPlannerResEncL):
    """Two residual encoder U-Nets in 24 GB."""

    default_name = "nnUNetTaichiResEncUNetLPlans"


class nnUNetPlannerTaichiResEncXL(TwoPathPlanner, nnUNetPlannerResEncXL):
    """Two residual encoder U-Nets in 40 GB."""

    default_name = "nnUNetTaichiResEncUNetXLPlans"
