import json
import shutil
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest
import torch
from contract import TrainerContract
from mining_tools import miner_epochs, record_epochs
from nnunetv2.training.nnUNetTrainer.nnUNetTrainer import nnUNetTrainer
from tiny_plans import LABELS, make_dataset_json, make_plans

from nnunet_taichi import trainers
from nnunet_taichi.architectures.taichinet import TaiChiNet
from nnunet_taichi.config import TaiChiConfig
from nnunet_taichi.curriculum import Stage
from nnunet_taichi.trainers import nnUNetTrainerTaichi
from nnunet_taichi.trainers.taichi import REGIONS_KEY, TAICHINET

ONE_LABEL = make_dataset_json(LABELS["one label"])


class TestTaichi(TrainerContract):
    trainer_name = "nnUNetTrainerTaichi"
    target_channels = 2  # the difficulty rides along


class SingleScale(nnUNetTrainerTaichi):
    config = replace(TaiChiConfig(), deep_supervision=False)


class TestSingleScale(TrainerContract):
    """A variant that differs in the configuration alone."""

    trainer_name = "nnUNetTrainerTaichi"
    target_channels = 2

    @property
    def trainer_class(self) -> type[nnUNetTrainer]:
        return SingleScale

    test_host_finds_it = None  # it lives in this file alone

    def test_one_scale(self, trainer: nnUNetTrainer) -> None:
        assert len(trainer._get_deep_supervision_scales()) == 1
        assert len(trainer.network.train()(torch.rand(2, 1, *trainer.configuration_manager.patch_size))) == 2


class WithoutMaps(nnUNetTrainerTaichi):
    config = replace(TaiChiConfig(), easy_to_hard=False)


def use_taichinet(plans: dict[str, Any]) -> dict[str, Any]:
    """Name TaiChiNet in the plans, as a user may by hand."""
    plans["configurations"]["2d"]["architecture"]["network_class_name"] = TAICHINET
    return plans


def test_cascade_is_refused(make_trainer: Any) -> None:
    plans = make_plans(3, patch=16)
    plans["configurations"]["3d_fullres"]["previous_stage"] = "3d_lowres"
    with pytest.raises(NotImplementedError, match=r"cascade.*channel that carries the difficulty"):
        make_trainer(nnUNetTrainerTaichi, plans, ONE_LABEL)


@pytest.mark.parametrize("as_regions", [False, True])
def test_ten_heads_are_refused(make_trainer: Any, as_regions: bool) -> None:
    names = {f"label {i}": [i, i + 1] if as_regions else i for i in range(1, 11)}
    if as_regions:
        names["label 10"] = 10
    dataset_json = make_dataset_json({"background": 0, **names})
    with pytest.raises(NotImplementedError, match="this data set has 10"):
        make_trainer(nnUNetTrainerTaichi, make_plans(), dataset_json)
    make_trainer(WithoutMaps, make_plans(), dataset_json)  # nothing to code


@pytest.mark.parametrize("scheme", LABELS)
def test_plans_record_regions(make_trainer: Any, scheme: str) -> None:
    trainer = make_trainer(nnUNetTrainerTaichi, make_plans(), make_dataset_json(LABELS[scheme]))
    trainer.initialize()
    assert trainer.plans_manager.plans[REGIONS_KEY] is ("region" in scheme)
    assert trainer.network.regions is ("region" in scheme)
    assert trainer.network.num_heads == (3 if "three" in scheme else 1)


def test_taichinet_in_the_plans_trains_under_the_stock_trainer(make_trainer: Any) -> None:
    trainer = make_trainer(nnUNetTrainer, use_taichinet(make_plans(features=(4, 8, 8, 8))), ONE_LABEL)
    trainer.initialize()
    assert isinstance(trainer.network, TaiChiNet)
    trainer.on_train_epoch_start()
    contract = TestTaichi()
    contract.target_channels = 1
    assert trainer.train_step(contract.make_batch(trainer, training=True))["loss"].shape == ()
    weighted = [p.grad for name, p in trainer.network.named_parameters() if "seg_layers.0" not in name]  # weighs 0
    assert all(grad is not None and grad.isfinite().all() for grad in weighted)
    trainer.on_validation_epoch_start()
    assert trainer.validation_step(contract.make_batch(trainer, training=False))["tp_hard"].shape == (1,)


