"""The last job of each data set and configuration: `nnunet_taichi compare`."""

import csv
from dataclasses import dataclass
from pathlib import Path

from nnunet_taichi.matrix.jobs import Job, Train, modified
from nnunet_taichi.matrix.plan_file import Benchmark
from nnunet_taichi.nnunet.datasets import Dataset


@dataclass(frozen=True, eq=False)
class Compare(Job):
    """The comparison of all trainings on a data set."""

    kind = "compare"
    benchmark: Benchmark
    dataset: Dataset
    configuration: str
    trainings: tuple[Train, ...]

    @property
    def name(self) -> str:
        """Data set and configuration."""
        return f"compare_{self.dataset.name}_{self.configuration}"

    @property
    def needs(self) -> tuple[Job, ...]:
        """All of its trainings."""
        return self.trainings

    @property
    def folder(self) -> Path:
        """Where the report goes."""
        return self.benchmark.output / f"{self.dataset.name}_{self.configuration}"

    def is_done(self) -> bool:
        """Look for a report of these trainings that is younger than each of them, and than the table of its cases."""
        report, table = self.folder / "report.html", self.folder / "per_case.csv"
        if not (report.is_file() and table.is_file() and all(training.is_done() for training in self.trainings)):
            return False
        newest = max(map(modified, [table, *(training.summary for training in self.trainings)]))
        return modified(report) >= newest and self._is_of_the_plan()

    def _is_of_the_plan(self) -> bool:
        """Read from its table of cases what the report is about; the plan may have changed since."""
        with (self.folder / "per_case.csv").open(encoding="utf-8", newline="") as file:
            compared = {(row["trainer"], row["fold"], row["plans"]) for row in csv.DictReader(file)}
        wanted = {(training.trainer, training.fold.fold, training.fold.plans) for training in self.trainings}
        # it compares whatever plans among these each trainer was trained with
        return wanted <= compared and {each[:2] for each in wanted} == {each[:2] for each in compared}

    def command(self) -> list[str]:
        """Compare; the first trainer is what the others are compared with."""
        plan, processes = self.benchmark, self.benchmark.resources_of(self.kind).cpus
        trainers, plans = (dict.fromkeys(names) for names in zip(*plan.models, strict=True))
        words = ["nnunet_taichi", "compare", "-d", str(self.dataset.id), "-c", self.configuration, "-f", *plan.folds]
        return [*words, "-tr", *trainers, "-p", *plans, "-o", str(self.folder), "-np", str(processes)]
