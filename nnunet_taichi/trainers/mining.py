"""One-shot preparation (figure 6): U-Net++ on the fold's training cases, then their easy and hard regions."""

import os
from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import torch
from batchgenerators.utilities.file_and_folder_operations import isfile, join, load_json
from nnunetv2.run.run_training import maybe_load_checkpoint
from nnunetv2.training.dataloading.nnunet_dataset import infer_dataset_class
from nnunetv2.training.nnUNetTrainer.nnUNetTrainer import nnUNetTrainer
from nnunetv2.utilities.helpers import empty_cache
from tqdm import tqdm

from nnunet_taichi.config import TaiChiConfig
from nnunet_taichi.difficulty.coding import shares
from nnunet_taichi.difficulty.levels import LevelPredictor, true_heads
from nnunet_taichi.difficulty.storage import MapFolder
from nnunet_taichi.nnunet.folds import FoldState, checkpoint, has_checkpoint, read_state
from nnunet_taichi.nnunet.json_files import require_json
from nnunet_taichi.runtime.files import digest
from nnunet_taichi.runtime.processes import file_lock, from_rank_0, is_rank_0, without_wandb
from nnunet_taichi.trainers.durable import CONFIGURATION
from nnunet_taichi.trainers.miner import TRAINING_CASES, make_miner, nnUNetTrainerUNetPlusPlus
from nnunet_taichi.trainers.paper_protocol import PaperTraining, make_paper_trainer
from nnunet_taichi.trainers.recipe import make_trainer


class Mining:
    """Preparation of a TaiChi trainer. Parts that are finished are kept, and parts that were begun are resumed.

    Args:
        trainer: TaiChi trainer; the miner has the same configuration, fold, plans and device.
    """

    def __init__(self, trainer: nnUNetTrainer) -> None:
        self.trainer, self.miner_class = trainer, find_miner(type(trainer), trainer.config, trainer.num_epochs)
        self.totals: dict[str, list[int]] = {}  # number of pixels of each set, by head
        plans_and_configuration = os.path.basename(trainer.output_folder_base).removeprefix(type(trainer).__name__)
        model = self.miner_class.__name__ + plans_and_configuration
        self.fold_folder = join(os.path.dirname(trainer.output_folder_base), model, f"fold_{trainer.fold}")
        self.checkpoint = str(checkpoint(self.fold_folder, "final"))
        self.cases = sorted(trainer.do_split()[0])  # the training cases; no others are ever opened
        preprocessed = trainer.preprocessed_dataset_folder
        files = [join(preprocessed, case + ending) for case in self.cases for ending in ("_seg.b2nd", ".npz")]
        self.segmentations = [file for file in files if isfile(file)]
        dataset_class = infer_dataset_class(preprocessed)
        self.maps = MapFolder(join(self.fold_folder, "difficulty"), dataset_class, digest(*self.segmentations))

    def find(self) -> str | None:
        """Return the folder of the maps if they are complete, or None."""
        return str(self.maps.folder) if self.maps.is_complete(self.cases, self.checkpoint) else None

    def run(self) -> str:
        """Train the miner and mine the maps as far as they are missing, and return the folder of the maps."""
        os.makedirs(self.fold_folder, exist_ok=True)
        with file_lock(join(self.fold_folder, "mining.lock")):
            self._check_split()
            if not from_rank_0(self.maps.is_complete(self.cases, self.checkpoint)):
                self._announce()
                start = perf_counter()
                miner = self._trained_miner()
                self._write_maps(miner)
                self._close(perf_counter() - start)
                del miner
                empty_cache(self.trainer.device)
        return str(self.maps.folder)

    def _check_split(self) -> None:
        """Refuse a U-Net++ that learned from other cases: it may have seen this fold's validation cases.

        Raises:
            RuntimeError: The split changed since the training of U-Net++ began.
        """
        record = join(self.fold_folder, TRAINING_CASES)
        if from_rank_0(has_checkpoint(self.fold_folder) and isfile(record) and load_json(record) != self.cases):
            raise RuntimeError(
                f"The split of fold {self.trainer.fold} changed since {self.miner_class.__name__} was trained on it. "
                f"Restore splits_final.json, or remove {self.fold_folder} to train it anew."
            )

    def _is_trained(self) -> bool:
        """Tell whether there are final weights, and no training was begun anew after them."""
        return isfile(self.checkpoint) and read_state(self.fold_folder).is_trained

    def _announce(self) -> None:
        """Log what this will cost, in epochs, files and disk space."""
        trainer, name = self.trainer, self.miner_class.__name__
        maps = sum(os.path.getsize(file) for file in self.segmentations) / 1e6
        training = "is trained already"
        if not self._is_trained():
            plans, configuration = trainer.plans_manager, trainer.configuration_manager
            with torch.device("meta"):
                network = self.miner_class.build_network_architecture(plans, configuration, 1, 2)
            checkpoints = (
                2 * 12 * sum(p.numel() for p in network.parameters()) / 1e6
            )  # two files, at most three floats a weight
            how = "goes on to" if read_state(self.fold_folder) is FoldState.BEGUN else "trains"
            training = f"{how} {self.miner_class.epochs} epochs first (checkpoints of {checkpoints:.0f} MB)"
        trainer.print_to_log_file(
            f"Easy-to-hard: {name} {training}, then {len(self.cases)} maps of about {maps:.1f} MB in all are written "
            f"to {self.maps.folder}."
        )

    def _trained_miner(self) -> nnUNetTrainer:
        """Return the miner with its final weights: loaded, resumed from where it stopped, or trained anew."""
        trainer = self.trainer
        finished = from_rank_0(self._is_trained())
        goes_on = finished or from_rank_0(read_state(self.fold_folder) is FoldState.BEGUN)
        with without_wandb():
            miner = self.miner_class(
                {**deepcopy(trainer.plans_manager.plans), "continue_training": goes_on},
                trainer.configuration_name,
                trainer.fold,
                trainer.dataset_json,
                trainer.device,
            )
        maybe_load_checkpoint(miner, goes_on, False)
        if not finished:
            miner.run_training()
        return miner

    def _write_maps(self, miner: nnUNetTrainer) -> None:
        """Let rank 0 write the maps. Ranks wait for each other after each case, long before a collective times out."""
        if is_rank_0():
            self.maps.open(self.checkpoint)
            predictor = LevelPredictor(miner)
        for case in tqdm(self.cases, desc="easy/hard maps", disable=not is_rank_0()):
            if is_rank_0():
                if not self.maps.has(case):
                    self.maps.save(case, self._mine(predictor, case))
                for name, pixels in self._count(case).items():
                    known = self.totals.get(name, [0] * len(pixels))
                    self.totals[name] = [a + b for a, b in zip(known, pixels, strict=True)]
            from_rank_0(None)

    def _close(self, seconds: float) -> None:
        """Log a summary of the maps, and mark them as complete. Other ranks wait for this."""
        if is_rank_0():
            self._report(self.totals)
            self.trainer.print_to_log_file(f"Easy-to-hard: the maps are ready after {seconds:.0f} s.")
            self.maps.close(self.checkpoint, self.totals, round(seconds, 1))
        from_rank_0(None)

    def _mine(self, predictor: LevelPredictor, case: str) -> np.ndarray:
        dataset = self.maps.dataset_class(self.trainer.preprocessed_dataset_folder, [case])
        image, segmentation, _, _ = dataset.load_case(case)
        return predictor.mine(image[:], segmentation[:][0])

    def _count(self, case: str) -> dict[str, list[int]]:
        codes, segmentation = self.maps.load(case, self.trainer.preprocessed_dataset_folder)
        return shares(codes, true_heads(segmentation, self.trainer.label_manager))

    def _report(self, totals: dict[str, list[int]]) -> None:
        """Log which share of each class or region is easy, hard, or found by neither level."""
        log = self.trainer.print_to_log_file
        for head, (easy, hard, lesion) in enumerate(zip(*(totals[n] for n in ("easy", "hard", "lesion")), strict=True)):
            easy_share, hard_share, missed_share = (n / max(lesion, 1) for n in (easy, hard, lesion - easy - hard))
            log(f"Head {head}: {easy_share:.1%} easy, {hard_share:.1%} hard, {missed_share:.1%} missed.")
            for name, share in (("easy", easy_share), ("hard", hard_share)):
                if share < self.trainer.config.near_empty:
                    log(f"WARNING: the {name} set of head {head} is nearly empty ({share:.2%}): its stage adds little.")


