"""Two paths in the memory that the host's plans use for one."""

from typing import Any

import pytest
from conftest import SHAPES, FullPrecision, MakeDataset, kept
from nnunetv2.experiment_planning.experiment_planners.default_experiment_planner import ExperimentPlanner
from nnunetv2.experiment_planning.experiment_planners.residual_unets.residual_encoder_unet_planners import (
    nnUNetPlannerResEncL,
    nnUNetPlannerResEncM,
    nnUNetPlannerResEncXL,
)
from nnunetv2.training.nnUNetTrainer.nnUNetTrainer import nnUNetTrainer
from nnunetv2.utilities.plans_handling.plans_handler import PlansManager

from nnunet_taichi.architectures.taichinet import TaiChiNet
from nnunet_taichi.planning import planners
from nnunet_taichi.trainers import nnUNetTrainerTaichi

PAIRS = {
    "plain": (ExperimentPlanner, planners.nnUNetPlannerTaichi),
    "M": (nnUNetPlannerResEncM, planners.nnUNetPlannerTaichiResEncM),
}


@pytest.mark.parametrize(
    ("kind", "name"), [*(("plain", name) for name in SHAPES if name != "small"), ("M", "BUSI"), ("M", "3D cube")]
)
def test_taichi_on_its_plans_keeps_what_stock_keeps_on_its_own(make_dataset: MakeDataset, kind: str, name: str) -> None:
    dataset, channels = make_dataset(**SHAPES[name]), SHAPES[name].get("channels", 1)
    stock, ours = (planner(dataset).plan_experiment() for planner in PAIRS[kind])
    configuration = "3d_fullres" if "3D" in name else "2d"
    ratio = kept(ours, configuration, FullPrecision, channels) / kept(stock, configuration, nnUNetTrainer, channels)
    assert ratio == pytest.approx(1, abs=0.15)


@pytest.mark.parametrize("name", ["small", "BUSI", "REFUGE at 512", "3D cube"])
def test_on_stock_plans_two_paths_keep_little_more_than_two_unets(make_dataset: MakeDataset, name: str) -> None:
    channels = SHAPES[name].get("channels", 1)
    plans = ExperimentPlanner(make_dataset(**SHAPES[name])).plan_experiment()
    configuration = "3d_fullres" if "3D" in name else "2d"
    taichi, stock = (kept(plans, configuration, trainer, channels) for trainer in (FullPrecision, nnUNetTrainer))
    assert 2 < taichi / stock <= 2.1


@pytest.mark.parametrize("kind", PAIRS)
def test_stock_trainers_are_stock_on_these_plans(make_dataset: MakeDataset, kind: str) -> None:
    dataset = make_dataset((1, 256, 256), cases=5000)
    stock, ours = (planner(dataset).plan_experiment() for planner in PAIRS[kind])
    stock, ours = (plans["configurations"]["2d"] for plans in (stock, ours))
    assert ours["patch_size"] == stock["patch_size"]
    assert ours["architecture"] == stock["architecture"]
    assert 0.4 < ours["batch_size"] / stock["batch_size"] <= 0.5
    assert set(ours) == set(stock)


def test_a_step_without_attention_and_head_would_be_larger(make_dataset: MakeDataset) -> None:
    """What the estimate adds to two U-Nets is what the network of the default configuration adds."""
    planner = planners.nnUNetPlannerTaichi(make_dataset((1, 256, 256)))
    architecture = planner.plan_experiment()["configurations"]["2d"]["architecture"]
    arguments = ((256, 256), 1, 2, architecture["network_class_name"], architecture["arch_kwargs"])
    both = planner.static_estimate_VRAM_usage(*arguments, architecture["_kw_requires_import"])
    planner._two_paths = False
    one = planner.static_estimate_VRAM_usage(*arguments, architecture["_kw_requires_import"])
    assert 2 * one < both < 2.1 * one


def test_a_batch_is_not_rounded_far_beyond_the_memory(make_dataset: MakeDataset) -> None:
    """Between 2 and 3: the host's rounding would keep 18% more than stock does."""
    dataset = make_dataset((96, 96, 96))
    stock, ours = (planner(dataset).plan_experiment() for planner in PAIRS["plain"])
    assert kept(ours, "3d_fullres", FullPrecision, 1) < 1.1 * kept(stock, "3d_fullres", nnUNetTrainer, 1)


