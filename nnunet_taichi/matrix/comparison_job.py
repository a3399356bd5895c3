"""The last job of each data set and configuration: `nnunet_taichi compare`."""

import csv
from dataclasses import dataclass
from pathlib import Path

from nnunet_taichi.matrix.jobs import Job, Train
from nnunet_taichi.matrix.plan_file import Benchmark
from nnunet_taichi.nnunet.datasets import Dataset


@dataclass(frozen=True, eq=False)
class Compare(Job):
    """The comparison of all trainings with one configuration on a data set."""

    kind = "compare"
    benchmark: Benchmark
    dataset: Dataset
    configuration: str
    needs: tuple[Train, ...]  # all trainings

    @property
    def name(self) -> str:
        """Name of the job: its kind, data set and configuration."""
        return f"compare_{self.dataset.name}_{self.configuration}"

    @property
    def folder(self) -> Path:
        """Folder of the report."""
        return self.benchmark.output / f"{self.dataset.name}_{self.configuration}"

    @property
    def report(self) -> Path:
        """Path of the page, which is written last."""
        return self.folder / "report.html"

    def is_done(self) -> bool:
        """Tell whether a report of these trainings is there, and not older than any of them or its table of cases."""
        table = self.folder / "per_case.csv"
        if not (self.report.is_file() and table.is_file() and all(training.is_done() for training in self.needs)):
            return False
        newest = max(file.stat().st_mtime for file in (table, *(training.summary for training in self.needs)))
        return self.report.stat().st_mtime >= newest and self._is_of_the_plan(table)

    def _is_of_the_plan(self, table: Path) -> bool:
        """Tell from the table of cases whether the report is of these trainings: the plan may have changed since."""
        try:
            with table.open(encoding="utf-8", newline="") as file:
                compared = {(row["trainer"], row["fold"], row["plans"]) for row in csv.DictReader(file)}
        except (KeyError, UnicodeDecodeError, csv.Error):  # somebody else's table
            return False
        wanted = {(training.trainer, training.fold.fold, training.fold.plans) for training in self.needs}
        # `compare` takes each of these plans that a trainer was trained with, so there may be more than were asked for
        return wanted <= compared and {each[:2] for each in wanted} == {each[:2] for each in compared}

    def command(self) -> list[str]:
        """Return the command that compares the trainings, with the first trainer as the one to compare with."""
        plan, processes = self.benchmark, self.benchmark.resources_of(self.kind).cpus
        trainers, plans = (dict.fromkeys(names) for names in zip(*plan.models, strict=True))
        words = ["nnunet_taichi", "compare", "-d", str(self.dataset.id), "-c", self.configuration, "-f", *plan.folds]
        return [*words, "-tr", *trainers, "-p", *plans, "-o", str(self.folder), "-np", str(processes)]
