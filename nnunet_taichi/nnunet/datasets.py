"""A data set as nnU-Net keeps it, and how far it is prepared for a training."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from nnunetv2.paths import nnUNet_preprocessed, nnUNet_raw, nnUNet_results
from nnunetv2.utilities.dataset_name_id_conversion import convert_id_to_dataset_name
from nnunetv2.utilities.plans_handling.plans_handler import ConfigurationManager, PlansManager

from nnunet_taichi.nnunet.json_files import SPLITS, read_splits
from nnunet_taichi.nnunet.preprocessed import is_complete

DEFAULT_FOLDS = 5  # number of folds that nnU-Net makes where no file says otherwise


@dataclass(frozen=True)
class Dataset:
    """A data set of nnU-Net's, raw or preprocessed."""

    id: int
    name: str

    @property
    def raw(self) -> Path:
        """Folder of the raw data set."""
        return Path(nnUNet_raw, self.name)

    @property
    def preprocessed(self) -> Path:
        """Folder of its plans and preprocessed cases."""
        return Path(nnUNet_preprocessed, self.name)

    @property
    def results(self) -> Path:
        """Folder of its models."""
        return Path(nnUNet_results, self.name)

    def configurations(self, plans: str) -> list[str] | None:
        """Return the names of the configurations in these plans, or None if there are no such plans.

        Raises:
            ValueError: The plans cannot be read. They are not made anew, because somebody may have edited them.
        """
        file = self.preprocessed / f"{plans}.json"
        if not file.is_file():
            return None
        with _reading(file) as manager:
            return list(manager.available_configurations)

    def configuration(self, plans: str, name: str) -> ConfigurationManager:
        """Read one configuration of these plans. The others may be incomplete: they are not read.

        Raises:
            ValueError: There is no configuration of this name, or it cannot be read.
        """
        names = self.configurations(plans) or ()
        if name not in names:
            cure = f"choose one of: {', '.join(names) or 'none'}"
            raise ValueError(f"{plans} of {self.name} have no configuration {name}; {cure}")
        with _reading(self.preprocessed / f"{plans}.json") as manager:
            configuration = manager.get_configuration(name)
            if not isinstance(configuration.data_identifier, str):
                raise TypeError(f"data_identifier is {configuration.data_identifier!r}")
            return configuration

    def is_preprocessed(self, plans: str, configuration: str) -> bool:
        """Tell whether all cases are preprocessed: an interruption leaves only some."""
        if configuration not in (self.configurations(plans) or ()):
            return False
        return is_complete(self.preprocessed, self.configuration(plans, configuration).data_identifier)

    def check_splits(self) -> None:
        """Check that raw and preprocessed data have the same folds, as nnU-Net asserts when it plans.

        Raises:
            ValueError: The folds differ, or a file of them cannot be read.
        """
        given, used = (read_splits(folder) for folder in (self.raw, self.preprocessed))
        files = [folder / SPLITS for folder in (self.raw, self.preprocessed)]
        pairs = zip(given, used, strict=False)
        same = all(set(one[part]) == set(other[part]) for one, other in pairs for part in ("train", "val"))
        if all(file.is_file() for file in files) and not (given and same and len(given) <= len(used)):
            raise ValueError(
                f"{files[1]} and {files[0]} hold different folds, but nnU-Net plans only if they agree. Trained models "
                f"use the folds of {files[1]}. Delete the file that you do not want."
            )

    def count_folds(self) -> int:
        """Count the folds in the file that nnU-Net follows. For a fold beyond them, nnU-Net draws a random split."""
        splits = (read_splits(folder) for folder in (self.preprocessed, self.raw))
        return next((len(split) for split in splits if split), DEFAULT_FOLDS)


@contextmanager
def _reading(plans: Path) -> Iterator[PlansManager]:
    """Turn nnU-Net's errors about plans into one that names the file to mend."""
    try:
        yield PlansManager(str(plans))
    except (KeyError, TypeError, AttributeError, ValueError, RuntimeError) as error:
        cause = f"{type(error).__name__}: {error}"
        raise ValueError(f"{plans} cannot be read as plans; mend or delete the file ({cause})") from error


@dataclass(frozen=True)
class Fold:
    """The data set, configuration, plans and fold of a training, whatever the trainer."""

    dataset: Dataset
    configuration: str
    plans: str
    fold: str

    def model(self, trainer: str) -> str:
        """Return the name of a model, as nnU-Net spells it."""
        return f"{trainer}__{self.plans}__{self.configuration}"

    def folder(self, trainer: str) -> Path:
        """Return the folder where nnU-Net keeps this fold of a trainer's model."""
        return self.dataset.results / self.model(trainer) / f"fold_{self.fold}"


def find_dataset(name_or_id: str) -> Dataset:
    """Find a data set by its id or name.

    Raises:
        ValueError: nnU-Net has no such data set, several of the same id, or another name for this id.
    """
    match = re.fullmatch(r"Dataset(\d{3,})_.+", name_or_id)
    if not match and not name_or_id.isdecimal():
        raise ValueError(f"{name_or_id} is neither an id nor a name such as Dataset101_BUSI")
    number = int(match[1] if match else name_or_id)
    try:
        dataset = Dataset(number, str(convert_id_to_dataset_name(number)))
    except RuntimeError as error:  # none or several
        several = "More than one" in str(error)
        cure = "rename or remove all but one" if several else "convert it first: nnunet_taichi convert --help"
        what = "several data sets of this id" if several else "no such data set"
        raise ValueError(f"{name_or_id}: nnU-Net has {what}; {cure}") from error
    if match and dataset.name != name_or_id:
        raise ValueError(f"{name_or_id}: nnU-Net knows {number} as {dataset.name}; correct the name")
    return dataset
