"""nnUNetTrainerTaichi: the trainer of TaiChiNet in stock nnU-Net."""

from typing import Any

import torch
from batchgeneratorsv2.transforms.base.basic_transform import BasicTransform
from batchgeneratorsv2.transforms.utils.deep_supervision_downsampling import DownsampleSegForDSTransform
from nnunetv2.training.dataloading.nnunet_dataset import nnUNetBaseDataset
from nnunetv2.training.nnUNetTrainer.nnUNetTrainer import nnUNetTrainer
from nnunetv2.utilities.get_network_from_plans import get_network_from_plans
from nnunetv2.utilities.plans_handling.plans_handler import ConfigurationManager, PlansManager
from torch import nn

from nnunet_taichi.architectures import TAICHINET
from nnunet_taichi.curriculum import stage, warmup_epochs
from nnunet_taichi.difficulty.coding import check_heads
from nnunet_taichi.difficulty.transforms import ConvertSegmentationKeepDifficulty
from nnunet_taichi.losses.taichi_loss import TERMS, TaiChiLoss
from nnunet_taichi.nnunet.curve_table import CURVE_COLUMNS
from nnunet_taichi.trainers.curves import sum_over_ranks
from nnunet_taichi.trainers.durable import DurableTrainer
from nnunet_taichi.trainers.mining import Mining, begun_with
from nnunet_taichi.trainers.model_record import (
    CONFIG_KEY,
    REGIONS_KEY,
    configuration_in,
    configuration_of_model,
    record,
)


