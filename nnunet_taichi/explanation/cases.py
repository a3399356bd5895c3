"""Which cases a fold validated, and their files."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nnunetv2.utilities.utils import get_filenames_of_train_images_and_targets

from nnunet_taichi.nnunet.folds import FoldState, read_state, read_summary


@dataclass(frozen=True)
class CaseFiles:
    """A case of a raw data set.

    Attributes:
        name: Name of the case in nnU-Net.
        images: Files of the image, one per channel.
        label: File of the ground truth.
    """

    name: str
    images: list[str]
    label: str


def validation_cases(fold_folder: Path, file_ending: str) -> list[str]:
    """Return the cases that nnU-Net validated a fold on; none if the fold is not finished."""
    is_finished = read_state(fold_folder) is FoldState.FINISHED
    return sorted(read_summary(fold_folder, file_ending) or ()) if is_finished else []


def find_cases(names: list[str], raw_dataset: Path, dataset_json: dict[str, Any]) -> dict[str, CaseFiles]:
    """Find the files of cases, by name, in a raw data set's training part, which has the ground truth.

    Raises:
        ValueError: The data set is not there, or lacks some of the cases.
    """
    known = _list_cases(raw_dataset, dataset_json)
    if not known:
        problem = f"images and ground truth are read from the raw data set, but {raw_dataset} has no imagesTr"
        raise ValueError(f"{problem}; restore the raw data set, or correct nnUNet_raw")
    if missing := [name for name in names if name not in known]:
        problem = f"{raw_dataset} has no training case {', '.join(missing)}"
        raise ValueError(f"{problem}; its cases have names such as {next(iter(known))}")
    return {name: known[name] for name in names}


def _list_cases(raw_dataset: Path, dataset_json: dict[str, Any]) -> dict[str, CaseFiles]:
    """List all training cases, by name.

    nnU-Net's own function is called only if dataset.json lists the files: otherwise it would start a pool of processes.
    """
    if "dataset" in dataset_json:
        elsewhere = get_filenames_of_train_images_and_targets(str(raw_dataset), dataset_json)
        return {name: CaseFiles(name, list(files["images"]), files["label"]) for name, files in elsewhere.items()}
    ending, channels = dataset_json["file_ending"], "_[0-9][0-9][0-9][0-9]"
    images: dict[str, list[str]] = {}
    for file in sorted((raw_dataset / "imagesTr").glob(f"*{channels}{ending}")):
        images.setdefault(file.name.removesuffix(ending)[: -len("_0000")], []).append(str(file))
    return {
        name: CaseFiles(name, files, str(raw_dataset / "labelsTr" / f"{name}{ending}"))
        for name, files in images.items()
    }
