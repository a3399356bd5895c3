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

DEFAULT_FOLDS = 5  # that the host makes where no file says otherwise


@dataclass(frozen=True)
class Dataset:
    """A data set that nnU-Net has, raw or preprocessed."""

    id: int
    name: str

    @property
    def raw(self) -> Path:
        """Its folder of images."""
        return Path(nnUNet_raw, self.name)

    @property
    def preprocessed(self) -> Path:
        """Its folder of plans and of preprocessed cases."""
        return Path(nnUNet_preprocessed, self.name)

    @property
    def results(self) -> Path:
        """Its folder of models."""
        return Path(nnUNet_results, self.name)

    def configurations(self, plans: str) -> list[str] | None:
        """Name the configurations of its plans, or return None where there are no such plans.

        Raises:
            ValueError: they cannot be read; they are not made anew, for somebody may have edited them.
        """
        file = self.preprocessed / f"{plans}.json"
        if not file.is_file():
            return None
        with _reading(file) as manager:
            return list(manager.available_configurations)

    def configuration(self, plans: str, name: str) -> ConfigurationManager:
        """Read a configuration of its plans; the others, which nobody asked for, may be half made.

        Raises:
            ValueError: there is none of this name, or it cannot be read.
        """
        names = self.configurations(plans) or ()
        if name not in names:
            raise ValueError(f"{plans} of {self.name} have {', '.join(names) or 'nothing'}, but no {name}")
        with _reading(self.preprocessed / f"{plans}.json") as manager:
            return manager.get_configuration(name)

    def is_preprocessed(self, plans: str, configuration: str) -> bool:
        """Tell whether all of its cases are there; an interruption leaves only some."""
        if configuration not in (self.configurations(plans) or ()):
            return False
        return is_complete(self.preprocessed, self.configuration(plans, configuration).data_identifier)

    def check_splits(self) -> None:
        """Check what nnU-Net asserts when it plans: folds beside the raw data are those beside the preprocessed data.

        Raises:
            ValueError: They are not, or cannot be read.
        """
        given, used = (read_splits(folder) for folder in (self.raw, self.preprocessed))
        files = [folder / SPLITS for folder in (self.raw, self.preprocessed)]
        pairs = zip(given, used, strict=False)
        same = all(set(one[part]) == set(other[part]) for one, other in pairs for part in ("train", "val"))
        if all(file.is_file() for file in files) and not (given and same and len(given) <= len(used)):
            raise ValueError(
                f"{files[1]} has other folds than {files[0]}, and nnU-Net plans only where they agree. Trained "
                "models have the former. Delete the one that you do not want."
            )

    def count_folds(self) -> int:
        """Count the folds of the file that nnU-Net follows; beyond them it makes up a random split."""
        splits = (read_splits(folder) for folder in (self.preprocessed, self.raw))
        return next((len(split) for split in splits if split), DEFAULT_FOLDS)


@contextmanager
def _reading(plans: Path) -> Iterator[PlansManager]:
    """Say of nnU-Net's errors about plans which file is to be mended."""
    try:
        yield PlansManager(str(plans))
    except (KeyError, TypeError, AttributeError, ValueError, RuntimeError) as error:
        cause = f"{type(error).__name__}: {error}"
        raise ValueError(f"{plans} are no plans that can be read; mend or delete them ({cause})") from error


@dataclass(frozen=True)
class Fold:
    """What a training is about, whatever the trainer."""

    dataset: Dataset
    configuration: str
    plans: str
    fold: str

    def model(self, trainer: str) -> str:
        """Name a model as nnU-Net does."""
        return f"{trainer}__{self.plans}__{self.configuration}"

    def folder(self, trainer: str) -> Path:
        """Return where nnU-Net keeps what this trainer made of it."""
        return self.dataset.results / self.model(trainer) / f"fold_{self.fold}"


def find_dataset(name_or_id: str) -> Dataset:
    """Find a data set by its id or name.

    Raises:
        ValueError: nnU-Net has none, or several of the same id.
    """
    match = re.fullmatch(r"Dataset(\d{3,})_.+", name_or_id)
    if not match and not name_or_id.isdecimal():
        raise ValueError(f"{name_or_id} is neither an id nor a name as Dataset101_BUSI")
    number = int(match[1] if match else name_or_id)
    try:
        dataset = Dataset(number, str(convert_id_to_dataset_name(number)))
    except RuntimeError as error:  # none or several
        several = "More than one" in str(error)
        cure = "rename or remove all but one" if several else "convert it first: nnunet_taichi convert --help"
        raise ValueError(f"{name_or_id}: nnU-Net has {'several' if several else 'none'}; {cure}") from error
    if match and dataset.name != name_or_id:
        raise ValueError(f"{name_or_id}: nnU-Net knows {number} as {dataset.name}; correct the name")
    return dataset
