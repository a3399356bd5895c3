"""The paper's training protocol (section V-B) for any trainer: `<Trainer>_Paper`."""

from dataclasses import replace
from functools import cache
from math import ceil
from typing import Any

import torch
from batchgeneratorsv2.transforms.base.basic_transform import BasicTransform
from batchgeneratorsv2.transforms.utils.remove_label import RemoveLabelTansform
from nnunetv2.training.lr_scheduler.polylr import PolyLRScheduler
from nnunetv2.training.nnUNetTrainer.nnUNetTrainer import nnUNetTrainer
from torch import nn

from nnunet_taichi.config import PAPER, PUBLISHED, TaiChiConfig
from nnunet_taichi.nnunet.predictor import unwrap
from nnunet_taichi.planning.paper import nnUNetPlannerTaichiPaper
from nnunet_taichi.trainers.durable import DurableTrainer
from nnunet_taichi.trainers.paper_augmentation import paper_transforms

SUFFIX = "_Paper"
_AS_PUBLISHED: dict[str, Any] = {  # as in the paper; it does not give the miner's epochs: half are used
    "deep_supervision": False,
    "difficulty_terms": "literal",
    "miner_width": 1.0,
    "miner_fraction": 0.5,
}


class PaperTraining(nnUNetTrainer):
    """Mixin in front of a trainer: Adam, the paper's augmentation, and 40 epochs of as many images as the fold has.

    The images of an epoch are drawn as nnU-Net draws them, with replacement. What the paper does not mention stays as
    in nnU-Net: clipped gradients, and losses other than TaiChi's.

    Raises:
        ValueError: The configuration is not 2D.
    """

    def __init__(  # nnU-Net reads the arguments by name, so there can be no others, and no *args
        self,
        plans: dict,
        configuration: str,
        fold: int,
        dataset_json: dict,
        device: torch.device = torch.device("cuda"),  # noqa: B008
    ) -> None:
        super().__init__(plans, configuration, fold, dataset_json, device)
        if len(self.configuration_manager.patch_size) != 2:
            raise ValueError(f"The paper's protocol is one of 2D images: train 2d, not {configuration}.")
        self.num_epochs, self.initial_lr, self.weight_decay = PAPER.epochs, PAPER.learning_rate, 0
        if self._is_stock:  # our own trainers set their outputs and checkpoints themselves
            self.enable_deep_supervision, self.save_every = False, 1

    @property
    def _is_stock(self) -> bool:
        return not isinstance(self, DurableTrainer)

    def configure_optimizers(self) -> tuple[torch.optim.Optimizer, Any]:
        """Return Adam and a schedule that keeps its learning rate constant."""
        if self._is_stock:  # coarser outputs have no loss; distributed training would wait for their gradients
            layers: Any = getattr(unwrap(self.network).decoder, "seg_layers", nn.ModuleList())  # TaiChiNet has its own
            layers[:-1].requires_grad_(False)
        optimizer = torch.optim.Adam((p for p in self.network.parameters() if p.requires_grad), self.initial_lr)
        return optimizer, PolyLRScheduler(optimizer, self.initial_lr, self.num_epochs, exponent=0)

    def on_train_start(self) -> None:
        """Set the length of an epoch, unless the trainer's name does. The constructor has no data to count yet."""
        if self.plans_manager.plans.get("experiment_planner_used") != nnUNetPlannerTaichiPaper.__name__:
            self.print_to_log_file(
                f"WARNING: {self.plans_manager.plans_name} are not the paper's: patch, batch, intensities or U-Net "
                "differ. Those are made by: nnunet_taichi plan --paper"
            )
        if getattr(self, "iterations", None) is None:
            batch_size = self.configuration_manager.batch_size
            self.num_iterations_per_epoch, self.num_val_iterations_per_epoch = (
                ceil(len(cases) / batch_size) for cases in self.do_split()
            )
        super().on_train_start()

    def configure_rotation_dummyDA_mirroring_and_inital_patch_size(self) -> tuple:  # noqa: N802
        """Use whole images, and do not mirror them in training or in prediction."""
        self.inference_allowed_mirroring_axes = None
        return (0.0, 0.0), False, self.configuration_manager.patch_size, None

    @classmethod
    def get_training_transforms(cls, patch_size: Any, *args: Any, **kwargs: Any) -> BasicTransform:
        """Replace nnU-Net's augmentation, which ends where it removes the label -1, by the paper's."""
        pipeline = super().get_training_transforms(patch_size, *args, **kwargs)
        kinds = [isinstance(transform, RemoveLabelTansform) for transform in pipeline.transforms]
        pipeline.transforms[: kinds.index(True)] = paper_transforms(patch_size)
        return pipeline


@cache
def make_paper_trainer(base: type[nnUNetTrainer]) -> type[Any]:
    """Make (once) the subclass of `base` that trains by the paper's protocol."""
    members: dict[str, Any] = {"__module__": __package__, "__doc__": f"{base.__name__} by the protocol of section V-B."}
    if issubclass(base, DurableTrainer):
        config = PUBLISHED if base.config == TaiChiConfig() else base.config  # variants derive from PUBLISHED anyway
        members |= {"config": replace(config, **_AS_PUBLISHED), "is_frozen": True}
    return type(base.__name__ + SUFFIX, (PaperTraining, base), members)