class nnUNetTrainerTaichi(DurableTrainer):
    """Train TaiChiNet around the U-Net of any plan, from easy to hard.

    Raises:
        NotImplementedError: The configuration is the second stage of a cascade, which needs the channel that carries
            the difficulty; or training is from easy to hard, with more than nine classes or regions.
    """

    is_frozen = False  # whether the class's configuration has been the same in all versions
    difficulty_folder: str | None = None  # nnU-Net copies it into debug.json, where `explain` reads it
    curve_columns = (*CURVE_COLUMNS, *(f"loss_{term}" for term in TERMS))

    def __init__(
        self,
        plans: dict,
        configuration: str,
        fold: int,
        dataset_json: dict,
        device: torch.device = torch.device("cuda"),  # noqa: B008
    ) -> None:
        if PlansManager(plans).get_configuration(configuration).previous_stage_name is not None:
            raise NotImplementedError(
                f"{configuration} is the second stage of a cascade. There the previous segmentation comes in by the "
                "channel that carries the difficulty maps. Train 2d, 3d_lowres or 3d_fullres instead."
            )
        super().__init__(plans, configuration, fold, dataset_json, device)
        self._take_configuration(goes_on=self.logger.resume)
        if self.config.easy_to_hard:
            check_heads(self._num_heads())

    def _take_configuration(self, goes_on: bool) -> None:
        """Take the class's configuration, or that of a model that was already begun, and record it in the plans.

        nnU-Net saves these plans. In prediction, `build_network_architecture` reads the configuration from them.
        """
        own = type(self).config
        config = configuration_of_model(self.output_folder, goes_on, own, self.is_frozen)
        self.config = begun_with(config, self.output_folder) if goes_on else config
        plans = self.plans_manager.plans
        plans |= {REGIONS_KEY: self.label_manager.has_regions, CONFIG_KEY: record(self.config)}
        kept = plans[CONFIG_KEY]
        if differing := [name for name, value in record(own).items() if kept[name] != value]:
            changes = ", ".join(f"{name} {kept[name]!r} (class: {getattr(own, name)!r})" for name in differing)
            self.print_to_log_file(
                f"This model keeps the configuration that it was begun with. The class differs now: {changes}. To "
                f"train with that of the class, move {self.output_folder_base} away."
            )

    def load_checkpoint(self, filename_or_checkpoint: dict | str) -> None:
        """Take the configuration that the weights were trained with; `--val` and `--c` load, a new start does not."""
        if not self.logger.resume:  # otherwise the constructor took it already
            self._take_configuration(goes_on=True)
        super().load_checkpoint(filename_or_checkpoint)

    @classmethod
    def build_network_architecture(
        cls,
        plans_manager: PlansManager,
        configuration_manager: ConfigurationManager,
        num_input_channels: int,
        num_output_channels: int,
        enable_deep_supervision: bool = True,
    ) -> nn.Module:
        """Build the class's variant of TaiChiNet around the plan's U-Net; nnU-Net calls this without an instance."""
        kwargs = dict(configuration_manager.network_arch_init_kwargs)
        if configuration_manager.network_arch_class_name != TAICHINET:
            kwargs["unet_class"] = configuration_manager.network_arch_class_name
        config = configuration_in(plans_manager.plans, cls.config, cls.is_frozen)
        kwargs.update(config=config, regions=plans_manager.plans.get(REGIONS_KEY, False), return_paths=True)
        return get_network_from_plans(
            TAICHINET,
            kwargs,
            configuration_manager.network_arch_init_kwargs_req_import,
            num_input_channels,
            num_output_channels,
            deep_supervision=enable_deep_supervision,
        )

    def _get_deep_supervision_scales(self) -> list[list[float]]:
        """Return the scales that have a loss: all but the coarsest, as in nnU-Net, or the finest alone."""
        scales = super()._get_deep_supervision_scales()
        return scales[: max(1, len(scales) - 1)] if self.config.deep_supervision else scales[:1]

    def _build_loss(self) -> nn.Module:
        """Build the paper's loss, since nnU-Net's loss is for one path."""
        if not self.enable_deep_supervision:
            raise ValueError(
                "enable_deep_supervision stays on: it brings the paths to the loss. Set "
                "`config = replace(config, deep_supervision=False)` in your trainer for a single scale."
            )
        loss = TaiChiLoss(
            self._num_heads(),
            self.label_manager.has_regions,
            self.label_manager.ignore_label,
            [0.5**i for i in range(len(self._get_deep_supervision_scales()))],
            self.configuration_manager.batch_dice,
            self.is_ddp,
            self.config,
        )
        if self._do_i_compile():  # as nnU-Net compiles its Dice loss
            loss.measure = torch.compile(loss.measure)  # type: ignore[method-assign]
        return loss

    def mine(self) -> str:
        """Train U-Net++ and write this fold's easy/hard maps, as far as they are missing, and return their folder."""
        return Mining(self).run()

    def prepare(self) -> None:
        """Make the difficulty maps, which nnU-Net does not have."""
        if self.config.easy_to_hard and self.current_epoch >= self.num_epochs:  # --c can also repeat a validation
            self.difficulty_folder = Mining(self).find()
        elif self.config.easy_to_hard:
            warmup = warmup_epochs(self.num_epochs, self.config)
            self.print_to_log_file(
                f"Stage 1 (easy): {warmup} epochs, stage 2 (hard): {self.num_epochs - warmup} epochs."
            )
            self.difficulty_folder = self.mine()

    def get_tr_and_val_datasets(self) -> tuple[nnUNetBaseDataset, nnUNetBaseDataset]:
        """Give the maps to the training data set alone, since validation cases have none."""
        dataset_tr, dataset_val = super().get_tr_and_val_datasets()
        if self.difficulty_folder is not None:
            dataset_tr.folder_with_segs_from_previous_stage = self.difficulty_folder
        return dataset_tr, dataset_val

    @staticmethod
    def get_training_transforms(  # nnU-Net passes the first five arguments by position
        patch_size: Any,
        rotation_for_DA: Any,  # noqa: N803
        deep_supervision_scales: list | None,
        mirror_axes: tuple[int, ...],
        do_dummy_2d_data_aug: bool,
        regions: list | None = None,
        ignore_label: int | None = None,
        **kwargs: Any,
    ) -> BasicTransform:
        """Return nnU-Net's transforms, but keep the difficulty channel, which its conversion to regions drops."""
        scales = deep_supervision_scales if regions is None else None
        pipeline = nnUNetTrainer.get_training_transforms(
            patch_size, rotation_for_DA, scales, mirror_axes, do_dummy_2d_data_aug, ignore_label=ignore_label, **kwargs
        )
        if regions is not None:
            heads = [*regions, ignore_label] if ignore_label is not None else list(regions)
            pipeline.transforms.append(ConvertSegmentationKeepDifficulty(heads))
            pipeline.transforms.append(DownsampleSegForDSTransform(deep_supervision_scales))
        return pipeline

    def on_train_epoch_start(self) -> None:
        """Tell the loss the stage, which depends only on the epoch."""
        super().on_train_epoch_start()
        self.loss.train()
        self.loss.sums.clear()
        self.loss.stage = stage(self.current_epoch, self.num_epochs, self.config)
        self.print_to_log_file(f"Stage: {self.loss.stage.name.lower()}")

    def on_validation_epoch_start(self) -> None:
        """Switch the loss to the two segmentation losses, so that epochs of different stages can be compared."""
        super().on_validation_epoch_start()
        self.loss.eval()

    def recall_epoch(self, epoch: int) -> dict[str, Any]:
        """Add the stage, which depends only on the epoch."""
        name = stage(epoch, self.num_epochs, self.config).name.lower()
        return {**super().recall_epoch(epoch), "stage": name}

    def measure_epoch(self) -> dict[str, Any]:
        """Add the means of the loss's terms, and the shares of easy and of hard pixels in the lesion pixels."""
        sums = sum_over_ranks({name: float(value) for name, value in self.loss.sums.items()})
        terms = {f"loss_{name}": sums[name] / sums["steps"] for name in TERMS if name in sums}
        lesion = sums.get("lesion_pixels")  # None without maps; 0 if all images were normal
        shares = {f"{name}_share": sums[f"{name}_pixels"] / lesion for name in ("easy", "hard") if lesion}
        return {**super().measure_epoch(), **shares, **terms}

    def _num_heads(self) -> int:
        """Return K, the number of foreground classes or regions."""
        return self.label_manager.num_segmentation_heads - (not self.label_manager.has_regions)
