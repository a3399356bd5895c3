"""Two paths at the cost of one U-Net, on nnU-Net's own plans."""

import math
from copy import deepcopy
from typing import Any

import pytest
import torch
from conftest import DISC_AND_CUP, LESION, SHAPES, FullPrecision, MakeDataset, kept
from nnunetv2.experiment_planning.experiment_planners.default_experiment_planner import ExperimentPlanner
from nnunetv2.experiment_planning.experiment_planners.residual_unets.residual_encoder_unet_planners import (
    nnUNetPlannerResEncL,
    nnUNetPlannerResEncM,
    nnUNetPlannerResEncXL,
)
from nnunetv2.training.nnUNetTrainer.nnUNetTrainer import nnUNetTrainer
from nnunetv2.utilities.label_handling.label_handling import LabelManager
from nnunetv2.utilities.plans_handling.plans_handler import PlansManager
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensorMode

from nnunet_taichi import trainers
from nnunet_taichi.architectures import precision
from nnunet_taichi.architectures.complementary_head import ComplementaryHead
from nnunet_taichi.architectures.cross_attention import ChannelToSpatialCrossAttention
from nnunet_taichi.architectures.taichinet import TaiChiNet
from nnunet_taichi.config import TaiChiConfig
from nnunet_taichi.planning import slim
from nnunet_taichi.trainers import nnUNetTrainerTaichi
from nnunet_taichi.trainers.taichi import REGIONS_KEY

PAIRS = {
    "plain": (ExperimentPlanner, slim.nnUNetPlannerTaichiSlim),
    "M": (nnUNetPlannerResEncM, slim.nnUNetPlannerTaichiSlimResEncM),
}
ONE_LESION = {"channel_names": {"0": "light"}, "labels": LESION}
REGIONS = {
    "channel_names": {"0": "red", "1": "green", "2": "blue"},
    "labels": DISC_AND_CUP,
    "regions_class_order": [1, 2],
}


def multiplications(network: nn.Module, shape: tuple[int, ...]) -> int:
    """Multiplications for one image, by hand: each weight once at each position, and the attention's two products.

    The head counts by its weights as well, however it is computed.
    """
    total = 0

    def convolution(module: Any, inputs: tuple[Tensor], output: Tensor) -> None:
        nonlocal total
        total += module.weight.numel() * math.prod((inputs[0] if module.transposed else output).shape[2:])

    def attention(module: nn.Module, inputs: tuple[Tensor, Tensor], output: Any) -> None:
        nonlocal total
        total += 2 * 2 * inputs[0].shape[1] ** 2 * math.prod(inputs[0].shape[2:])

    def head(module: nn.Module, inputs: tuple[Tensor, Tensor], output: Any) -> None:
        nonlocal total
        hidden = TaiChiConfig().head_logit_channels
        total += 2 * 2 * hidden * inputs[0].shape[1] * math.prod(inputs[0].shape[2:])

    for name, module in network.named_modules():
        if isinstance(module, ChannelToSpatialCrossAttention):
            module.register_forward_hook(attention)
        elif isinstance(module, ComplementaryHead):
            module.register_forward_hook(head)
        elif isinstance(module, torch.nn.modules.conv._ConvNd) and not name.startswith("head."):
            module.register_forward_hook(convolution)
    with torch.no_grad():
        network(torch.empty(1, *shape))
    return total


def cost(
    plans: dict, configuration: str, trainer: type[nnUNetTrainer], dataset_json: dict, deep_supervision: bool = True
) -> int:
    """Multiplications of a trainer's network, for one patch."""
    labels = LabelManager(dataset_json["labels"], dataset_json.get("regions_class_order"))
    manager, channels = PlansManager(plans | {REGIONS_KEY: labels.has_regions}), len(dataset_json["channel_names"])
    configured, heads = manager.get_configuration(configuration), labels.num_segmentation_heads
    with FakeTensorMode():
        network = trainer.build_network_architecture(manager, configured, channels, heads, deep_supervision)
        return multiplications(network, (channels, *configured.patch_size))


def thin_plans(widths: tuple[int, ...], dim: int = 2, residual: bool = False) -> dict:
    """Plans as users make them by hand for a laptop."""
    stages = len(widths)
    blocks = {"n_blocks_per_stage" if residual else "n_conv_per_stage": [2] * stages}
    architecture = {
        "network_class_name": "dynamic_network_architectures.architectures.unet."
        + ("ResidualEncoderUNet" if residual else "PlainConvUNet"),
        "arch_kwargs": {
            "n_stages": stages,
            "features_per_stage": list(widths),
            "conv_op": f"torch.nn.modules.conv.Conv{dim}d",
            "kernel_sizes": [[3] * dim] * stages,
            "strides": [[1] * dim] + [[2] * dim] * (stages - 1),
            **blocks,
            "n_conv_per_stage_decoder": [2] * (stages - 1),
            "conv_bias": True,
            "norm_op": f"torch.nn.InstanceNorm{dim}d",
            "norm_op_kwargs": {"affine": True},
            "nonlin": "torch.nn.LeakyReLU",
            "nonlin_kwargs": {"inplace": True},
        },
        "_kw_requires_import": ["conv_op", "norm_op", "nonlin"],
    }
    configuration = {"patch_size": [32] * dim, "batch_size": 2, "architecture": architecture}
    return {"configurations": {"thin": configuration}}


