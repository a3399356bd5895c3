"""Planners of equal cost: nnU-Net's plans, with widths at which two paths cost as much as one U-Net."""

from collections.abc import Sequence
from copy import deepcopy
from functools import cache, partial
from typing import Any

from nnunetv2.experiment_planning.experiment_planners.default_experiment_planner import ExperimentPlanner
from nnunetv2.experiment_planning.experiment_planners.residual_unets.residual_encoder_unet_planners import (
    nnUNetPlannerResEncL,
    nnUNetPlannerResEncM,
    nnUNetPlannerResEncXL,
)
from nnunetv2.utilities.get_network_from_plans import get_network_from_plans
from nnunetv2.utilities.label_handling.label_handling import LabelManager
from nnunetv2.utilities.plans_handling.plans_handler import PlansManager
from torch import nn

from nnunet_taichi.architectures import TAICHINET
from nnunet_taichi.planning.arithmetic import forward_flops
from nnunet_taichi.planning.planners import NamedPlanner
from nnunet_taichi.planning.widths import UNITS, Widths, scaled, slimmer

# cost of TaiChiNet / cost of the stock U-Net, to be 1.00 to 1.10. The margin of 0.01 at both ends is for prediction,
# which has fewer outputs than training and is not counted.
LEAST, MOST = 1.01, 1.09
GUESS = 0.7  # first guess of the share of the widths: two U-Nets with 0.71 of the widths would cost as much as one


def slim_widths(architecture: dict, patch_size: Sequence[int], dataset_json: dict) -> Widths:
    """Return widths for the stages of a U-Net, so that TaiChiNet around it costs what the U-Net itself cost before.

    The cost is the number of operations of a forward pass. TaiChiNet is configured as in `nnUNetTrainerTaichi`.

    Args:
        architecture: U-Net, as a configuration of nnU-Net's plans describes it.
        patch_size: Number of pixels along each axis.
        dataset_json: Content of dataset.json, of which channels and labels are used.

    Raises:
        ValueError: The network has no list of widths, or no narrower widths fit.
    """
    widths = _read_widths(architecture)
    unet, taichi = (cache(partial(_count, architecture, patch_size, dataset_json, two)) for two in (False, True))
    stock, guess = unet(widths), scaled(widths, GUESS, UNITS[0])
    beside = taichi(guess) - 2 * unet(guess)  # attention and heads: nearly constant, and a U-Net is counted faster
    for candidate in slimmer(widths, lambda w: (2 * unet(w) + beside) / stock, LEAST, MOST):
        if LEAST <= taichi(candidate) / stock <= MOST:
            return candidate
    raise ValueError(
        f"no widths narrower than {', '.join(map(str, widths))} give TaiChiNet 1.00 to 1.10 times the cost of this "
        "U-Net: use plans with wider stages."
    )


def slim_architecture(architecture: dict, patch_size: Sequence[int], dataset_json: dict) -> dict:
    """Return a copy of an architecture that differs only in its widths; see `slim_widths`."""
    slim = deepcopy(architecture)
    slim["arch_kwargs"]["features_per_stage"] = slim_widths(architecture, patch_size, dataset_json)
    return slim


def slim_plans(plans: dict, dataset_json: dict) -> dict:
    """Return a copy of plans that differs only in the widths.

    Configurations that inherit their architecture inherit the slim one.

    Args:
        plans: Plans as in nnU-Net's JSON file.
        dataset_json: Content of dataset.json; channels and labels are used.

    Raises:
        ValueError: No widths fit one of the configurations.
    """
    manager, slim = PlansManager(plans), deepcopy(plans)
    for name, configuration in slim["configurations"].items():
        if "architecture" in configuration or "inherits_from" not in configuration:
            whole = manager.get_configuration(name)
            architecture = whole.configuration["architecture"]
            configuration["architecture"] = slim_architecture(architecture, whole.patch_size, dataset_json)
    return slim


