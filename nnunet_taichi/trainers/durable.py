"""What all our trainers add to the host's: checkpoints that survive an interruption, and constants on record."""

import os
from dataclasses import asdict
from typing import Any

from batchgenerators.utilities.file_and_folder_operations import join, save_json
from nnunetv2.training.nnUNetTrainer.nnUNetTrainer import nnUNetTrainer

from nnunet_taichi.config import TaiChiConfig


class DurableTrainer(nnUNetTrainer):
    """The stock trainer with whole checkpoints, written often enough, and the method's constants on record.

    A killed training loses at most `max_lost_epochs`, and at most 1% of its epochs where that is fewer (but one).
    """

    config = TaiChiConfig()

    def on_train_start(self) -> None:
        """Set the rhythm of checkpoints; the host's 50 epochs leave a short training nothing to resume from."""
        self.save_every = max(1, min(self.config.max_lost_epochs, self.num_epochs // 100))
        configuration = self.recorded_configuration()
        self.print_to_log_file(f"Configuration of {type(self).__name__}: {configuration}")
        self.prepare()
        super().on_train_start()
        if self.local_rank == 0:
            save_json(configuration, join(self.output_folder, "taichi_config.json"), sort_keys=False)

    def recorded_configuration(self) -> dict[str, Any]:
        """Return the constants to keep on record."""
        return asdict(self.config)

    def prepare(self) -> None:
        """Do what a training needs before the host reads its data."""

    def save_checkpoint(self, filename: str) -> None:
        """Write beside and rename: the host writes in place, and an interruption leaves a torn file."""
        super().save_checkpoint(filename + ".partial")
        if self.local_rank == 0 and not self.disable_checkpointing:  # when the host writes
            os.replace(filename + ".partial", filename)