@pytest.mark.parametrize(
    ("kind", "name"),
    [("plain", "BUSI"), ("plain", "small"), ("plain", "REFUGE at 512"), ("plain", "3D cube"), ("M", "BUSI")],
)
def test_two_paths_cost_what_one_unet_cost(make_dataset: MakeDataset, kind: str, name: str) -> None:
    dataset, configuration = make_dataset(**SHAPES[name]), "3d_fullres" if "3D" in name else "2d"
    planners = [planner(dataset) for planner in PAIRS[kind]]
    stock, ours = (planner.plan_experiment() for planner in planners)
    dataset_json = planners[0].dataset_json
    for deep_supervision in (True, False):  # training and prediction
        unet = cost(stock, configuration, nnUNetTrainer, dataset_json, deep_supervision)
        taichi = cost(ours, configuration, nnUNetTrainerTaichi, dataset_json, deep_supervision)
        assert 1.0 <= taichi / unet <= 1.1
    for planned, kept_as in zip(*(plans["configurations"].values() for plans in (ours, stock)), strict=True):
        widths, old = (p["architecture"]["arch_kwargs"].pop("features_per_stage") for p in (planned, kept_as))
        assert planned == kept_as  # patch, batch, strides, data and all
        assert all(width % 8 == 0 for width in widths)
        assert sorted(widths) == list(widths)
        assert all(0.6 <= new / former <= 0.8 for new, former in zip(widths, old, strict=True))


@pytest.mark.parametrize("name", ["BUSI", "REFUGE at 512", "3D cube"])
def test_training_steps_keep_less_than_two_unets(make_dataset: MakeDataset, name: str) -> None:
    dataset, channels = make_dataset(**SHAPES[name]), SHAPES[name].get("channels", 1)
    stock, ours = (planner(dataset).plan_experiment() for planner in PAIRS["plain"])
    configuration = "3d_fullres" if "3D" in name else "2d"
    ratio = kept(ours, configuration, FullPrecision, channels) / kept(stock, configuration, nnUNetTrainer, channels)
    assert ratio <= 1.6


@pytest.mark.parametrize(
    ("widths", "dim", "residual", "dataset_json", "multiple"),
    [
        ((32, 64, 128), 2, False, ONE_LESION, 8),
        ((16, 32, 64, 128), 2, False, ONE_LESION, 4),
        ((8, 16, 32), 2, False, ONE_LESION, 2),
        ((8, 16, 32), 2, False, REGIONS, 2),
        ((8, 16, 32), 2, True, ONE_LESION, 1),
        ((8, 16, 32, 64), 3, False, ONE_LESION, 2),
        ((32, 64, 64), 3, False, REGIONS, 8),
        ((5, 10, 20, 20), 2, False, ONE_LESION, 1),
        ((4, 8, 16), 2, False, ONE_LESION, 1),
    ],
)
def test_thin_plans(widths: tuple[int, ...], dim: int, residual: bool, dataset_json: dict, multiple: int) -> None:
    plans = thin_plans(widths, dim, residual)
    ours = slim.slim_plans(plans, dataset_json)
    assert plans == thin_plans(widths, dim, residual)  # as it was
    unet = cost(plans, "thin", nnUNetTrainer, dataset_json)
    assert 1.0 <= cost(ours, "thin", nnUNetTrainerTaichi, dataset_json) / unet <= 1.1
    found = ours["configurations"]["thin"]["architecture"]["arch_kwargs"]["features_per_stage"]
    assert all(width % multiple == 0 for width in found)
    assert found[-1] % 2 == 0
    assert sorted(found) == list(found)


def test_too_thin() -> None:
    with pytest.raises(ValueError, match=r"no widths narrower than 1, 2 give TaiChiNet 1\.00 to 1\.10 times the cost"):
        slim.slim_plans(thin_plans((1, 2)), ONE_LESION)


def test_network_without_widths() -> None:
    plans = thin_plans((8, 16))
    plans["configurations"]["thin"]["architecture"]["arch_kwargs"]["features_per_stage"] = 8
    with pytest.raises(ValueError, match=r"PlainConvUNet has no list features_per_stage to slim"):
        slim.slim_plans(plans, ONE_LESION)


