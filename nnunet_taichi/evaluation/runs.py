"""Find the runs to compare, in nnU-Net's folders or in folders given by hand."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from nnunetv2.paths import nnUNet_preprocessed, nnUNet_raw, nnUNet_results
from nnunetv2.utilities.dataset_name_id_conversion import maybe_convert_to_dataset_name

from nnunet_taichi.evaluation.predictions import ComparisonError, Prediction, Run, some
from nnunet_taichi.nnunet.folds import list_cases, read_training, train_command
from nnunet_taichi.nnunet.json_files import read_json, read_splits

Item = TypeVar("Item")
Result = TypeVar("Result")


class GroundTruth(NamedTuple):
    """Files of the true masks in a folder and of the images' first channels, by case."""

    folder: Path
    masks: Mapping[str, Path]
    images: Mapping[str, Path]

    @classmethod
    def of(cls, folder: Path, images: Path | None, ending: str) -> "GroundTruth":
        """List the files with this ending; `images` may be None."""
        return cls(folder, list_cases(folder, ending), list_cases(images, f"_0000{ending}") if images else {})

    def pair(self, fold: str, found: Mapping[str, Path]) -> list[Prediction]:
        """Join the predictions of a fold with their ground truth.

        Raises:
            ComparisonError: Some predictions have no ground truth.
        """
        if strange := sorted(found.keys() - self.masks.keys()):
            folder = found[strange[0]].parent
            what = f"{len(strange)} of {len(found)} predictions in {folder} have no ground truth ({some(strange)})"
            cure = f"put masks of the same names into {self.folder}, or remove these predictions"
            raise ComparisonError([f"{what}; {cure}"])
        return [Prediction(fold, case, found[case], self.masks[case], self.images.get(case)) for case in found]


def find_runs(
    dataset: str | int, configuration: str, folds: Sequence[str], trainers: Sequence[str], plans: Sequence[str]
) -> list[Run]:
    """Find the predictions of trainers for the validation cases of folds, trainer by trainer.

    Args:
        dataset: Name or id of the data set.
        configuration: Name of the configuration, such as "2d".
        folds: Folds, such as "0" or "all".
        trainers: Names of the trainers. Each must have been trained with one of the plans.
        plans: Names of the plans. Each must have been used by one of the trainers.

    Raises:
        ComparisonError: Something that was named does not exist, or cannot be read.
    """
    results = _results_folder(dataset)

    def find(trainer: str) -> list[Run]:
        models = {(trainer, name, configuration): results / f"{trainer}__{name}__{configuration}" for name in plans}
        if not (found := [key for key, folder in models.items() if folder.is_dir()]):
            missing = " or ".join(folder.name for folder in models.values())
            raise ComparisonError([f"{results} has no {missing}; {_there_are(results, '*__*__*')}"])
        return _collect(lambda key: _read_model(models[key], key, list(dict.fromkeys(map(str, folds)))), found)

    runs = list(chain(*_collect(find, dict.fromkeys(trainers))))
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
    return f"there are: {some(names, shown=40)}" if names else "there are none"


def _read_model(model: Path, key: tuple[str, str, str], folds: Sequence[str]) -> Run:
    """Read the folds of a model, and the cases that they validated, from nnU-Net's folder of the model."""
    if absent := [fold for fold in folds if not (model / f"fold_{fold}").is_dir()]:
        what = f"{model} has no {some(f'fold_{fold}' for fold in absent)}; {_there_are(model, 'fold_*')}"
        cure = f"Choose folds by -f, or train: {train_command(model.parent.name, *key, absent[0])}"
        raise ComparisonError([f"{what}. {cure}"])
    preprocessed, raw = (Path(path.get() or "") / model.parent.name for path in (nnUNet_preprocessed, nnUNet_raw))
    contents = {file: read_json(model / f"{file}.json") for file in ("dataset", "plans", "dataset_fingerprint")}
    splits, dataset_json = read_splits(preprocessed), _check_dataset_json({model: contents["dataset"]})
    beside, ending = preprocessed / "gt_segmentations", dataset_json["file_ending"]
    masks = beside if beside.is_dir() else raw / "labelsTr"  # nnU-Net, too, prefers gt_segmentations
    truth = GroundTruth.of(masks, raw / "imagesTr", ending)
    trainings = {fold: read_training(model / f"fold_{fold}", ending) for fold in folds}
    predictions = chain(*_collect(lambda fold: truth.pair(fold, trainings[fold].predictions), folds))
    plans = _dict(contents["plans"])
    return Run(*key, model, dataset_json, list(predictions), trainings, plans, contents["dataset_fingerprint"], splits)


