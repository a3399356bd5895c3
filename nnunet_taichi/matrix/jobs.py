"""The kinds of jobs: what each needs, the command for it, and whether nnU-Net's own files say that it is done.

There is no other record of what is done, so trainings of any origin count: by hand, here, or on a cluster.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

from nnunet_taichi.matrix.fields import Kind
from nnunet_taichi.matrix.plan_file import Benchmark
from nnunet_taichi.nnunet.datasets import Dataset, Fold
from nnunet_taichi.nnunet.folds import SUMMARY, FoldState, read_state
from nnunet_taichi.planning.catalogue import PLANNING


class Job(ABC):
    """One command of a benchmark.

    Attributes:
        kind: What it is, for resources.
        needs: What must be done before.
    """

    kind: ClassVar[Kind]
    needs: tuple["Job", ...] = ()

    @property
    @abstractmethod
    def name(self) -> str:
        """Its kind and what it is about; no other job of the benchmark is called so."""

    @property
    def lock(self) -> str:
        """What no two jobs may hold at once."""
        return self.name

    @abstractmethod
    def is_done(self) -> bool:
        """Look whether the results are there."""

    @abstractmethod
    def command(self) -> list[str]:
        """Return the command for what is still to do of it."""


@dataclass(frozen=True, eq=False)
class Preprocess(Job):
    """Plans where there are none, and preprocessed cases."""

    kind = "preprocess"
    benchmark: Benchmark
    dataset: Dataset
    plans: str

    @property
    def name(self) -> str:
        """Data set and plans."""
        return f"preprocess_{self.dataset.name}_{self.plans}"

    @property
    def lock(self) -> str:
        """All plans of a data set have one fingerprint, which the first of them writes."""
        return f"preprocess_{self.dataset.name}"

    def _missing(self) -> list[str]:
        wanted = self.benchmark.configurations
        return [name for name in wanted if not self.dataset.is_preprocessed(self.plans, name)]

    def is_done(self) -> bool:
        """Look for plans and for each case."""
        return not self._missing()

    def command(self) -> list[str]:
        """Plan only where there are no plans: they may have been edited."""
        which = ["-d", str(self.dataset.id), "-c", *self._missing()]
        processes = str(self.benchmark.resources_of(self.kind).cpus)
        if self.dataset.configurations(self.plans) is None:
            return [*PLANNING[self.plans], *which, "-npfp", processes, "-np", processes]
        return ["nnUNetv2_preprocess", *which, "-plans_name", self.plans, "-np", processes]


@dataclass(frozen=True, eq=False)
class Mine(Job):
    """U-Net++ and the easy/hard maps of a fold, for all trainers with the same recipe."""

    kind = "mine"
    benchmark: Benchmark
    fold: Fold
    miner: str
    trainer: str  # one that needs it
    needs: tuple[Job, ...]  # preprocessed cases, and the training of the U-Net++ where the plan has it as well
    trainings: list["Train"] = field(default_factory=list)  # that need it

    @property
    def name(self) -> str:
        """Fold and U-Net++."""
        return f"mine_{self.fold.dataset.name}_{self.fold.model(self.miner)}_fold_{self.fold.fold}"

    def is_done(self) -> bool:
        """Look for the file that is written after the last map, or for trainings that need no maps any more."""
        last = self.fold.folder(self.miner) / "difficulty" / "difficulty.json"
        return last.is_file() or all(training.state.is_trained for training in self.trainings)

    def command(self) -> list[str]:
        """It resumes by itself."""
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
        """Fold and trainer."""
        return f"train_{self.fold.dataset.name}_{self.fold.model(self.trainer)}_fold_{self.fold.fold}"

    @property
    def summary(self) -> Path:
        """What the validation ends in."""
        return self.fold.folder(self.trainer) / SUMMARY

    @property
    def state(self) -> FoldState:
        """What became of it so far."""
        return read_state(self.fold.folder(self.trainer))

    def is_done(self) -> bool:
        """Look for a whole validation, and that it is not of earlier weights."""
        return self.state is FoldState.FINISHED

    def command(self) -> list[str]:
        """Start, go on, or only validate."""
        fold, gpus = self.fold, self.benchmark.resources_of(self.kind).gpus
        words = ["nnUNetv2_train", str(fold.dataset.id), fold.configuration, fold.fold, "-tr", self.trainer]
        words += ["-p", fold.plans, "-device", self.benchmark.device]
        words += ["-num_gpus", str(gpus)] if gpus > 1 else []
        flag = self.state.flag
        return [*words, flag] if flag else words
