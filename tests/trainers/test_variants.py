"""The paper's ablations as trainers: each differs in exactly the part that it names, and trains."""

from dataclasses import asdict, replace
from typing import Any

import pytest
import torch
from contract import TrainerContract
from tiny_plans import LABELS, make_dataset_json, make_plans

from nnunet_taichi import trainers
from nnunet_taichi.architectures.taichinet import paper_taichinet
from nnunet_taichi.config import PUBLISHED
from nnunet_taichi.curriculum import Stage

NAMES = [name for name in trainers.__all__ if name.startswith("nnUNetTrainerTaichi_")]
FULL = PUBLISHED

# the paper's words: what each model has; the parameters are those printed in table I
PARTS = {
    "Model1": (set(), 8_637_601),
    "Model2": ({"second path"}, 17_275_202),
    "Model3": ({"second path", "loss"}, 17_275_202),
    "Model4": ({"second path", "attention"}, 18_325_826),
    "Model5": ({"second path", "loss", "head"}, 17_275_588),
    "Model6": ({"second path", "loss", "attention"}, 18_325_826),
    "Model7": ({"second path", "loss", "attention", "head"}, 18_326_212),
}
PRINTED = {
    **dict.fromkeys(("Model2", "Model3", "Model5"), 17.28),
    **dict.fromkeys(("Model4", "Model6", "Model7"), 18.33),
}


def config_of(model: str) -> Any:
    return getattr(trainers, f"nnUNetTrainerTaichi_{model}").config


def count(config: Any) -> int:
    return sum(parameter.numel() for parameter in paper_taichinet(config=config).parameters())


def test_all_models_of_the_tables_are_there() -> None:
    expected = {*PARTS, "Published", "ConsML", "ConvHead", "SwappedHead"}
    assert {name.removeprefix("nnUNetTrainerTaichi_") for name in NAMES} == expected


@pytest.mark.parametrize("model", PARTS)
def test_table_1(model: str) -> None:
    parts, parameters = PARTS[model]
    assert config_of(model) == replace(
        FULL,
        lesion_path_only="second path" not in parts,
        complementary_loss="loss" in parts,
        attention="attention" in parts,
        head="mlp" if "head" in parts else "none",
        easy_to_hard=False,
    )
    assert count(config_of(model)) == parameters
    assert round(parameters / 1e6, 2) == PRINTED.get(model, 8.64)


@pytest.mark.parametrize(
    ("model", "field", "value"),
    [
        ("ConsML", "mutual_learning", "consistent"),
        ("ConvHead", "head", "conv"),
        ("SwappedHead", "head_order", "positive_first"),
    ],
)
def test_tables_2_and_3(model: str, field: str, value: str) -> None:
    changed = {key: new for key, new in asdict(config_of(model)).items() if new != asdict(FULL)[key]}
    assert changed == {field: value}
    assert round(count(config_of(model)) / 1e6, 2) == 18.33


def test_a_single_path_exchanges_nothing() -> None:
    with pytest.raises(ValueError, match=r'lesion_path_only needs attention=False, head="none"'):
        replace(FULL, lesion_path_only=True)


@pytest.mark.parametrize("scheme", LABELS)
@pytest.mark.parametrize("name", NAMES)
def test_trains(make_trainer: Any, name: str, scheme: str) -> None:
    """One step reaches every parameter; prediction takes the weights strictly."""
    trainer = make_trainer(getattr(trainers, name), make_plans(patch=32), make_dataset_json(LABELS[scheme]))
    trainer.initialize()
    contract = TrainerContract()
    contract.target_channels = 2 if trainer.config.easy_to_hard else 1
    contract.test_train_step_reaches_every_parameter(trainer)
    contract.test_validation_step(trainer)
    contract.test_prediction_network_takes_the_weights_strictly(trainer)


@pytest.mark.parametrize("name", [name for name in NAMES if "Model" in name])
def test_one_stage_without_easy_to_hard(make_trainer: Any, name: str) -> None:
    trainer = make_trainer(getattr(trainers, name), make_plans(), make_dataset_json(LABELS["one label"]))
    trainer.initialize()
    trainer.on_train_epoch_start()
    assert trainer.loss.stage == Stage.WHOLE
    assert trainer.difficulty_folder is None


def test_consistent_paths_are_averaged_and_told_the_same() -> None:
    network = paper_taichinet(1, 1, replace(config_of("ConsML"), attention=False, head="none", cpu_bf16=False))
    z_n, z_p = torch.randn(1, 1, 4, 4), torch.randn(1, 1, 4, 4)
    torch.testing.assert_close(network.fuse(z_n, z_p), (z_n + z_p) / 2)