def find_miner(trainer: type[nnUNetTrainer], config: TaiChiConfig, num_epochs: int) -> type[nnUNetTrainer]:
    """Return the miner of a TaiChi trainer, with `miner_fraction` of its epochs and the same iterations and seed.

    Args:
        trainer: Class of the TaiChi trainer.
        config: Configuration with the miner's width and epochs.
        num_epochs: Number of epochs of the TaiChi training.
    """
    numbers = {"epochs": max(1, round(config.miner_fraction * num_epochs))}
    for name in ("iterations", "seed"):
        if getattr(trainer, name, None) is not None:
            numbers[name] = getattr(trainer, name)
    miner: Any = nnUNetTrainerUNetPlusPlus if config.miner_width == 1 else make_miner(round(100 * config.miner_width))
    if issubclass(trainer, PaperTraining):
        miner = make_paper_trainer(miner)
    return make_trainer(miner, **numbers)


def begun_with(config: TaiChiConfig, fold_folder: str | Path) -> TaiChiConfig:
    """Return `config` with the miner's settings of the training in a folder, if that training can be continued.

    So a continued training keeps its maps. Trainings older than `miner_width` used the full U-Net++.
    """
    folder = Path(fold_folder)
    record = folder / CONFIGURATION
    if not record.is_file() or not has_checkpoint(folder):
        return config
    recorded = {"miner_width": 1.0, **require_json(record, "miner_fraction", cure="delete it to begin anew")}
    return replace(config, **{name: recorded[name] for name in ("miner_width", "miner_fraction")})
