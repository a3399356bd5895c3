"""The paper's protocol in front of any trainer."""

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from contract import TrainerContract
from tiny_dataset import SPLITS
from tiny_plans import LABELS, make_dataset_json, make_plans

from nnunet_taichi import trainers
from nnunet_taichi.config import PAPER
from nnunet_taichi.trainers.mining import find_miner
from nnunet_taichi.trainers.paper_augmentation import RotateAndShear, paper_transforms

ONE_LABEL = make_dataset_json(LABELS["one label"])


class TwoDimensional(TrainerContract):
    """Not on residual U-Nets, whose branches the host starts at zero and Adam without decay leaves there for a step."""

    @pytest.fixture
    def dim(self) -> int:
        return 2

    @pytest.fixture(params=["PlainConvUNet", "nnunet_taichi.architectures.unet.PaperUNet"], ids=["plain", "paper"])
    def plans(self, request: pytest.FixtureRequest, dim: int) -> dict[str, Any]:
        return make_plans(dim, request.param, patch=32)


class TestStock(TwoDimensional):
    trainer_name = "nnUNetTrainer_Paper"

    def test_train_step_reaches_every_parameter(self, trainer: Any) -> None:
        """The host builds the coarser scales' outputs even where it does not use them: these are frozen."""
        trainer.on_train_epoch_start()
        trainer.train_step(self.make_batch(trainer, training=True))
        without = [name for name, p in trainer.network.named_parameters() if p.grad is None]
        assert set(without) == {f"decoder.seg_layers.0.{kind}" for kind in ("weight", "bias")}
        assert not any(trainer.network.get_parameter(name).requires_grad for name in without)


class TestTaichi(TwoDimensional):
    trainer_name = "nnUNetTrainerTaichi_Paper"
    target_channels = 2


class TestModel1(TwoDimensional):
    trainer_name = "nnUNetTrainerTaichi_Model1_Paper"


class TestUNetPlusPlus(TwoDimensional):
    trainer_name = "nnUNetTrainerUNetPlusPlus_Paper"


class TestNames:
    @pytest.mark.parametrize(
        "name",
        [
            "nnUNetTrainerTaichi_Paper_Model1",
            "nnUNetTrainerTaichi_2epochs_Paper",
            "nnUNetTrainerTaichi_Paper_Paper",
            "nnUNetTrainerTaichi_paper",
            "nnUNetTrainerNobody_Paper",
            "_Paper",
        ],
    )
    def test_one_canonical_order(self, name: str) -> None:
        with pytest.raises(AttributeError):
            getattr(trainers, name)

    def test_made_once(self) -> None:
        assert trainers.nnUNetTrainerTaichi_Paper is trainers.nnUNetTrainerTaichi_Paper
        assert issubclass(trainers.nnUNetTrainerTaichi_Model3_Paper, trainers.nnUNetTrainerTaichi_Model3)


def make(make_trainer: Any, name: str, plans: dict[str, Any] | None = None) -> Any:
    trainer = make_trainer(getattr(trainers, name), plans or make_plans(2), ONE_LABEL)
    trainer.initialize()
    return trainer


@pytest.mark.parametrize("base", ["nnUNetTrainer", "nnUNetTrainerTaichi", "nnUNetTrainerUNet"])
def test_adam_at_a_constant_rate_for_40_epochs(make_trainer: Any, base: str) -> None:
    trainer = make(make_trainer, f"{base}_Paper")
    assert trainer.num_epochs == 40
    assert type(trainer.optimizer) is torch.optim.Adam
    assert trainer.optimizer.defaults["weight_decay"] == 0
    for epoch in (0, 20, 39):
        trainer.lr_scheduler.step(epoch)
        assert trainer.optimizer.param_groups[0]["lr"] == 1e-4


def test_no_deep_supervision(make_trainer: Any) -> None:
    assert make(make_trainer, "nnUNetTrainer_Paper")._get_deep_supervision_scales() is None
    taichi = make(make_trainer, "nnUNetTrainerTaichi_Paper")
    assert len(taichi._get_deep_supervision_scales()) == 1
    assert len(taichi.network(torch.rand(2, 1, 32, 32))) == 2  # the fused logits, and one pair


def test_difficulty_terms_are_literal_and_the_variant_stays() -> None:
    assert trainers.nnUNetTrainerTaichi_Paper.config.difficulty_terms == "literal"
    config = trainers.nnUNetTrainerTaichi_Model6_Paper.config
    assert (config.head, config.easy_to_hard) == ("none", False)


def test_an_epoch_is_one_pass_unless_the_name_says_otherwise(dataset: Path, start_trainer: Any) -> None:
    """8 training and 4 validation cases in batches of 2."""
    assert (len(SPLITS[0]["train"]), len(SPLITS[0]["val"])) == (8, 4)
    trainer = start_trainer(trainers.nnUNetTrainerUNet_Paper_1epochs)
    trainer.run_training()
    assert (trainer.num_iterations_per_epoch, trainer.num_val_iterations_per_epoch) == (4, 2)
    trainer = start_trainer(trainers.nnUNetTrainerUNet_Paper_1epochs_3iterations)
    trainer.run_training()
    assert (trainer.num_iterations_per_epoch, trainer.num_val_iterations_per_epoch) == (3, 1)


