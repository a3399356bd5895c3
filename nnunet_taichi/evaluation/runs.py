"""Find what is to be compared, in nnU-Net's folders or in folders given by hand, and check that it may be."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

from nnunetv2.paths import nnUNet_preprocessed, nnUNet_raw, nnUNet_results
from nnunetv2.utilities.dataset_name_id_conversion import maybe_convert_to_dataset_name

from nnunet_taichi.evaluation.checks import find_missing, find_problems, find_warnings
from nnunet_taichi.evaluation.predictions import ComparisonError, Prediction, Run, collect, some
from nnunet_taichi.nnunet.folds import list_cases
from nnunet_taichi.nnunet.json_files import read_json

__all__ = ["ComparisonError", "Prediction", "Run", "check_runs", "find_runs", "folder_runs"]


class GroundTruth(NamedTuple):
    """Masks of a folder and the images' first channels, by case."""

    folder: Path
    masks: Mapping[str, Path]
    images: Mapping[str, Path]

    @classmethod
    def of(cls, folder: Path, images: Path | None, ending: str) -> "GroundTruth":
        """List the files."""
        return cls(folder, list_cases(folder, ending), list_cases(images, f"_0000{ending}") if images else {})


def find_runs(
    dataset: str | int, configuration: str, folds: Sequence[str], trainers: Sequence[str], plans: Sequence[str]
) -> list[Run]:
    """Find what trainers predicted for the validation cases of folds, trainer by trainer.

    Args:
        dataset: its name or id.
        configuration: as "2d".
        folds: as "0" or "all".
        trainers: each must have been trained with one of the plans.
        plans: each must have been used by one of the trainers.

    Raises:
        ComparisonError: something that was named does not exist, or cannot be read.
    """
    results = _results_folder(dataset)

    def find(trainer: str) -> list[Run]:
        named = [_name_run(results, trainer, name, configuration, folds) for name in dict.fromkeys(plans)]
        if not (found := [run for run in named if run.folder.is_dir()]):
            missing = " or ".join(run.folder.name for run in named)
            raise ComparisonError([f"{results} has no {missing}; {_there_are(results, '*__*__*')}"])
        return collect(_read_model, found)

    runs = list(chain(*collect(find, dict.fromkeys(trainers))))
    if unused := sorted(set(plans) - {run.plans for run in runs}):
        existing = _there_are(results, "*__*__*")
        raise ComparisonError([f"none of these trainers was trained with {some(unused)}; {existing}"])
    return runs


def _results_folder(dataset: str | int) -> Path:
    """Find the folder of a data set's trained models."""
    try:
        folder = Path(nnUNet_results) / maybe_convert_to_dataset_name(dataset)
    except (RuntimeError, ValueError) as error:  # no data set of this id, or several
        raise ComparisonError([str(error)]) from None
    if not folder.is_dir():
        raise ComparisonError([f"{folder} does not exist: train first; {_there_are(folder.parent, 'Dataset*')}"])
    return folder


def _there_are(folder: Path, pattern: str) -> str:
    names = sorted(path.name for path in folder.glob(pattern) if path.is_dir())
    return f"there are: {some(names, shown=40)}" if names else "there is none at all"


def _name_run(results: Path, trainer: str, plans: str, configuration: str, folds: Sequence[str]) -> Run:
    """Name what nnU-Net's folders of a run would be."""
    folder = results / f"{trainer}__{plans}__{configuration}"
    return Run(trainer, plans, configuration, folder, {}, (), {str(fold): folder / f"fold_{fold}" for fold in folds})


def _read_model(run: Run) -> Run:
    """List the validated cases of a run's folds."""
    if absent := [fold for fold, folder in run.fold_folders.items() if not folder.is_dir()]:
        what = f"{run.folder} has no {some(f'fold_{fold}' for fold in absent)}; {_there_are(run.folder, 'fold_*')}"
        raise ComparisonError([f"{what}. Choose folds by -f, or train: {run.command(absent[0])}"])
    run = replace(run, dataset_json=_read_dataset_json([run.folder]))
    truth = _ground_truth(run.folder.parent.name, run.ending)

    def read(fold: str) -> list[Prediction]:
        return _pair(fold, list_cases(run.fold_folders[fold] / "validation", run.ending), truth)

    return replace(run, predictions=tuple(chain(*collect(read, run.fold_folders))))


def _read_dataset_json(folders: Sequence[Path]) -> dict[str, Any]:
    """Read the first dataset.json that there is."""
    for folder in folders:
        content = read_json(folder / "dataset.json")
        if isinstance(content, dict) and {"labels", "file_ending"} <= content.keys():
            _check_types(content, folder / "dataset.json")
            return content
    places = " or ".join(map(str, folders))
    expected = f'expected a dataset.json with "labels" and "file_ending" in {places}, found none'
    raise ComparisonError([f"{expected}; nnUNetv2_predict leaves one beside its predictions: copy it there"])


