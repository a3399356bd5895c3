import json
import pickle
from pathlib import Path
from typing import Any

import pytest
import torch
from contract import TrainerContract
from nnunetv2.utilities.plans_handling.plans_handler import PlansManager
from tiny_dataset import SPLITS
from tiny_plans import LABELS, make_dataset_json, make_plans
from torch import nn

from nnunet_taichi import trainers
from nnunet_taichi.trainers.miner import TRAINING_CASES, nnUNetTrainerUNetPlusPlus


class TestUNetPlusPlus(TrainerContract):
    trainer_name = "nnUNetTrainerUNetPlusPlus"


class TestUNetPlusPlusMiner(TrainerContract):
    trainer_name = "nnUNetTrainerUNetPlusPlusMiner"


def widths(network: nn.Module) -> list[int]:
    return [network.nodes[f"{level}_0"].output_channels for level in range(network.depth + 1)]


@pytest.mark.parametrize(("ending", "part"), [("", 0.25), ("_Width50", 0.5), ("_Width50_3epochs_seed1", 0.5)])
def test_the_miner_has_a_part_of_the_plans_widths(ending: str, part: float) -> None:
    trainer = getattr(trainers, f"nnUNetTrainerUNetPlusPlusMiner{ending}")
    assert trainer.__name__.endswith(ending)
    plans = PlansManager(make_plans(2, features=(32, 64, 96, 128)))
    network = trainer.build_network_architecture(plans, plans.get_configuration("2d"), 1, 2, False)
    assert widths(network) == [8 * round(part * width / 8) for width in (32, 64, 96, 128)]
    assert plans.get_configuration("2d").network_arch_init_kwargs["features_per_stage"] == [32, 64, 96, 128]


@pytest.mark.parametrize("width", ["Width25", "Width0", "Width101", "Width050", "Width", "width50", "Width50_Width50"])
def test_other_spellings_of_a_width_are_not_found(width: str) -> None:
    """The default width has a name already: two names would be two results of one recipe."""
    assert not hasattr(trainers, f"nnUNetTrainerUNetPlusPlusMiner_{width}")
    assert not hasattr(trainers, f"nnUNetTrainerUNetPlusPlus_{width}")


def test_a_miner_of_another_width_pickles() -> None:
    trainer = trainers.nnUNetTrainerUNetPlusPlusMiner_Width50_seed1
    assert pickle.loads(pickle.dumps(trainer)) is trainer


@pytest.mark.parametrize(("stages", "expected"), [(6, [0.4 / 3] * 3 + [0.6]), (3, [0.4, 0.6]), (2, [1.0])])
def test_the_miner_favours_its_shallowest_depth(make_trainer: Any, stages: int, expected: list[float]) -> None:
    plans = make_plans(2, features=(8,) * stages)
    trainer = make_trainer(
        trainers.nnUNetTrainerUNetPlusPlusMiner, plans, make_dataset_json(next(iter(LABELS.values())))
    )
    trainer.initialize()
    assert trainer.loss.weight_factors == pytest.approx(expected)
    assert len(trainer._get_deep_supervision_scales()) == len(expected)  # outputs, deepest first


def test_training_by_hand_is_subject_to_the_split(dataset: Path, start_trainer: Any) -> None:
    """TaiChi refuses a U-Net++ that the user trained on another split, too."""
    miner = start_trainer(trainers.nnUNetTrainerUNetPlusPlusMiner_1epochs_1iterations)
    miner.run_training()
    record = Path(miner.output_folder) / TRAINING_CASES
    assert json.loads(record.read_text()) == sorted(SPLITS[0]["train"])
    (dataset / "splits_final.json").write_text(json.dumps(SPLITS[::-1]))
    with pytest.raises(RuntimeError, match="split of fold 0 changed"):
        start_trainer(trainers.nnUNetTrainerTaichi_1epochs_1iterations).mine()
    start_trainer(trainers.nnUNetTrainerUNetPlusPlusMiner_1epochs_1iterations).run_training()
    start_trainer(trainers.nnUNetTrainerTaichi_1epochs_1iterations).mine()


class TestCheckpoints:
    @pytest.fixture
    def trainer(self, make_trainer: Any) -> nnUNetTrainerUNetPlusPlus:
        trainer = make_trainer(nnUNetTrainerUNetPlusPlus, make_plans(), make_dataset_json(next(iter(LABELS.values()))))
        trainer.initialize()
        return trainer

    def test_appear_whole(self, trainer: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        file = tmp_path / "checkpoint_latest.pth"
        trainer.save_checkpoint(str(file))
        whole = file.read_bytes()

        def power_cut(checkpoint: dict, name: str) -> None:
            Path(name).write_bytes(b"half")
            raise KeyboardInterrupt

        monkeypatch.setattr(torch, "save", power_cut)
        with pytest.raises(KeyboardInterrupt):
            trainer.save_checkpoint(str(file))
        assert file.read_bytes() == whole

    @pytest.mark.parametrize(("name", "value"), [("local_rank", 1), ("disable_checkpointing", True)])
    def test_who_does_not_write_does_not_rename(self, trainer: Any, tmp_path: Path, name: str, value: Any) -> None:
        partial = tmp_path / "checkpoint_latest.pth.partial"
        partial.write_bytes(b"half of what rank 0 writes, or an old rest")
        setattr(trainer, name, value)
        trainer.save_checkpoint(str(tmp_path / "checkpoint_latest.pth"))
        assert [file.name for file in tmp_path.glob("checkpoint*")] == [partial.name]