def test_data_of_other_spacings_are_kept_apart(make_dataset: MakeDataset) -> None:
    planner = planners.nnUNetPlannerTaichiResEncM
    dataset = make_dataset((64, 128, 128))
    same, other = (planner(dataset, overwrite_target_spacing=spacing) for spacing in (None, [2.0, 2.0, 2.0]))
    assert same.generate_data_identifier("3d_fullres") == "nnUNetPlans_3d_fullres"  # as the host's ResEncM
    assert other.generate_data_identifier("3d_fullres") == "nnUNetTaichiResEncUNetMPlans_3d_fullres"


def test_more_memory_larger_batches(make_dataset: MakeDataset) -> None:
    dataset = make_dataset((1, 512, 512), cases=5000)
    batches = [
        planners.nnUNetPlannerTaichi(dataset, gpu_memory_target_in_gb=gb).plan_experiment()["configurations"]["2d"][
            "batch_size"
        ]
        for gb in (8, 16, 24)
    ]
    assert batches[1] == pytest.approx(2 * batches[0], abs=1)
    assert batches[2] == pytest.approx(3 * batches[0], abs=1)


def test_small_data_limit_the_batch_as_they_do_in_the_host(make_dataset: MakeDataset) -> None:
    plans = planners.nnUNetPlannerTaichi(make_dataset((1, 256, 256), cases=60)).plan_experiment()
    assert plans["configurations"]["2d"]["batch_size"] == 3  # 5%


def test_lowres_too(make_dataset: MakeDataset) -> None:
    dataset = make_dataset((200, 500, 500), cases=50)
    plans = planners.nnUNetPlannerTaichi(dataset).plan_experiment()
    assert {"2d", "3d_fullres", "3d_lowres", "3d_cascade_fullres"} == set(plans["configurations"])
    stock = ExperimentPlanner(dataset).plan_experiment()
    for name in ("3d_fullres", "3d_lowres"):
        ours, theirs = (p["configurations"][name]["patch_size"] for p in (plans, stock))
        assert all(a <= b for a, b in zip(ours, theirs, strict=True))
        assert ours != theirs


@pytest.mark.parametrize(
    ("planner", "plans", "host"),
    [
        (planners.nnUNetPlannerTaichi, "nnUNetTaichiPlans", ExperimentPlanner),
        (planners.nnUNetPlannerTaichiResEncM, "nnUNetTaichiResEncUNetMPlans", nnUNetPlannerResEncM),
        (planners.nnUNetPlannerTaichiResEncL, "nnUNetTaichiResEncUNetLPlans", nnUNetPlannerResEncL),
        (planners.nnUNetPlannerTaichiResEncXL, "nnUNetTaichiResEncUNetXLPlans", nnUNetPlannerResEncXL),
    ],
)
def test_names_and_targets(make_dataset: MakeDataset, planner: Any, plans: str, host: Any) -> None:
    dataset = make_dataset((1, 128, 128))
    ours, theirs = planner(dataset), host(dataset)
    assert ours.plans_identifier == plans
    assert planner(dataset, plans_name="Mine").plans_identifier == "Mine"
    assert ours.UNet_vram_target_GB == theirs.UNet_vram_target_GB
    written = ours.plan_experiment()
    assert (written["plans_name"], written["experiment_planner_used"]) == (plans, planner.__name__)
    assert ours.UNet_vram_target_GB == theirs.UNet_vram_target_GB  # as before


def test_taichinet_is_built_around_the_planned_unet(make_dataset: MakeDataset) -> None:
    manager = PlansManager(planners.nnUNetPlannerTaichiResEncM(make_dataset((1, 128, 128))).plan_experiment())
    network = nnUNetTrainerTaichi.build_network_architecture(manager, manager.get_configuration("2d"), 1, 2, False)
    assert isinstance(network, TaiChiNet)
    assert [type(path).__name__ for path in network.paths] == ["ResidualEncoderUNet"] * 2
