"""Plans of the paper's protocol."""

import pytest
from conftest import MakeDataset
from nnunetv2.training.nnUNetTrainer.nnUNetTrainer import nnUNetTrainer
from nnunetv2.utilities.plans_handling.plans_handler import PlansManager

from nnunet_taichi import trainers
from nnunet_taichi.planning.paper import nnUNetPlannerTaichiPaper
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


@pytest.mark.parametrize(
    ("shape", "found"), [((1, 256, 224), "256 x 224"), ((1, 128, 128), "128 x 128"), ((64, 224, 224), "64 x 224 x 224")]
)
def test_other_sizes(make_dataset: MakeDataset, shape: tuple[int, int, int], found: str) -> None:
    with pytest.raises(ValueError, match=rf"224 x 224 pixels, .* have up to {found}. Convert them with --resize 224"):
        nnUNetPlannerTaichiPaper(make_dataset(shape))
