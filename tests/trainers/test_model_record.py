"""What a model was trained with stays with it, whatever the trainer's class says later.

`model_0_1_0` is the beginning of a training by version 0.1.0, which kept no record in its plans:
`nnUNetTrainerTaichi_8epochs_2iterations_seed1` on the data set of `tiny_dataset`, after the first of two easy epochs.
`logits.npy` is what its network made then, in float32, of `torch.randn(1, 1, 32, 32)` from a generator with seed 0.
"""

import json
import shutil
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from nnunetv2.inference.predict_from_raw_data import nnUNetPredictor

from nnunet_taichi import trainers
from nnunet_taichi.architectures.taichinet import TaiChiNet
from nnunet_taichi.config import PUBLISHED, TaiChiConfig
from nnunet_taichi.curriculum import Stage
from nnunet_taichi.trainers import model_record, nnUNetTrainerTaichi
from nnunet_taichi.trainers.model_record import CONFIG_KEY, REGIONS_KEY, configuration_in, record

OLD = Path(__file__).parent / "model_0_1_0"
OLD_TRAINER = trainers.nnUNetTrainerTaichi_8epochs_2iterations_seed1
OLDER = replace(PUBLISHED, warmup_fraction=0.5, head="conv")  # as if these had been the defaults of 0.1.0


@pytest.fixture
def old_model(dataset: Path, host_folders: Path) -> Path:
    """The old model in its place."""
    folder = host_folders / "nnUNet_results" / dataset.name / f"{OLD_TRAINER.__name__}__nnUNetPlans__2d"
    return Path(shutil.copytree(OLD, folder, ignore=shutil.ignore_patterns("*.npy")))


def load(folder: Path, checkpoint: str) -> TaiChiNet:
    """Load a model for prediction as nnU-Net does."""
    predictor = nnUNetPredictor(device=torch.device("cpu"), perform_everything_on_device=False)
    predictor.initialize_from_trained_model_folder(str(folder), (0,), checkpoint)
    network: Any = predictor.network
    network.load_state_dict(predictor.list_of_parameters[0])
    network.cpu_bf16 = False
    return network.eval()


