"""`_Ultrasound` and `_AdamW` in front of any trainer."""

import math
from typing import Any

import pytest
import torch
from batchgeneratorsv2.transforms.spatial.mirroring import MirrorTransform
from batchgeneratorsv2.transforms.utils.random import RandomTransform
from contract import TrainerContract
from tiny_plans import LABELS, make_dataset_json, make_plans

from nnunet_taichi import trainers
from nnunet_taichi.trainers.ultrasound import Speckle

ONE_LABEL = make_dataset_json(LABELS["one label"])


class TestStock(TrainerContract):
    trainer_name = "nnUNetTrainer_Ultrasound_AdamW"
    test_train_step_reaches_every_parameter = None  # nnU-Net's loss leaves the coarsest output out

    @pytest.fixture
    def dim(self) -> int:
        return 2


class TestTaichi(TrainerContract):
    trainer_name = "nnUNetTrainerTaichi_Ultrasound_AdamW"
    target_channels = 2

    @pytest.fixture
    def dim(self) -> int:
        return 2


@pytest.mark.parametrize("name", ["nnUNetTrainer_Ultrasound", "nnUNetTrainerTaichi_Ultrasound"])
@pytest.mark.parametrize(("transpose", "axes"), [([0, 1, 2], (1,)), ([0, 2, 1], (0,)), ([2, 0, 1], ())])
def test_the_probe_stays_on_top(make_trainer: Any, name: str, transpose: list[int], axes: tuple[int, ...]) -> None:
    """Small rotations; mirrored along the reader's last axis alone, wherever the plans put it."""
    plans = make_plans(2) | {"transpose_forward": transpose}
    trainer = make_trainer(getattr(trainers, name), plans, ONE_LABEL)
    rotation, _, patch_size, mirrored = trainer.configure_rotation_dummyDA_mirroring_and_inital_patch_size()
    assert rotation == (-math.radians(15), math.radians(15))
    assert mirrored == trainer.inference_allowed_mirroring_axes == axes
    scales = [[1.0, 1.0], [0.5, 0.5]]
    pipeline = trainer.get_training_transforms(patch_size, rotation, scales, mirrored, False).transforms
    assert [t.allowed_axes for t in pipeline if isinstance(t, MirrorTransform)] == [axes] * bool(axes)
    assert [isinstance(t, RandomTransform) and isinstance(t.transform, Speckle) for t in pipeline].index(True) == 1


def test_speckle_multiplies_from_the_darkest_value() -> None:
    torch.manual_seed(0)
    image = torch.cat((torch.zeros(1, 64, 32), torch.full((1, 64, 32), 4.0)), 2) - 1  # half black, half bright
    speckled = Speckle()(image=image)["image"]
    assert torch.equal(speckled[..., :32], image[..., :32])
    bright = speckled[..., 32:]
    assert 0 < bright.std() < 4 * 0.3
    assert abs(bright.mean() - 3) < 0.2
    neighbours = torch.corrcoef(torch.stack((bright[0, :, 1:].flatten(), bright[0, :, :-1].flatten())))[0, 1]
    assert neighbours > 0.3  # a grain, no salt


def test_3d_is_refused(make_trainer: Any) -> None:
    trainer = make_trainer(trainers.nnUNetTrainer_Ultrasound, make_plans(3), ONE_LABEL)
    with pytest.raises(ValueError, match="_Ultrasound is for 2D images: train 2d, not 3d_fullres"):
        trainer.configure_rotation_dummyDA_mirroring_and_inital_patch_size()


@pytest.mark.parametrize("base", ["nnUNetTrainer", "nnUNetTrainerTaichi", "nnUNetTrainerUNet"])
def test_adamw_on_the_schedule_of_nnunet(make_trainer: Any, base: str) -> None:
    trainer = make_trainer(getattr(trainers, f"{base}_AdamW_10epochs"), make_plans(2), ONE_LABEL)
    trainer.initialize()
    assert type(trainer.optimizer) is torch.optim.AdamW
    rates = []
    for epoch in range(10):
        trainer.lr_scheduler.step(epoch)
        rates.append(trainer.optimizer.param_groups[0]["lr"])
    assert rates == pytest.approx([1e-3 * (1 - epoch / 10) ** 0.9 for epoch in range(10)])


@pytest.mark.parametrize(
    "name",
    ["nnUNetTrainer_AdamW_Ultrasound", "nnUNetTrainer_Paper_AdamW", "nnUNetTrainer_Paper_Ultrasound", "_AdamW"],
)
def test_one_canonical_order(name: str) -> None:
    with pytest.raises(AttributeError):
        getattr(trainers, name)
