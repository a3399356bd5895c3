"""The folder with a fold's difficulty maps, beside the U-Net++ model that made them."""

import json
import os
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from nnunetv2.training.dataloading.nnunet_dataset import nnUNetBaseDataset

from nnunet_taichi.difficulty.coding import decode_difficulty
from nnunet_taichi.nnunet.json_files import read_json
from nnunet_taichi.runtime.files import digest, write_whole

ENDINGS = (".b2nd", ".npz")  # file endings of nnU-Net's data set classes
RECORD = "difficulty.json"


class MapFolder:
    """Difficulty maps, one file per training case, in the format in which nnU-Net loads a previous stage.

    Each map is written whole or not at all. `difficulty.json` is written last: a folder that has it is complete.

    Args:
        folder: Folder of the maps.
        dataset_class: Class of nnU-Net for the preprocessed data; it defines the file format.
        data: Fingerprint of the segmentations to mine: maps of others, or of other sizes, do not fit.
    """

    def __init__(self, folder: str | Path, dataset_class: type[nnUNetBaseDataset], data: str = "") -> None:
        self.folder, self.dataset_class, self.data = Path(folder), dataset_class, data

    def is_complete(self, cases: Sequence[str], checkpoint: str | Path) -> bool:
        """Tell whether all `cases` were mined with the model in `checkpoint`."""
        record = read_record(self.folder)
        same_model = digest(checkpoint) in (record.get("checkpoint"), "")  # "": the model was deleted, to save space
        return same_model and record.get("data") == self.data and all(self.has(case) for case in cases)

    def open(self, checkpoint: str | Path) -> None:
        """Keep the maps of an interrupted run of the same model on the same data, and delete all others."""
        source = self.folder / "source.sha256"
        fingerprint = f"{digest(checkpoint)} {self.data}"
        if not source.is_file() or source.read_bytes() != fingerprint.encode():
            shutil.rmtree(self.folder, ignore_errors=True)
            self.folder.mkdir(parents=True)
            write_whole(source, fingerprint)
        (self.folder / RECORD).unlink(missing_ok=True)

    def close(self, checkpoint: str | Path, totals: dict[str, list[int]], seconds: float | None = None) -> None:
        """Mark the folder as complete.

        Args:
            checkpoint: Checkpoint of the model that made the maps.
            totals: Number of pixels of each set, by head.
            seconds: Duration of the run that finished the maps, in seconds, with the training that it did.
        """
        record = {"checkpoint": digest(checkpoint), "data": self.data, "pixels": totals, "seconds": seconds}
        write_whole(self.folder / RECORD, json.dumps(record))

    def has(self, case: str) -> bool:
        """Tell whether the map of `case` exists and is not empty."""
        files = (self.folder / f"{case}{ending}" for ending in ENDINGS)
        return any(file.is_file() and file.stat().st_size > 0 for file in files)

    def save(self, case: str, codes: np.ndarray) -> None:
        """Write a map (Z, Y, X), int16: first to a partial file, which is then moved to its place."""
        partial = self.folder / "partial"
        partial.mkdir(exist_ok=True)
        self.dataset_class.save_seg(codes, str(partial / case))
        for ending in ENDINGS:  # no glob pattern: names may hold brackets, or begin another name
            if (partial / f"{case}{ending}").is_file():
                os.replace(partial / f"{case}{ending}", self.folder / f"{case}{ending}")

    def load(self, case: str, preprocessed: str) -> tuple[np.ndarray, np.ndarray]:
        """Return the map (Z, Y, X) and the segmentation (Z, Y, X) of a case of the `preprocessed` folder."""
        _, segmentation, codes, _ = self.dataset_class(preprocessed, [case], str(self.folder)).load_case(case)
        return np.asarray(codes[:]), np.asarray(segmentation[:])[0]

    def load_levels(self, case: str, preprocessed: str, heads: int) -> tuple[np.ndarray, np.ndarray]:
        """Return {0 none, 1 easy, 2 hard} of each head, (heads, Z, Y, X), and the segmentation, as `load` does."""
        codes, segmentation = self.load(case, preprocessed)
        return decode_difficulty(torch.from_numpy(codes)[None], heads)[0].numpy(), segmentation


def read_record(folder: Path) -> dict[str, Any]:
    """Read the record that `close` wrote into a folder of maps; {} if it is missing, incomplete or not ours."""
    record = read_json(folder / RECORD)
    return record if isinstance(record, dict) else {}
