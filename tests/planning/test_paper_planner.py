"""Plans of the paper's protocol."""

import json
from pathlib import Path

import pytest
from conftest import MakeDataset
from nnunetv2.training.nnUNetTrainer.nnUNetTrainer import nnUNetTrainer
from nnunetv2.utilities.plans_handling.plans_handler import PlansManager

from nnunet_taichi import trainers
from nnunet_taichi.planning.paper import ARCHITECTURE, nnUNetPlannerTaichiPaper
from nnunet_taichi.trainers import nnUNetTrainerTaichi, nnUNetTrainerUNetPlusPlus


@pytest.fixture
def plans(make_dataset: MakeDataset) -> dict:
    return nnUNetPlannerTaichiPaper(make_dataset((1, 224, 224), channels=3)).plan_experiment()


def test_section_5_b(plans: dict) -> None:
    assert plans["plans_name"] == "nnUNetTaichiPaperPlans"
    configuration = PlansManager(plans).get_configuration("2d")
    assert tuple(configuration.patch_size) == (224, 224)
    assert configuration.batch_size == 16
    assert configuration.batch_dice is False
    assert configuration.normalization_schemes == ["RescaleTo01Normalization"] * 3
    assert configuration.use_mask_for_norm == [False] * 3


@pytest.mark.parametrize(
    ("trainer", "parameters"),
    [
        (trainers.nnUNetTrainerTaichi_Model1_Paper, 8_637_601),
        (trainers.nnUNetTrainerTaichi_Model2_Paper, 17_275_202),
        (trainers.nnUNetTrainerTaichi_Model6_Paper, 18_325_826),
    ],
)
def test_networks_are_the_papers(plans: dict, trainer: type[nnUNetTrainer], parameters: int) -> None:
    """As printed in table I: 8.64 M, 17.28 M and 18.33 M, with three channels and one lesion."""
    manager = PlansManager(plans)
    network = trainer.build_network_architecture(manager, manager.get_configuration("2d"), 3, 2, True)
    assert sum(p.numel() for p in network.parameters()) == parameters


def test_plans_say_what_other_trainers_read(plans: dict) -> None:
    manager = PlansManager(plans)
    configuration = manager.get_configuration("2d")
    assert configuration.pool_op_kernel_sizes == [[1, 1], [2, 2], [2, 2], [2, 2], [2, 2]]
    stock = nnUNetTrainer.build_network_architecture(manager, configuration, 3, 2, False)
    assert type(stock).__name__ == "PaperUNet"
    assert nnUNetTrainerTaichi.build_network_architecture(manager, configuration, 3, 2, False).num_heads == 1
    assert nnUNetTrainerUNetPlusPlus.build_network_architecture(manager, configuration, 3, 2, False).depth == 4


@pytest.mark.parametrize(("shape", "found"), [((1, 256, 224), "256 x 224"), ((1, 128, 128), "128 x 128")])
def test_other_sizes(make_dataset: MakeDataset, shape: tuple[int, int, int], found: str) -> None:
    with pytest.raises(ValueError, match=rf"224 x 224 pixels, .* have up to {found}. Convert them with --resize 224"):
        nnUNetPlannerTaichiPaper(make_dataset(shape))


def test_3d(make_dataset: MakeDataset) -> None:
    with pytest.raises(ValueError, match=r"one of 2D images, and those of Dataset001_Made are 3D"):
        nnUNetPlannerTaichiPaper(make_dataset((64, 224, 224)))


def test_black_margins_are_the_images_own(make_dataset: MakeDataset) -> None:
    """The host crops them in the fingerprint, as from every image of a convex probe."""
    plans = nnUNetPlannerTaichiPaper(make_dataset((1, 224, 224), margin=16)).plan_experiment()
    assert tuple(plans["configurations"]["2d"]["patch_size"]) == (224, 224)


def test_several_spacings(make_dataset: MakeDataset, nnunet: Path) -> None:
    name = make_dataset((1, 224, 224), cases=2)
    file = nnunet / "nnUNet_preprocessed" / name / "dataset_fingerprint.json"
    fingerprint = json.loads(file.read_text()) | {"spacings": [[999, 1, 1], [999, 0.5, 0.5]]}
    file.write_text(json.dumps(fingerprint))
    with pytest.raises(ValueError, match="several spacings, by which nnU-Net would resize them"):
        nnUNetPlannerTaichiPaper(name)


def test_plans_share_nothing(plans: dict) -> None:
    plans["configurations"]["2d"]["architecture"]["arch_kwargs"]["n_stages"] = 9
    assert ARCHITECTURE["arch_kwargs"]["n_stages"] == 5
