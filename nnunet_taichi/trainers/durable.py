"""What all our trainers add to nnU-Net's: whole checkpoints, recorded constants and curves, advice on slow data."""

import json
import os
from dataclasses import asdict
from functools import cached_property
from typing import Any

import torch.distributed as dist
from batchgenerators.utilities.file_and_folder_operations import join
from nnunetv2.training.nnUNetTrainer.nnUNetTrainer import nnUNetTrainer

from nnunet_taichi.config import TaiChiConfig
from nnunet_taichi.nnunet.curve_table import CURVE_COLUMNS, CURVES
from nnunet_taichi.runtime.files import write_whole
from nnunet_taichi.trainers.curves import Epoch, read_log, take_gpu_peak, write_curves
from nnunet_taichi.trainers.loading_watch import LoadingWatch

CONFIGURATION = "taichi_config.json"  # beside the checkpoints


class DurableTrainer(nnUNetTrainer):
    """The stock trainer with frequent checkpoints that are never partly written, and recorded constants and curves.

    A killed training loses at most `max_lost_epochs` epochs, or 1% of its epochs if that is fewer, but at least one. If
    a training waits for its data, its log says so.

    Attributes:
        config: Configuration of the method.
        curve_columns: Columns of `taichi_curves.csv`, a file of its own because nnU-Net's log refuses unknown keys.
    """

    config = TaiChiConfig()
    curve_columns: tuple[str, ...] = CURVE_COLUMNS

    def on_train_start(self) -> None:
        """Set the epochs between checkpoints: with nnU-Net's 50, a short training has nothing to resume from."""
        self.save_every = max(1, min(self.config.max_lost_epochs, self.num_epochs // 100))
        configuration = self.recorded_configuration()
        self.print_to_log_file(f"Configuration of {type(self).__name__}: {configuration}")
        self.prepare()
        super().on_train_start()
        if self.local_rank == 0:
            write_whole(join(self.output_folder, CONFIGURATION), json.dumps(configuration, indent=4))
        self._write_curves()  # empty, or up to the epoch of the checkpoint
        take_gpu_peak(self.device)  # memory used before, for example by mining, belongs to no epoch

    def recorded_configuration(self) -> dict[str, Any]:
        """Return the constants to record."""
        return asdict(self.config)

    def prepare(self) -> None:
        """Do what a training needs before nnU-Net reads its data; by default, nothing."""

    @cached_property
    def loading_watch(self) -> LoadingWatch:
        """Measurement of data loading in this run; a constructor would have to repeat nnU-Net's arguments."""
        return LoadingWatch(gpus=dist.get_world_size() if self.is_ddp else 1)

    def on_train_epoch_start(self) -> None:
        """Start the measurement of the epoch's training part."""
        super().on_train_epoch_start()
        self.loading_watch.start_epoch()

    def train_step(self, batch: dict) -> dict:
        """Measure the step without changing it. It ends by reading the loss, so the device has finished by then."""
        with self.loading_watch.step():
            return super().train_step(batch)

    def on_train_epoch_end(self, train_outputs: list[dict]) -> None:
        """Log once if data loading limits the training, before nnU-Net's part, where ranks wait for each other."""
        advice = self.loading_watch.end_epoch(self.current_epoch)
        if advice is not None and self.local_rank == 0:
            self.print_to_log_file(advice)
        super().on_train_epoch_end(train_outputs)

    def on_epoch_end(self) -> None:
        """Write the epoch's row, before nnU-Net writes a checkpoint, after which the epoch is never repeated."""
        measured = self.measure_epoch()
        self._write_curves({**self.recall_epoch(self.current_epoch), **measured})
        super().on_epoch_end()

    def recall_epoch(self, epoch: int) -> dict[str, Any]:
        """Return what is known later of any epoch so far, by column of the curves."""
        return {"iterations": self.num_iterations_per_epoch, **read_log(self.logger, epoch)}

    def measure_epoch(self) -> dict[str, Any]:
        """Return what is known of an epoch only when it ends, by column. All ranks of a distributed training call this.

        The GPU memory in the curves is that of rank 0.
        """
        return {"gpu_peak_gib": take_gpu_peak(self.device)}

    def _write_curves(self, *new: Epoch) -> None:
        if self.local_rank == 0:
            past = [self.recall_epoch(epoch) for epoch in range(self.current_epoch)]
            write_curves(join(self.output_folder, CURVES), self.curve_columns, past, new)

    def save_checkpoint(self, filename: str) -> None:
        """Write to a temporary name and rename: nnU-Net writes in place, where an interruption leaves a torn file."""
        super().save_checkpoint(filename + ".partial")
        if self.local_rank == 0 and not self.disable_checkpointing:  # nnU-Net writes only then
            os.replace(filename + ".partial", filename)
