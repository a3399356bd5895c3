"""What nnU-Net expects of any trainer; a trainer's own test file names the trainer and inherits it all."""

from typing import Any

import pytest
import torch
from nnunetv2.training.nnUNetTrainer.nnUNetTrainer import nnUNetTrainer
from nnunetv2.utilities.plans_handling.plans_handler import PlansManager
from tiny_plans import LABELS, configuration_name, make_dataset_json, make_plans
from torch import Tensor, nn

from nnunet_taichi import trainers


class TrainerContract:
    """Inherit it and name the trainer.

    Attributes:
        trainer_name: the name by which nnU-Net looks it up.
        target_channels: of the segmentation before augmentation in training: more than one if targets ride along.
    """

    trainer_name: str
    target_channels = 1

    @property
    def trainer_class(self) -> type[nnUNetTrainer]:
        return getattr(trainers, self.trainer_name)

    @pytest.fixture(params=[2, 3], ids=["2d", "3d"])
    def dim(self, request: pytest.FixtureRequest) -> int:
        return request.param

    @pytest.fixture(params=["PlainConvUNet", "ResidualEncoderUNet"])
    def plans(self, request: pytest.FixtureRequest, dim: int) -> dict[str, Any]:
        return make_plans(dim, request.param, patch=32 if dim == 2 else 16)

    @pytest.fixture(params=LABELS)
    def dataset_json(self, request: pytest.FixtureRequest) -> dict[str, Any]:
        return make_dataset_json(LABELS[request.param])

    @pytest.fixture
    def trainer(self, make_trainer: Any, plans: dict[str, Any], dataset_json: dict[str, Any]) -> nnUNetTrainer:
        trainer = make_trainer(self.trainer_class, plans, dataset_json)
        trainer.initialize()
        trainer.set_deep_supervision_enabled(trainer.enable_deep_supervision)
        return trainer

    def test_builds_from_the_class(self, plans: dict[str, Any], dim: int) -> None:
        plans_manager = PlansManager(plans)
        configuration = plans_manager.get_configuration(configuration_name(dim))
        image = torch.rand(2, 1, *configuration.patch_size)
        for heads in (2, 4):
            network = self.trainer_class.build_network_architecture(plans_manager, configuration, 1, heads, False)
            assert network.eval()(image).shape == (2, heads, *configuration.patch_size)

    def test_train_step_reaches_every_parameter(self, trainer: nnUNetTrainer) -> None:
        before = {name: p.detach().clone() for name, p in trainer.network.named_parameters()}
        trainer.on_train_epoch_start()
        loss = trainer.train_step(self.make_batch(trainer, training=True))["loss"]
        assert loss > 0
        for name, parameter in trainer.network.named_parameters():
            assert parameter.grad is not None, f"No gradient for {name}"
            assert parameter.grad.isfinite().all(), f"No finite gradient for {name}"
        weights = [name for name, p in trainer.network.named_parameters() if p.ndim > 1]
        still = [name for name in weights if torch.equal(before[name], trainer.network.get_parameter(name))]
        assert not still

    def test_validation_step(self, trainer: nnUNetTrainer) -> None:
        trainer.on_validation_epoch_start()
        with torch.no_grad():
            result = trainer.validation_step(self.make_batch(trainer, training=False))
        assert result["loss"] > 0
        labels = trainer.label_manager
        assert result["tp_hard"].shape == (labels.num_segmentation_heads - (not labels.has_regions),)

    def test_prediction_network_takes_the_weights_strictly(self, trainer: nnUNetTrainer) -> None:
        heads = trainer.label_manager.num_segmentation_heads
        patch = trainer.configuration_manager.patch_size
        network: nn.Module = type(trainer).build_network_architecture(
            trainer.plans_manager, trainer.configuration_manager, 1, heads, enable_deep_supervision=False
        )
        network.load_state_dict(trainer.network.state_dict(), strict=True)
        image = torch.rand(2, 1, *patch)
        trainer.set_deep_supervision_enabled(False)
        with torch.no_grad():
            output, expected = network.eval()(image), trainer.network.eval()(image)
        assert output.shape == (2, heads, *patch)
        assert output.dtype == torch.float32
        torch.testing.assert_close(output, expected)

    def make_batch(self, trainer: nnUNetTrainer, training: bool) -> dict[str, Any]:
        """Make two cases as the data loader does: random, through the trainer's own transforms."""
        transforms = self._make_transforms(trainer, training)
        patch = trainer.configuration_manager.patch_size
        channels = self.target_channels if training else 1
        num_labels = len(trainer.label_manager.all_labels)  # from 0, without gaps
        segmentation = torch.randint(0, num_labels, (2, channels, *patch), dtype=torch.int16)
        cases = [transforms(image=torch.rand(1, *patch), segmentation=case) for case in segmentation]
        targets = [case["segmentation"] for case in cases]
        return {"data": torch.stack([case["image"] for case in cases]), "target": collate(targets)}

    def _make_transforms(self, trainer: nnUNetTrainer, training: bool) -> Any:
        labels = trainer.label_manager
        regions = labels.foreground_regions if labels.has_regions else None
        scales = trainer._get_deep_supervision_scales()
        if not training:
            return trainer.get_validation_transforms(scales, regions=regions)
        rotation, dummy_2d, _, mirror_axes = trainer.configure_rotation_dummyDA_mirroring_and_inital_patch_size()
        patch = trainer.configuration_manager.patch_size
        return trainer.get_training_transforms(patch, rotation, scales, mirror_axes, dummy_2d, regions=regions)


def collate(targets: list[Tensor] | list[list[Tensor]]) -> Tensor | list[Tensor]:
    """Stack the targets of the cases, scale by scale where there are scales."""
    if isinstance(targets[0], Tensor):
        return torch.stack(targets)
    return [torch.stack(scale) for scale in zip(*targets, strict=True)]
