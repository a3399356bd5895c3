"""The kinds of jobs: what each needs, its command, and whether nnU-Net's own files say that it is done.

There is no other record of what is done. So all trainings count, whether they ran by hand, here, or on a cluster.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

from nnunet_taichi.difficulty.storage import read_record
from nnunet_taichi.matrix.fields import Kind
from nnunet_taichi.matrix.plan_file import Benchmark
from nnunet_taichi.nnunet.datasets import Dataset, Fold
from nnunet_taichi.nnunet.folds import SUMMARY, FoldState, read_state
from nnunet_taichi.planning.catalogue import PLANNING


class Job(ABC):
    """One command of a benchmark.

    Attributes:
        kind: Kind of the job, which decides its resources.
        needs: Jobs that must be done before.
    """

    kind: ClassVar[Kind]
    needs: tuple["Job", ...] = ()

    @property
    @abstractmethod
    def name(self) -> str:
        """Name of the job, unique in the benchmark: its kind and what it works on."""

    @property
    def lock(self) -> str:
        """Name of the lock that the job holds; no two jobs hold one lock at once."""
        return self.name

    @abstractmethod
    def is_done(self) -> bool:
        """Tell whether the results are there."""

    @abstractmethod
    def command(self) -> list[str]:
        """Return the command for the part of the job that is still to do."""


@dataclass(frozen=True, eq=False)
class Preprocess(Job):
    """Planning, where there are no plans, and preprocessing of all cases."""

    kind = "preprocess"
    benchmark: Benchmark
    dataset: Dataset
    plans: str

    @property
    def name(self) -> str:
        """Name of the job: its kind, data set and plans."""
        return f"preprocess_{self.dataset.name}_{self.plans}"

    @property
    def lock(self) -> str:
        """Name of the data set's lock: all its plans share one fingerprint, which the first job writes."""
        return f"preprocess_{self.dataset.name}"

    def _missing(self) -> list[str]:
        wanted = self.benchmark.configurations
        return [name for name in wanted if not self.dataset.is_preprocessed(self.plans, name)]

    def is_done(self) -> bool:
        """Tell whether the plans and all preprocessed cases are there."""
        return not self._missing()

    def command(self) -> list[str]:
        """Return the command. It plans only where there are no plans: existing ones may have been edited."""
        which = ["-d", str(self.dataset.id), "-c", *self._missing()]
        processes = str(self.benchmark.resources_of(self.kind).cpus)
        if self.dataset.configurations(self.plans) is None:
            return [*PLANNING[self.plans], *which, "-npfp", processes, "-np", processes]
        return ["nnUNetv2_preprocess", *which, "-plans_name", self.plans, "-np", processes]


@dataclass(frozen=True, eq=False)
class Mine(Job):
    """The training of U-Net++ and the mining of a fold's easy/hard maps, for all trainers with the same recipe."""

    kind = "mine"
    benchmark: Benchmark
    fold: Fold
    miner: str
    trainer: str  # one of those that need the maps
    needs: tuple[Job, ...]  # preprocessed cases, and the training of the U-Net++ if the plan lists it, too
    trainings: list["Train"] = field(default_factory=list)  # those that need the maps

    @property
    def name(self) -> str:
        """Name of the job: its kind, fold and U-Net++."""
        return f"mine_{self.fold.dataset.name}_{self.fold.model(self.miner)}_fold_{self.fold.fold}"

    def is_done(self) -> bool:
        """Tell whether the file is there that is written after the last map, or no training needs the maps any more."""
        maps = self.fold.folder(self.miner) / "difficulty"
        return bool(read_record(maps)) or all(training.state.is_trained for training in self.trainings)

    def command(self) -> list[str]:
        """Return the command, which resumes by itself."""
        fold = self.fold
        which = ["-d", str(fold.dataset.id), "-c", fold.configuration, "-f", fold.fold, "-tr", self.trainer]
        return ["nnunet_taichi", "mine", *which, "-p", fold.plans, "-device", self.benchmark.device]


@dataclass(frozen=True, eq=False)
class Train(Job):
    """A training and its validation."""

    kind = "train"
    benchmark: Benchmark
    fold: Fold
    trainer: str
    needs: tuple[Job, ...]  # preprocessed cases, and maps

    @property
    def name(self) -> str:
        """Name of the job: its kind, fold and trainer."""
        return f"train_{self.fold.dataset.name}_{self.fold.model(self.trainer)}_fold_{self.fold.fold}"

    @property
    def summary(self) -> Path:
        """Path of the file that the validation writes last."""
        return self.fold.folder(self.trainer) / SUMMARY

    @property
    def state(self) -> FoldState:
        """State of the training, from the files of its fold."""
        return read_state(self.fold.folder(self.trainer))

    def is_done(self) -> bool:
        """Tell whether there is a complete validation that is not of earlier weights."""
        return self.state is FoldState.FINISHED

    def command(self) -> list[str]:
        """Return the command that starts the training, continues it, or only validates."""
        fold, gpus = self.fold, self.benchmark.resources_of(self.kind).gpus
        words = ["nnUNetv2_train", str(fold.dataset.id), fold.configuration, fold.fold, "-tr", self.trainer]
        words += ["-p", fold.plans, "-device", self.benchmark.device]
        words += ["-num_gpus", str(gpus)] if gpus > 1 else []
        flag = self.state.flag
        return [*words, flag] if flag else words