def test_taichinet_in_the_plans_is_not_wrapped_again(make_trainer: Any) -> None:
    wrapped = make_trainer(nnUNetTrainerTaichi, make_plans(), ONE_LABEL)
    named = make_trainer(nnUNetTrainerTaichi, use_taichinet(make_plans()), ONE_LABEL)
    wrapped.initialize()
    named.initialize()
    assert type(named.network) is TaiChiNet
    assert not isinstance(named.network.positive, TaiChiNet)
    named.network.load_state_dict(wrapped.network.state_dict())


def test_deep_supervision_is_not_switched_off_by_the_hosts_flag(make_trainer: Any) -> None:
    trainer = make_trainer(nnUNetTrainerTaichi, make_plans(), ONE_LABEL)
    trainer.enable_deep_supervision = False
    with pytest.raises(ValueError, match="deep_supervision=False"):
        trainer.initialize()


def test_curriculum_follows_the_epoch(make_trainer: Any) -> None:
    trainer = make_trainer(nnUNetTrainerTaichi, make_plans(), ONE_LABEL)
    trainer.num_epochs, trainer.config = 4, replace(trainer.config, warmup_fraction=0.25)
    trainer.initialize()
    stages = []
    for trainer.current_epoch in range(4):
        trainer.on_train_epoch_start()
        stages.append(trainer.loss.stage)
        assert trainer.loss.training
        trainer.on_validation_epoch_start()
        assert not trainer.loss.training
    assert stages == [Stage.EASY, Stage.HARD, Stage.HARD, Stage.HARD]


def test_training_again_starts_anew_and_keeps_the_maps(
    dataset: Path, start_trainer: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    epochs = record_epochs(monkeypatch)
    start_trainer(trainers.nnUNetTrainerTaichi_2epochs_1iterations).run_training()
    assert epochs == [*range(miner_epochs(2)), 0, 1]
    epochs.clear()
    start_trainer(trainers.nnUNetTrainerTaichi_2epochs_1iterations).run_training()
    assert epochs == [0, 1]


def test_a_finished_training_continues_without_its_miner(dataset: Path, start_trainer: Any) -> None:
    """`--c` also repeats an aborted validation, perhaps where only this model was kept."""
    trainer = start_trainer(trainers.nnUNetTrainerTaichi_1epochs_1iterations)
    trainer.run_training()
    for folder in Path(trainer.output_folder_base).parent.glob("nnUNetTrainerUNetPlusPlus*"):
        shutil.rmtree(folder)
    finished = start_trainer(trainers.nnUNetTrainerTaichi_1epochs_1iterations)
    finished.load_checkpoint(str(Path(trainer.output_folder) / "checkpoint_final.pth"))
    finished.run_training()
    assert not list(Path(trainer.output_folder_base).parent.glob("nnUNetTrainerUNetPlusPlus*"))


def test_without_easy_to_hard_there_is_one_stage_and_no_mining(dataset: Path, start_trainer: Any) -> None:
    trainer = start_trainer(WithoutMaps)
    trainer.num_epochs = trainer.num_iterations_per_epoch = trainer.num_val_iterations_per_epoch = 1
    trainer.run_training()
    assert trainer.loss.stage == Stage.WHOLE
    results = Path(trainer.output_folder_base)
    assert [folder.name for folder in results.parent.iterdir()] == [results.name]
    kept = json.loads((Path(trainer.output_folder) / "taichi_config.json").read_text())
    assert kept == asdict(WithoutMaps.config)
    assert json.loads((results / "plans.json").read_text())[REGIONS_KEY] is False