def test_plans_do_not_depend_on_the_processor(monkeypatch: pytest.MonkeyPatch) -> None:
    found = []
    for bf16 in (False, True):
        monkeypatch.setattr(precision, "cpu_has_bf16", lambda has=bf16: has)
        found.append(slim.slim_plans(thin_plans((8, 16, 32)), ONE_LESION))
    assert found[0] == found[1]


def test_configurations_inherit_slim_widths() -> None:
    plans = thin_plans((32, 64, 128))
    configurations = plans["configurations"]
    own = deepcopy(configurations["thin"]["architecture"])
    own["arch_kwargs"]["features_per_stage"] = [16, 32, 64]
    configurations["batch of 3"] = {"inherits_from": "thin", "batch_size": 3}
    configurations["own"] = {"inherits_from": "batch of 3", "architecture": own}
    ours = slim.slim_plans(plans, ONE_LESION)["configurations"]
    assert ours["batch of 3"] == configurations["batch of 3"]
    widths = {name: ours[name]["architecture"]["arch_kwargs"]["features_per_stage"] for name in ("thin", "own")}
    assert widths["thin"][0] == 24
    assert widths["own"][0] == 12


def test_trainers_build_on_them(make_dataset: MakeDataset) -> None:
    plans = slim.nnUNetPlannerTaichiSlim(make_dataset((1, 64, 64))).plan_experiment()
    manager = PlansManager(plans)
    configured = manager.get_configuration("2d")
    image = torch.rand(1, 1, *configured.patch_size)
    for trainer, paths in (
        (nnUNetTrainer, None),
        (nnUNetTrainerTaichi, 2),
        (trainers.nnUNetTrainerTaichi_Model2, 2),
        (trainers.nnUNetTrainerTaichi_Model1, 1),
    ):
        network = trainer.build_network_architecture(manager, configured, 1, 2, False).eval()
        assert network(image).shape == (1, 2, *configured.patch_size)
        if paths:
            assert isinstance(network, TaiChiNet)
            assert [path.encoder.output_channels[0] for path in network.paths] == [24] * paths


@pytest.mark.parametrize("kind", PAIRS)
def test_data_are_those_of_the_default_plans(make_dataset: MakeDataset, kind: str) -> None:
    planner = PAIRS[kind][1]
    dataset = make_dataset((64, 128, 128))
    same, other = (planner(dataset, overwrite_target_spacing=spacing) for spacing in (None, [2.0, 2.0, 2.0]))
    assert same.generate_data_identifier("2d") == "nnUNetPlans_2d"
    assert same.generate_data_identifier("3d_fullres") == "nnUNetPlans_3d_fullres"
    assert same.generate_data_identifier("3d_lowres") == f"{planner.default_name}_3d_lowres"
    for configuration in ("2d", "3d_fullres"):
        assert other.generate_data_identifier(configuration) == f"{planner.default_name}_{configuration}"


def test_lowres_too(make_dataset: MakeDataset) -> None:
    dataset = make_dataset((200, 500, 500), cases=50)
    stock, ours = (planner(dataset).plan_experiment()["configurations"] for planner in PAIRS["plain"])
    assert set(ours) == set(stock) == {"2d", "3d_fullres", "3d_lowres", "3d_cascade_fullres"}
    assert ours["3d_cascade_fullres"] == stock["3d_cascade_fullres"]
    for key in ("patch_size", "batch_size", "spacing"):
        assert ours["3d_lowres"][key] == stock["3d_lowres"][key]
    assert ours["3d_lowres"]["architecture"]["arch_kwargs"]["features_per_stage"][0] == 24


@pytest.mark.parametrize(
    ("planner", "plans", "stock"),
    [
        (slim.nnUNetPlannerTaichiSlim, "nnUNetTaichiSlimPlans", ExperimentPlanner),
        (slim.nnUNetPlannerTaichiSlimResEncM, "nnUNetTaichiSlimResEncUNetMPlans", nnUNetPlannerResEncM),
        (slim.nnUNetPlannerTaichiSlimResEncL, "nnUNetTaichiSlimResEncUNetLPlans", nnUNetPlannerResEncL),
        (slim.nnUNetPlannerTaichiSlimResEncXL, "nnUNetTaichiSlimResEncUNetXLPlans", nnUNetPlannerResEncXL),
    ],
)
def test_names_and_targets(make_dataset: MakeDataset, planner: Any, plans: str, stock: Any) -> None:
    dataset = make_dataset((1, 64, 64))
    ours, theirs = planner(dataset), stock(dataset)
    assert ours.plans_identifier == plans
    assert planner(dataset, plans_name="Mine").plans_identifier == "Mine"
    assert ours.UNet_vram_target_GB == theirs.UNet_vram_target_GB
