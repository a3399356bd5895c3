"""What runs were trained with, and whether it is the same."""

import ast
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from nnunet_taichi.evaluation.predictions import Run, some
from nnunet_taichi.nnunet.json_files import read_json

MATTERING = ("patch_size", "batch_size", "spacing", "normalization_schemes", "batch_dice", "architecture")
LENGTHS = ("num_epochs", "num_iterations_per_epoch")
SLIM = "nnUNetPlannerTaichiSlim"  # start of the names of Slim planners
SHOWN = 5  # differences that a message lists

Settings = Mapping[str, Any]


def mixed_plans(runs: Sequence[Run]) -> Iterator[str]:
    """Find runs whose folds were trained with different plans."""
    for run in runs:
        known = {f"fold_{fold}": trained_settings(folder) for fold, folder in run.fold_folders.items()}
        if different := differences({fold: settings for fold, settings in known.items() if settings}):
            cure = f"train all anew with one plans file: {run.command(next(iter(run.fold_folders)))}"
            yield f"{run.name}: its folds were trained with different plans ({some(different, SHOWN)}); {cure}"


def other_labels(runs: Sequence[Run]) -> Iterator[str]:
    """Find runs that do not predict the same labels."""
    labels = {
        run.name: {"labels": str(dict(sorted(run.labels.items()))), "ignore": run.ignore_label}  # in whatever order
        for run in runs
    }
    if different := differences(labels):
        yield f"the runs predict different labels ({some(different, SHOWN)}); compare those of one dataset.json"


def other_plans(runs: Sequence[Run]) -> Iterator[str]:
    """Find runs that differ in more than their trainer."""
    if different := differences({run.name: _settings(run) for run in runs}):
        text = f"the runs differ in more than their trainer: {some(different, SHOWN)}"
        if slim := [run.name for run in runs if _planner(run).startswith(SLIM)]:
            text += (
                f". {some(slim)}: trained on Slim plans, on which two paths cost as much as one U-Net on stock plans"
            )
        yield text


def other_data(runs: Sequence[Run]) -> Iterator[str]:
    """Find runs that were trained on another state of the data set."""
    prints = {run.name: read_json(run.folder / "dataset_fingerprint.json") for run in runs if run.fold_folders}
    known = [fingerprint for fingerprint in prints.values() if fingerprint]
    if other := [name for name, fingerprint in prints.items() if fingerprint and fingerprint != known[0]]:
        yield f"the data set was another one when {some(other)} was trained: dataset_fingerprint.json differs"


def _planner(run: Run) -> str:
    """Name the planner of a run's plans."""
    plans = read_json(run.folder / "plans.json")
    return str(plans.get("experiment_planner_used", "")) if isinstance(plans, dict) else ""


def _settings(run: Run) -> Settings:
    """Read what may explain a difference between runs, besides the trainer."""
    if not run.fold_folders:
        plans = read_json(run.folder / "plans.json") or {}
        return {f"{key} of plans.json": plans[key] for key in ("dataset_name", "plans_name") if key in plans}
    trained = (trained_settings(folder) for folder in run.fold_folders.values())
    settings = next(filter(None, trained), None) or planned_settings(run.folder, run.configuration) or {}
    return {"plans": run.plans, **settings}


def trained_settings(fold_folder: Path) -> Settings | None:
    """Read what a fold was trained with (the model's plans.json is that of the fold trained last)."""
    try:  # nnU-Net keeps the configuration as text
        record = read_json(fold_folder / "debug.json")
        configuration = ast.literal_eval(record["configuration_manager"])
        lengths = {key: record[key] for key in LENGTHS if key in record}
        return {key: configuration.get(key) for key in MATTERING} | lengths
    except (AttributeError, KeyError, SyntaxError, TypeError, ValueError):
        return None


def planned_settings(model_folder: Path, configuration: str) -> Settings | None:
    """Read what a model's plans.json says that it is trained with."""
    try:
        planned = _with_inherited(read_json(model_folder / "plans.json")["configurations"], configuration)
        return {key: planned.get(key) for key in MATTERING}
    except (AttributeError, KeyError, TypeError):
        return None


def _with_inherited(configurations: Mapping[str, dict[str, Any]], name: str) -> dict[str, Any]:
    parent = configurations[name].get("inherits_from")
    return (_with_inherited(configurations, parent) if parent else {}) | configurations[name]


def differences(settings: Mapping[str, Settings]) -> list[str]:
    """Say in which settings their owners differ; one that is not known to all is no difference.

    >>> differences({"a": {"network": {"stages": 6}}, "b": {"network": {"stages": 7}}})
    ['network.stages 6 (a), 7 (b)']
    """
    flat = {owner: _flatten(values) for owner, values in settings.items()}
    found = []
    for key in dict.fromkeys(key for values in flat.values() for key in values):
        owners: dict[str, list[str]] = {}
        for owner, values in flat.items():
            if key in values:
                owners.setdefault(str(values[key]), []).append(owner)
        if len(owners) > 1:
            found.append(f"{key} " + ", ".join(f"{value} ({some(names)})" for value, names in owners.items()))
    return found


def _flatten(values: Settings, prefix: str = "") -> dict[str, Any]:
    """Give nested settings one key each."""
    flat: dict[str, Any] = {}
    for key, value in values.items():
        flat |= _flatten(value, f"{prefix}{key}.") if isinstance(value, dict) else {f"{prefix}{key}": value}
    return flat
