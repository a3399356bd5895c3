"""The networks to compare with, as trainers."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import timm
import torch
from contract import TrainerContract
from nnunetv2.training.loss.compound_losses import DC_and_CE_loss
from nnunetv2.training.nnUNetTrainer.nnUNetTrainer import nnUNetTrainer
from tiny_plans import LABELS, make_dataset_json, make_plans

from nnunet_taichi import trainers
from nnunet_taichi.trainers.comparison import ComparisonTrainer
from nnunet_taichi.trainers.durable import DurableTrainer

NETWORKS = {
    name: trainer for name in trainers.__all__ if issubclass(trainer := getattr(trainers, name), ComparisonTrainer)
}
ONE_LABEL = make_dataset_json(LABELS["one label"])


def make_2d_plans() -> dict[str, Any]:
    return make_plans(2, patch=32)


class TestUNet(TrainerContract):
    trainer_name = "nnUNetTrainerUNet"


class TestAttentionUNet(TrainerContract):
    trainer_name = "nnUNetTrainerAttentionUNet"


class AsPublished(TrainerContract):
    """What the plan says of its U-Net does not matter to these, but they are 2D."""

    @pytest.fixture
    def dim(self) -> int:
        return 2

    @pytest.fixture
    def plans(self, dim: int) -> dict[str, Any]:
        return make_2d_plans()

    def test_3d_plan(self, make_trainer: Any) -> None:
        trainer = make_trainer(self.trainer_class, make_plans(3, patch=16), ONE_LABEL)
        with pytest.raises(ValueError, match=f"{self.trainer_name} is a 2D network as published: train .* 2d"):
            trainer.initialize()


class TestDeepLabV3(AsPublished):
    trainer_name = "nnUNetTrainerDeepLabV3"


class TestCENet(AsPublished):
    trainer_name = "nnUNetTrainerCENet"


class TestFATNet(AsPublished):
    trainer_name = "nnUNetTrainerFATNet"


class TestRFNet(AsPublished):
    trainer_name = "nnUNetTrainerRFNet"


class TestAAUNet(AsPublished):
    trainer_name = "nnUNetTrainerAAUNet"


def test_all_of_the_issue_are_there() -> None:
    names = {"UNet", "UNetPlusPlus", "AttentionUNet", "DeepLabV3", "CENet", "FATNet", "RFNet", "AAUNet"}
    assert set(NETWORKS) == {f"nnUNetTrainer{name}" for name in names}


@pytest.mark.parametrize("name", [name for name in NETWORKS if not NETWORKS[name].several_outputs])
def test_loop_and_loss_are_the_hosts(make_trainer: Any, name: str) -> None:
    trainer = make_trainer(NETWORKS[name], make_2d_plans(), ONE_LABEL)
    trainer.initialize()
    stock = make_trainer(nnUNetTrainer, make_2d_plans(), ONE_LABEL)
    stock.initialize()
    assert type(trainer.loss) is DC_and_CE_loss
    assert repr(trainer.loss) == repr(stock.loss.loss)
    assert type(trainer.optimizer) is type(stock.optimizer)
    assert trainer.optimizer.defaults == stock.optimizer.defaults
    for method in ("validation_step", "run_training", "get_dataloaders", "get_training_transforms"):
        assert getattr(NETWORKS[name], method) is getattr(nnUNetTrainer, method)
    assert NETWORKS[name].train_step is DurableTrainer.train_step  # nnU-Net's own, measured


class TestImageNetWeights:
    @pytest.fixture
    def configured(self, tmp_path: Path, make_trainer: Any) -> Any:
        def make(network: str) -> nnUNetTrainer:
            base = NETWORKS[network]
            variant = type(base.__name__, (base,), {"config": replace(base.config, imagenet_weights=str(tmp_path))})
            return make_trainer(variant, make_2d_plans(), ONE_LABEL)

        return make

    @pytest.mark.parametrize(
        ("network", "encoders"),
        [
            ("nnUNetTrainerDeepLabV3", ["resnet50"]),
            ("nnUNetTrainerCENet", ["resnet34"]),
            ("nnUNetTrainerFATNet", ["resnet34", "deit_tiny_patch16_224"]),
            ("nnUNetTrainerRFNet", ["resnet34"]),
        ],
    )
    def test_from_files(self, configured: Any, tmp_path: Path, network: str, encoders: list[str]) -> None:
        """The grey image's first layer is the sum over the colours; the rest is as in the file."""
        files = {}
        for name in encoders:
            files[name] = timm.create_model(name, pretrained=False).state_dict()
            torch.save(files[name], tmp_path / f"{name}.pth")
        trainer = configured(network)
        trainer.initialize()
        loaded = trainer.network.imagenet_encoders
        assert list(loaded) == encoders
        for name, encoder in loaded.items():
            for key, value in encoder.state_dict().items():
                saved = files[name][key]
                expected = (
                    saved.sum(1, keepdim=True) if value.ndim == 4 and value.shape[1] == 1 != saved.shape[1] else saved
                )
                torch.testing.assert_close(value, expected, msg=f"{name}: {key}")
        assert f"ImageNet weights: {tmp_path}" in Path(trainer.log_file).read_text()

    def test_missing_file(self, configured: Any, tmp_path: Path) -> None:
        """It stops a training; to validate what is trained, nothing is missing."""
        trainer = configured("nnUNetTrainerCENet")
        trainer.initialize()
        assert "ImageNet weights: not found" in Path(trainer.log_file).read_text()
        with pytest.raises(
            FileNotFoundError, match=r"no weights of resnet34: expected resnet34.safetensors or \.pth in"
        ):
            trainer.prepare()
        trainer.current_epoch = 1
        trainer.prepare()

    @pytest.mark.parametrize(
        ("ending", "content"),
        [("pth", "resnet18"), ("pth", "no weights"), ("pth", {"weights": 1}), ("safetensors", "no weights")],
    )
    def test_file_of_something_else(self, configured: Any, tmp_path: Path, ending: str, content: Any) -> None:
        """What the file lacks would stay random, unseen."""
        file = tmp_path / f"resnet34.{ending}"
        if content == "no weights":
            file.write_text(content)
        else:
            torch.save(timm.create_model(content).state_dict() if content == "resnet18" else content, file)
        with pytest.raises(ValueError, match=rf"resnet34\.{ending} does not hold the weights of resnet34"):
            configured("nnUNetTrainerCENet").initialize()

    def test_network_without_such_an_encoder(self, configured: Any) -> None:
        with pytest.raises(ValueError, match="no encoder that was trained on ImageNet"):
            configured("nnUNetTrainerAAUNet").initialize()

    def test_random_weights_are_said_to_be(self, make_trainer: Any) -> None:
        trainer = make_trainer(trainers.nnUNetTrainerCENet, make_2d_plans(), ONE_LABEL)
        trainer.initialize()
        assert "ImageNet weights: not used" in Path(trainer.log_file).read_text()


def test_configuration_is_on_record(dataset: Path, start_trainer: Any) -> None:
    trainer = start_trainer(trainers.nnUNetTrainerUNet_1epochs_1iterations)
    trainer.run_training()
    recorded = json.loads((Path(trainer.output_folder) / "taichi_config.json").read_text())
    network = "nnunet_taichi.architectures.unet.UNet"
    assert recorded == {"network": network, "cpu_bf16": True, "max_lost_epochs": 10, "imagenet_weights": None}
    assert f"Configuration of {type(trainer).__name__}: {recorded}" in Path(trainer.log_file).read_text()
