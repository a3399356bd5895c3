"""Checks of a plan against nnU-Net's data sets, plans and trainers. They find mistakes before anything runs."""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

import torch

from nnunet_taichi.matrix.plan_file import Benchmark, PlanError, read_plan, with_meaning
from nnunet_taichi.matrix.trainer_lookup import find_trainer
from nnunet_taichi.nnunet.datasets import Dataset, find_dataset
from nnunet_taichi.nnunet.variables import DATA_VARIABLES, EXT_VARIABLE, require_variables
from nnunet_taichi.planning.catalogue import PLANNING

CONFIGURATIONS = ("2d", "3d_fullres", "3d_lowres")  # that plans still to be made may have


def read_checked(path: Path, runs_here: bool) -> Benchmark:
    """Read a plan, and check that it can be run.

    Args:
        path: Path of PLAN.yaml.
        runs_here: Whether all of its jobs will run on this machine.

    Raises:
        PlanError: The plan has mistakes; the message lists all of them.
        ValueError: nnU-Net's variables are not set.
    """
    require_variables(*DATA_VARIABLES, EXT_VARIABLE)
    benchmark, problems = read_plan(path)
    problems += [f"{with_meaning(key)}: {problem}" for key, problem in _find_problems(benchmark)]
    if runs_here and benchmark.device == "cuda" and not torch.cuda.is_available():
        problems.append(f"{with_meaning('device')}: there is no CUDA here; write cpu, or run on a cluster")
    if problems:
        raise PlanError(path, problems)
    return benchmark


def _find_problems(benchmark: Benchmark) -> Iterator[tuple[str, str]]:
    """Yield each mistake: a key, and what is wrong with its value."""
    for trainer, _ in benchmark.trainers:
        if error := _error_of(find_trainer, trainer):
            yield "trainers", error
    datasets: dict[str, Dataset] = {}
    for name in benchmark.datasets:
        if error := _error_of(find_dataset, name):
            yield "datasets", error
            continue
        dataset = find_dataset(name)
        if dataset.name in datasets:
            yield "datasets", f"{dataset.name} is there twice, by id and by name; name it once"
        datasets[dataset.name] = dataset
    for dataset in datasets.values():
        yield from _find_problems_of(dataset, benchmark)


def _find_problems_of(dataset: Dataset, benchmark: Benchmark) -> Iterator[tuple[str, str]]:
    count = dataset.count_folds()
    if beyond := [fold for fold in benchmark.folds if fold != "all" and int(fold) >= count]:
        yield "folds", f"{dataset.name} has folds 0 to {count - 1}; leave out {', '.join(beyond)}"
    for plans in dict.fromkeys(plans for _, plans in benchmark.models):
        if error := _error_of(dataset.configurations, plans):
            yield "plans", error
        elif dataset.configurations(plans) is None and plans not in PLANNING:
            cure = f"plan them first, or choose plans that are made here: {', '.join(PLANNING)}"
            yield "plans", f"{dataset.name} has no {plans}; {cure}"
        else:
            yield from _find_problems_of_plans(dataset, plans, benchmark.configurations)


def _find_problems_of_plans(dataset: Dataset, plans: str, configurations: Sequence[str]) -> Iterator[tuple[str, str]]:
    existing = dataset.configurations(plans)
    for name in configurations:
        if name.endswith("_cascade_fullres"):
            yield "configurations", f"{name} needs what 3d_lowres predicts; train it by hand"
        elif existing is None and name not in CONFIGURATIONS:
            problem = f"{plans} of {dataset.name} will have no configuration {name}"
            yield "configurations", f"{problem}; choose from {', '.join(CONFIGURATIONS)}"
        elif existing is not None and (error := _error_of(partial(dataset.configuration, plans), name)):
            yield "configurations", error
        elif not dataset.raw.is_dir() and not dataset.is_preprocessed(plans, name):
            problem = f"{dataset.name} is not preprocessed for {plans} {name}"
            yield "datasets", f"{problem}, and there is no {dataset.raw} to do it from; restore the raw data set"


def _error_of(function: Callable[[str], object], name: str) -> str | None:
    try:
        function(name)
    except ValueError as error:
        return str(error)
    return None