@pytest.mark.parametrize("planner", ["nnUNetPlannerTaichiPaper", "ExperimentPlanner"])
def test_other_plans_are_warned_of(dataset: Path, start_trainer: Any, planner: str) -> None:
    file = dataset / "nnUNetPlans.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"experiment_planner_used": planner}))
    trainer = start_trainer(trainers.nnUNetTrainerUNet_Paper_1epochs_1iterations)
    trainer.on_train_start()
    warned = "WARNING: nnUNetPlans are not the paper's" in Path(trainer.log_file).read_text()
    assert warned == (planner == "ExperimentPlanner")


def test_miner_follows_the_protocol(make_trainer: Any) -> None:
    plans = make_plans(2, features=(4, 4, 4))
    trainer = make_trainer(trainers.nnUNetTrainerTaichi_Paper_seed3, plans, ONE_LABEL)
    miner = find_miner(type(trainer), trainer.config, trainer.num_epochs)
    assert miner.__name__ == "nnUNetTrainerUNetPlusPlus_Paper_20epochs_seed3"  # the full network, as ever
    assert miner is getattr(trainers, miner.__name__)


def test_3d_is_refused(make_trainer: Any) -> None:
    with pytest.raises(ValueError, match=r"one of 2D images: train 2d, not 3d_fullres"):
        make_trainer(trainers.nnUNetTrainer_Paper, make_plans(3, patch=16), ONE_LABEL)


class TestAugmentation:
    def test_whole_images_unmirrored(self, make_trainer: Any) -> None:
        trainer = make(make_trainer, "nnUNetTrainerTaichi_Paper")
        _, dummy, initial, mirror = trainer.configure_rotation_dummyDA_mirroring_and_inital_patch_size()
        assert (dummy, list(initial), mirror) == (False, [32, 32], None)
        assert trainer.inference_allowed_mirroring_axes is None

    @pytest.mark.parametrize("scheme", ["one label", "three regions"])
    def test_takes_the_place_of_the_hosts_and_leaves_the_rest(self, make_trainer: Any, scheme: str) -> None:
        trainer = make_trainer(trainers.nnUNetTrainerTaichi_Paper, make_plans(2), make_dataset_json(LABELS[scheme]))
        regions = trainer.label_manager.foreground_regions if "regions" in scheme else None
        pipeline = trainer.get_training_transforms([32, 32], 0, [[1, 1]], None, False, regions=regions)
        kinds = [type(transform).__name__ for transform in pipeline.transforms]
        tail = ["ConvertSegmentationKeepDifficulty"] if regions else []
        augmentations = ["RandomTransform", "RotateAndShear", "RandomTransform"]
        assert kinds == [*augmentations, "RemoveLabelTransform", *tail, "DownsampleSegForDSTransform"]

    def test_drawn_within_the_papers_ranges(self) -> None:
        np.random.seed(0)
        drawn = [RotateAndShear().get_parameters() for _ in range(2000)]
        angles = np.array([d["angle"] for d in drawn])
        slopes = np.tan(np.radians([d["shear"] for d in drawn])) + 1
        for values, low, high, still in ((angles, -10, 10, 0), (slopes, 0.6, 1.3, 1)):
            assert low <= values.min() < low + 0.05 * (high - low)
            assert high - 0.05 * (high - low) < values.max() <= high
            assert np.mean(np.isclose(values, still)) == pytest.approx(1 - PAPER.probability, abs=0.05)

    def test_image_and_segmentation_move_together(self) -> None:
        """A bar in both, turned by 90 degrees and sheared by 45: a point (x, y) of a shear moves by x' = x + y."""
        bar = torch.zeros(1, 65, 65)
        bar[:, 30:35, 12:53] = 1
        transform = RotateAndShear()
        upright = transform._apply_to_image(bar, angle=90.0, shear=0.0)
        assert upright[0, 12:53, 30:35].mean() > 0.95
        assert upright.sum().item() == pytest.approx(bar.sum().item(), rel=0.05)
        sheared = transform._apply_to_image(upright, angle=0.0, shear=45.0)
        rows, columns = np.nonzero(sheared[0].numpy() > 0.5)
        slope = np.polyfit(rows - 32, columns - 32, 1)[0]
        assert abs(slope) == pytest.approx(math.tan(math.radians(45)), abs=0.05)
        segmentation = (upright > 0.5).to(torch.int16)
        moved = transform._apply_to_segmentation(segmentation, angle=0.0, shear=45.0)
        assert moved.dtype == torch.int16
        inside = moved >= 0  # beyond the image lies -1
        assert (moved == -1).any()
        agreement = ((moved == 1) == (sheared > 0.5))[inside].float().mean()
        assert agreement > 0.98

    @pytest.mark.parametrize("patch", [(32, 32), (32, 48)])
    def test_size_and_intensities_stay(self, patch: tuple[int, int]) -> None:
        for seed in range(20):
            np.random.seed(seed)
            torch.manual_seed(seed)
            data = {"image": torch.rand(1, *patch), "segmentation": torch.ones(1, *patch, dtype=torch.int16)}
            for transform in paper_transforms(patch):
                data = transform(**data)
            assert data["image"].shape == data["segmentation"].shape == (1, *patch)
            assert data["image"].min() >= 0
            assert data["image"].max() <= 1
            assert set(data["segmentation"].unique().tolist()) <= {-1, 1}