def _check_types(dataset_json: Mapping[str, Any], file: Path) -> None:
    """Refuse labels and a file ending that nnU-Net would not understand."""
    labels, ending = dataset_json["labels"], dataset_json["file_ending"]
    if not isinstance(labels, dict) or not all(_is_value(value, name != "ignore") for name, value in labels.items()):
        expected = 'expected "labels" as {"background": 0, "lesion": 1}, their values integers or lists of integers'
        raise ComparisonError([f"{file}: {expected} (of a region), found {labels}; correct them"])
    if not isinstance(ending, str):
        raise ComparisonError([f'{file}: expected "file_ending" as ".png", found {ending}; correct it'])


def _is_value(value: Any, may_be_region: bool) -> bool:
    """Tell whether a label may have this value."""
    if may_be_region and isinstance(value, list):
        return all(_is_value(each, False) for each in value)
    return isinstance(value, int)


def _ground_truth(dataset: str, ending: str) -> GroundTruth:
    """Take the masks that nnU-Net compares with: those beside the preprocessed data, or else the raw ones."""
    preprocessed, raw = (Path(path.get() or "") / dataset for path in (nnUNet_preprocessed, nnUNet_raw))
    beside = preprocessed / "gt_segmentations"
    return GroundTruth.of(beside if beside.is_dir() else raw / "labelsTr", raw / "imagesTr", ending)


def _pair(fold: str, found: Mapping[str, Path], truth: GroundTruth) -> list[Prediction]:
    """Join predictions with their ground truth."""
    if strange := sorted(found.keys() - truth.masks.keys()):
        folder = found[strange[0]].parent
        what = f"{len(strange)} of {len(found)} predictions in {folder} have no ground truth ({some(strange)})"
        raise ComparisonError([f"{what}; put masks of their names into {truth.folder}, or take them away"])
    return [Prediction(fold, case, found[case], truth.masks[case], truth.images.get(case)) for case in found]


def folder_runs(folders: Sequence[tuple[str, Path]], labels: Path, images: Path | None = None) -> list[Run]:
    """Take folders of predictions, as nnUNetv2_predict wrote them.

    Args:
        folders: name and folder; several folders of one name are the folds of one trainer on the same test set.
        labels: ground truth.
        images: named as nnU-Net's raw images.

    Raises:
        ComparisonError: a folder does not exist, or what it should hold does not.
    """
    by_name: dict[str, list[Path]] = {}
    for name, folder in folders:
        by_name.setdefault(name, []).append(folder)
    collect(_require_folder, dict.fromkeys([*(folder for _, folder in folders), labels, *([images] if images else [])]))
    return collect(lambda name: _read_folders(name, by_name[name], labels, images), by_name)


def _require_folder(folder: Path) -> None:
    if not folder.is_dir():
        raise ComparisonError([f"{folder} is no folder; check its path"])


def _read_folders(name: str, folders: Sequence[Path], labels: Path, images: Path | None) -> Run:
    """List the predictions in the folders of one name."""
    if len({folder.resolve() for folder in folders}) < len(folders):
        raise ComparisonError([f"{name}: a folder was given twice; give the predictions of each fold once"])
    dataset_json = _read_dataset_json([folders[0], labels, labels.parent])
    dataset_json = dataset_json | {"name": _dataset_name(labels)}  # not the name of what was trained on
    ending = dataset_json["file_ending"]
    truth = GroundTruth.of(labels, images, ending)
    if images and not truth.images:
        raise ComparisonError([f"{images} holds no image; expected names as nnU-Net's, CASE_0000{ending}"])

    def read(fold: int) -> list[Prediction]:
        if not (found := list_cases(folders[fold], ending)):
            raise ComparisonError([f"{folders[fold]} holds no predictions (*{ending}); check its path"])
        return _pair(str(fold) if len(folders) > 1 else "", found, truth)

    predictions = chain(*collect(read, range(len(folders))))
    return Run(name, "", "", folders[0], dataset_json, tuple(predictions))


def _dataset_name(labels: Path) -> str:
    """Read the name of the data set that ground truth is of, or give ""."""
    content = read_json(labels / "dataset.json") or read_json(labels.parent / "dataset.json")
    name = content.get("name") if isinstance(content, dict) else None
    return name if isinstance(name, str) else ""


def check_runs(runs: Sequence[Run], allow_missing: bool = False) -> list[str]:
    """Check that runs may be compared, and return what is worth knowing about them.

    Args:
        runs: as found.
        allow_missing: let a run lack cases that others have.

    Raises:
        ComparisonError: some may not, for any number of reasons.
    """
    problems, missing = find_problems(runs), find_missing(runs)
    if problems or (missing and not allow_missing):
        cure = "predict them, or compare the cases that all have by --allow-missing"
        raise ComparisonError(problems + [f"{what}; {cure}" for what in missing])
    return missing + find_warnings(runs)