class TestVersion010:
    def test_predicts_as_it_did(self, old_model: Path) -> None:
        image = torch.randn(1, 1, 32, 32, generator=torch.Generator().manual_seed(0))
        with torch.no_grad():
            logits = load(old_model, "checkpoint_latest.pth")(image).numpy()
        assert np.allclose(logits, np.load(OLD / "logits.npy"), atol=1e-5)  # processors differ in the last bits

    def test_goes_on_in_its_stage(self, old_model: Path, start_trainer: Any) -> None:
        trainer = start_trainer(OLD_TRAINER, goes_on=True)
        then = json.loads((OLD / "fold_0" / "taichi_config.json").read_text())
        assert {name: getattr(trainer.config, name) for name in then} == then
        assert trainer.config.miner_width == 1
        trainer.load_checkpoint(str(old_model / "fold_0" / "checkpoint_latest.pth"))
        stages = []
        begin = trainer.on_train_epoch_start

        def note() -> None:
            begin()
            stages.append((trainer.current_epoch, trainer.loss.stage))

        trainer.on_train_epoch_start = note
        trainer.run_training()
        assert stages == [(1, Stage.EASY), *((epoch, Stage.HARD) for epoch in range(2, 8))]

    def test_has_its_own_defaults(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Of the fields that its class did not choose."""
        monkeypatch.setattr(model_record, "PUBLISHED", OLDER)
        plans, chosen = {REGIONS_KEY: False}, replace(TaiChiConfig(), attention=False)
        assert configuration_in(plans, TaiChiConfig()) == OLDER
        assert configuration_in(plans, chosen) == replace(OLDER, attention=False)
        assert configuration_in(plans, chosen, is_frozen=True) == chosen
        assert configuration_in({}, TaiChiConfig()) == TaiChiConfig()  # plans of no model yet


class TestRecord:
    def test_comes_back(self) -> None:
        config = replace(TaiChiConfig(), fused_weight=0.5, attention=False, max_lost_epochs=3)
        plans = json.loads(json.dumps({REGIONS_KEY: False, CONFIG_KEY: record(config)}))
        assert configuration_in(plans, TaiChiConfig()) == replace(config, max_lost_epochs=10)

    def test_younger_fields_change_nothing(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(model_record, "PUBLISHED", OLDER)
        kept = record(TaiChiConfig())
        del kept["head"]
        assert configuration_in({CONFIG_KEY: kept}, TaiChiConfig()) == replace(TaiChiConfig(), head="conv")

    def test_unknown_fields_are_refused(self) -> None:
        with pytest.raises(ValueError, match=r"plans\.json has telepathy under"):
            configuration_in({CONFIG_KEY: {"telepathy": True}}, TaiChiConfig())

    def test_outlives_a_change_of_the_class(
        self, dataset: Path, start_trainer: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A new default comes between two commands: validation and prediction, and a further fold, take no notice."""
        before = replace(TaiChiConfig(), attention=False, easy_to_hard=False)
        monkeypatch.setattr(nnUNetTrainerTaichi, "config", before)
        name = "nnUNetTrainerTaichi_1epochs_1iterations"
        trainer = start_trainer(getattr(trainers, name))
        trainer.run_training()
        monkeypatch.setattr(nnUNetTrainerTaichi, "config", TaiChiConfig())
        assert load(Path(trainer.output_folder_base), "checkpoint_final.pth").attention is None
        for fold in (0, 1):
            later = start_trainer(getattr(trainers, name), fold)
            if fold == 0:  # --val
                later.load_checkpoint(str(Path(trainer.output_folder) / "checkpoint_final.pth"))
            else:
                later.initialize()
            assert later.config == before
            assert later.network.attention is None
            message = "differs now: attention False (class: True), easy_to_hard False (class: True)"
            assert message in Path(later.log_file).read_text()

    def test_is_the_classes_for_a_new_start(
        self, dataset: Path, start_trainer: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Of the only fold of a model."""
        monkeypatch.setattr(nnUNetTrainerTaichi, "config", replace(TaiChiConfig(), easy_to_hard=False))
        trainer_class = trainers.nnUNetTrainerTaichi_1epochs_1iterations
        start_trainer(trainer_class).run_training()
        monkeypatch.setattr(nnUNetTrainerTaichi, "config", TaiChiConfig())
        assert start_trainer(trainer_class).config == TaiChiConfig()

    def test_is_the_classes_for_a_new_model(self, dataset: Path, start_trainer: Any) -> None:
        """Plans may come from a model of another trainer."""
        file = dataset / "nnUNetPlans.json"
        foreign = record(replace(TaiChiConfig(), attention=False))
        file.write_text(json.dumps(json.loads(file.read_text()) | {CONFIG_KEY: foreign, REGIONS_KEY: True}))
        trainer = start_trainer(nnUNetTrainerTaichi)
        assert trainer.plans_manager.plans[CONFIG_KEY] == record(TaiChiConfig())
        trainer.initialize()
        assert trainer.network.attention is not None


def test_published_never_changes() -> None:
    """New fields join here with the value that changes nothing."""
    assert asdict(PUBLISHED) == {
        "lesion_path_only": False,
        "mutual_learning": "complementary",
        "attention": True,
        "attention_scale": "none",
        "attention_gate": False,
        "attention_values": "shared",
        "head": "mlp",
        "head_input": "logits",
        "head_order": "negative_first",
        "head_expansion": 2,
        "head_logit_channels": 64,
        "prediction": "fused",
        "lesion_share": 0.5,
        "complementary_loss": True,
        "complementary_weight": 1.0,
        "complementary_learner": "both",
        "background_dice": "background",
        "fused_weight": 0.0,
        "dice_smooth": 1e-5,
        "deep_supervision": True,
        "easy_to_hard": True,
        "difficulty_terms": "masked",
        "difficulty_weight": 1.0,
        "warmup_fraction": 0.25,
        "miner_width": 0.25,
        "miner_fraction": 0.3,
        "near_empty": 0.01,
        "cpu_bf16": True,
        "max_lost_epochs": 10,
        "imagenet_weights": None,
    }
