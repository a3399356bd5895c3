"""All jobs of a benchmark, and which of them are still to do."""

from collections.abc import Iterator, Sequence
from itertools import product

from nnunet_taichi.matrix.comparison_job import Compare
from nnunet_taichi.matrix.jobs import Job, Mine, Preprocess, Train
from nnunet_taichi.matrix.plan_file import Benchmark
from nnunet_taichi.matrix.trainer_lookup import find_trainer, miner_name
from nnunet_taichi.nnunet.datasets import Fold, find_dataset


def make_jobs(benchmark: Benchmark) -> list[Job]:
    """Make all jobs, each after those that it needs."""
    jobs: dict[str, Job] = {}

    def add(job: Job) -> None:
        for need in job.needs:
            add(need)
        jobs[job.name] = job

    for comparison in _comparisons(benchmark):
        add(comparison)
    return list(jobs.values())


def _comparisons(benchmark: Benchmark) -> Iterator[Compare]:
    """Make the last job of each data set and configuration, with all jobs that it needs."""
    trainings = _Trainings(benchmark)
    for dataset in map(find_dataset, benchmark.datasets):
        prepared = {plans: Preprocess(benchmark, dataset, plans) for _, plans in benchmark.models}
        for configuration in benchmark.configurations:
            needs = (
                trainings.make(Fold(dataset, configuration, plans, fold), trainer, prepared[plans])
                for fold, (trainer, plans) in product(benchmark.folds, benchmark.models)
            )
            yield Compare(benchmark, dataset, configuration, tuple(needs))


class _Trainings:
    """Makes each training once, and each mining once for all trainings that share it."""

    def __init__(self, benchmark: Benchmark) -> None:
        self.benchmark = benchmark
        self.trained: dict[tuple[Fold, str], Train] = {}
        self.mined: dict[tuple[Fold, str], Mine] = {}

    def make(self, fold: Fold, trainer: str, preprocess: Preprocess) -> Train:
        if (fold, trainer) not in self.trained:
            miner = miner_name(find_trainer(trainer), fold.folder(trainer))
            mine = self._mine(fold, miner, trainer, preprocess) if miner else None
            needs = (preprocess, mine) if mine else (preprocess,)
            training = self.trained[fold, trainer] = Train(self.benchmark, fold, trainer, needs)
            if mine:
                mine.trainings.append(training)
        return self.trained[fold, trainer]

    def _mine(self, fold: Fold, miner: str, trainer: str, preprocess: Preprocess) -> Mine:
        if (fold, miner) not in self.mined:
            listed = (miner, fold.plans) in self.benchmark.models  # two jobs must not train one model at once
            needs = (preprocess, self.make(fold, miner, preprocess)) if listed else (preprocess,)
            self.mined[fold, miner] = Mine(self.benchmark, fold, miner, trainer, needs)
        return self.mined[fold, miner]


def find_job(jobs: Sequence[Job], name: str) -> Job:
    """Find a job by its name.

    Raises:
        ValueError: There is no job of this name.
    """
    for job in jobs:
        if job.name == name:
            return job
    raise ValueError(f"the plan has no job {name}. Its jobs are:\n  " + "\n  ".join(job.name for job in jobs))


def to_do(jobs: Sequence[Job]) -> list[Job]:
    """Leave out jobs that are done, and jobs that only those need, such as preprocessing for finished trainings."""
    left: list[Job] = []
    needed = set(jobs) - {need for job in jobs for need in job.needs}
    for job in reversed(jobs):
        if job in needed and not job.is_done():
            left.append(job)
            needed.update(job.needs)
    return left[::-1]