def _read_widths(architecture: dict) -> Widths:
    widths = architecture["arch_kwargs"].get("features_per_stage")
    if not isinstance(widths, list | tuple):
        name = architecture["network_class_name"]
        raise ValueError(f"{name} has no list features_per_stage to slim: use plans of nnU-Net's U-Nets.")
    return tuple(widths)


def _count(architecture: dict, patch_size: Sequence[int], dataset_json: dict, two_paths: bool, widths: Widths) -> int:
    """Count the operations of a plan's U-Net with other widths, or of TaiChiNet around it, with training's outputs."""
    channels = len(dataset_json.get("channel_names") or dataset_json["modality"])
    build = partial(_build, architecture, dataset_json, channels, two_paths, widths)
    return forward_flops(build, (channels, *map(int, patch_size)))


def _build(architecture: dict, dataset_json: dict, channels: int, two_paths: bool, widths: Widths) -> nn.Module:
    labels = LabelManager(dataset_json["labels"], dataset_json.get("regions_class_order"))
    name, kwargs = architecture["network_class_name"], {**architecture["arch_kwargs"], "features_per_stage": widths}
    if two_paths:
        kwargs |= {"unet_class": name, "regions": labels.has_regions, "return_paths": True}
        name = TAICHINET
    heads, imports = labels.num_segmentation_heads, architecture["_kw_requires_import"]
    network: Any = get_network_from_plans(name, kwargs, imports, channels, heads, False, deep_supervision=True)
    if two_paths:  # on a CPU, the head may use look-ups; plans must not depend on the machine
        blocks = network.head.seg_layers
        network.head.forward = lambda negative, positive: (blocks["negative"](negative), blocks["positive"](positive))
    return network


class SlimPlanner(NamedPlanner):
    """Mixin in front of a planner of nnU-Net: it makes the same plans, with slim widths."""

    def __init__(self, dataset_name_or_id: str | int, **options: Any) -> None:
        super().__init__(dataset_name_or_id, **options)
        self._slim: dict[str, dict] = {}  # for 3d_lowres, nnU-Net plans the same patch repeatedly

    def get_plans_for_configuration(self, *args: Any, **kwargs: Any) -> dict:
        """Plan as nnU-Net does, then slim the U-Net."""
        plan = super().get_plans_for_configuration(*args, **kwargs)
        patch_size, architecture = plan["patch_size"], plan["architecture"]
        key = f"{patch_size} {architecture}"
        if key not in self._slim:
            self._slim[key] = slim_architecture(architecture, patch_size, self.dataset_json)
        return plan | {"architecture": deepcopy(self._slim[key])}

    def generate_data_identifier(self, configuration_name: str) -> str:
        """Return the name of the data of nnU-Net's default plans, as residual encoder planners do; networks differ."""
        if configuration_name in ("2d", "3d_fullres") and self.overwrite_target_spacing is None:
            return f"nnUNetPlans_{configuration_name}"
        return super().generate_data_identifier(configuration_name)


class nnUNetPlannerTaichiSlim(SlimPlanner, ExperimentPlanner):
    """Two plain U-Nets at the cost of one."""

    default_name = "nnUNetTaichiSlimPlans"


class nnUNetPlannerTaichiSlimResEncM(SlimPlanner, nnUNetPlannerResEncM):
    """Two residual encoder U-Nets at the cost of one that fits 8 GB."""

    default_name = "nnUNetTaichiSlimResEncUNetMPlans"


class nnUNetPlannerTaichiSlimResEncL(SlimPlanner, nnUNetPlannerResEncL):
    """Two residual encoder U-Nets at the cost of one that fits 24 GB."""

    default_name = "nnUNetTaichiSlimResEncUNetLPlans"


class nnUNetPlannerTaichiSlimResEncXL(SlimPlanner, nnUNetPlannerResEncXL):
    """Two residual encoder U-Nets at the cost of one that fits 40 GB."""

    default_name = "nnUNetTaichiSlimResEncUNetXLPlans"