def _check_dataset_json(contents: Mapping[Path, Any]) -> dict[str, Any]:
    """Return the first valid content of a dataset.json; `contents` has one per folder."""
    for folder, content in contents.items():
        if isinstance(content, dict) and {"labels", "file_ending"} <= content.keys():
            _check_types(content, folder / "dataset.json")
            return content
    places = " or ".join(map(str, contents))
    expected = f'expected a dataset.json with "labels" and "file_ending" in {places}, found none'
    raise ComparisonError([f"{expected}; nnUNetv2_predict leaves one beside its predictions: copy it there"])


def _check_types(dataset_json: Mapping[str, Any], file: Path) -> None:
    """Refuse labels and a file ending that nnU-Net would not understand."""
    labels, ending = dataset_json["labels"], dataset_json["file_ending"]
    if not isinstance(labels, dict) or not all(_is_value(value, name != "ignore") for name, value in labels.items()):
        expected = 'expected "labels" such as {"background": 0, "lesion": 1}, with integers or (for regions) lists of'
        raise ComparisonError([f"{file}: {expected} integers as values, found {labels}; correct them"])
    if not isinstance(ending, str):
        raise ComparisonError([f'{file}: expected "file_ending" such as ".png", found {ending}; correct it'])


def _is_value(value: Any, may_be_region: bool) -> bool:
    """Tell whether a label may have this value: an integer or, for a region, a list of integers."""
    if may_be_region and isinstance(value, list):
        return all(_is_value(each, False) for each in value)
    return isinstance(value, int)


def folder_runs(folders: Sequence[tuple[str, Path]], labels: Path, images: Path | None = None) -> list[Run]:
    """Make runs from folders of predictions, as nnUNetv2_predict writes them.

    Args:
        folders: Pairs of name and folder. Several folders of one name are the folds of one trainer on one test set.
        labels: Folder of the ground truth.
        images: Folder of the images, named as nnU-Net's raw images; None for none.

    Raises:
        ComparisonError: A folder does not exist, or what it should hold does not.
    """
    by_name: dict[str, list[Path]] = {}
    for name, folder in folders:
        by_name.setdefault(name, []).append(folder)
    given = dict.fromkeys([*(folder for _, folder in folders), labels, *([images] if images else [])])
    if absent := [f"{folder} is not a folder; check its path" for folder in given if not folder.is_dir()]:
        raise ComparisonError(absent)
    return _collect(lambda name: _read_folders(name, by_name[name], labels, images), by_name)


def _read_folders(name: str, folders: Sequence[Path], labels: Path, images: Path | None) -> Run:
    """Make one run from the folders of one name."""
    if len({folder.resolve() for folder in folders}) < len(folders):
        raise ComparisonError([f"{name}: a folder was given twice; give the predictions of each fold once"])
    contents = {folder: read_json(folder / "dataset.json") for folder in (folders[0], labels, labels.parent)}
    given = _dict(contents[labels] or contents[labels.parent]).get("name")  # the test set's, not the training set's
    dataset_json = _check_dataset_json(contents) | {"name": given if isinstance(given, str) else ""}
    ending, plans = dataset_json["file_ending"], _dict(read_json(folders[0] / "plans.json"))
    truth = GroundTruth.of(labels, images, ending)
    if images and not truth.images:
        raise ComparisonError([f"{images} holds no image; expected nnU-Net's names, such as CASE_0000{ending}"])

    def read(fold: int) -> list[Prediction]:
        if not (found := list_cases(folders[fold], ending)):
            raise ComparisonError([f"{folders[fold]} holds no predictions (*{ending}); check its path"])
        return truth.pair(str(fold) if len(folders) > 1 else "", found)

    predictions = list(chain(*_collect(read, range(len(folders)))))
    return Run(name, "", "", folders[0], dataset_json, predictions, plans_json=plans)


def _dict(content: Any) -> dict[str, Any]:
    return content if isinstance(content, dict) else {}


def _collect(function: Callable[[Item], Result], items: Iterable[Item]) -> list[Result]:
    """Call a function for each item, and return the results.

    Raises:
        ComparisonError: Some calls raised this error. It holds the problems of all of them.
    """
    results, problems = [], []
    for item in items:
        try:
            results.append(function(item))
        except ComparisonError as error:
            problems += error.problems
    if problems:
        raise ComparisonError(problems)
    return results
