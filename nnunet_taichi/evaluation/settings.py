"""The settings that runs were trained with, and whether they are the same."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from nnunet_taichi.evaluation.predictions import Run, some
from nnunet_taichi.nnunet.folds import LENGTHS, Training

MATTERING = ("patch_size", "batch_size", "spacing", "normalization_schemes", "batch_dice", "architecture")
SLIM = "nnUNetPlannerTaichiSlim"  # start of the names of Slim planners
SHOWN = 5  # differences that a message lists

Settings = Mapping[str, Any]


def mixed_plans(runs: Sequence[Run]) -> Iterator[str]:
    """Find runs whose folds were trained with different plans."""
    for run in runs:
        known = {f"fold_{fold}": _trained(each) for fold, each in run.trainings.items() if each.configuration}
        if different := differences(known):
            cure = f"train all anew with one plans file: {run.command(next(iter(run.trainings)))}"
            yield f"{run.name}: its folds were trained with different plans ({some(different, SHOWN)}); {cure}"


def other_labels(runs: Sequence[Run]) -> Iterator[str]:
    """Find runs that do not predict the same labels."""
    labels = {
        run.name: {"labels": str(dict(sorted(run.labels.items()))), "ignore": run.dataset_json["labels"].get("ignore")}
        for run in runs  # sorted: the order of labels does not matter
    }
    if different := differences(labels):
        yield f"the runs predict different labels ({some(different, SHOWN)}); compare those of one dataset.json"


def other_plans(runs: Sequence[Run]) -> Iterator[str]:
    """Find runs that differ in more than their trainer."""
    if different := differences({run.name: _settings(run) for run in runs}):
        text = f"the runs differ in more than their trainer: {some(different, SHOWN)}"
        planners = {run.name: str(run.plans_json.get("experiment_planner_used", "")) for run in runs}
        if slim := [name for name, planner in planners.items() if planner.startswith(SLIM)]:
            text += (
                f". {some(slim)}: trained on Slim plans; on these, two paths cost about as much as one U-Net on stock "
                "plans"
            )
        yield text


def other_data(runs: Sequence[Run]) -> Iterator[str]:
    """Find runs that were trained on another state of the data set than the first run."""
    known = [run for run in runs if run.fingerprint]
    if other := [run.name for run in known if run.fingerprint != known[0].fingerprint]:
        yield f"the data set was in another state when {some(other)} was trained: dataset_fingerprint.json differs"


def _settings(run: Run) -> Settings:
    """Return the settings that may explain a difference between runs, besides the trainer."""
    plans = run.plans_json
    if not run.trainings:
        return {f"{key} of plans.json": plans[key] for key in ("dataset_name", "plans_name") if key in plans}
    trained = (_trained(each) for each in run.trainings.values() if each.configuration)
    return {"plans": run.plans} | next(trained, _planned(plans, run.configuration))


def _trained(training: Training) -> dict[str, Any]:
    """Return the settings that a fold was trained with."""
    configuration = training.configuration
    lengths = {key: configuration[key] for key in LENGTHS if key in configuration}
    return {key: configuration.get(key) for key in MATTERING} | lengths


def _planned(plans: Settings, name: str) -> dict[str, Any]:
    """Return the settings of a configuration in a model's plans.json; {} if they cannot be read."""
    try:
        planned = _with_inherited(plans["configurations"], name)
        return {key: planned.get(key) for key in MATTERING}
    except (AttributeError, KeyError, TypeError):
        return {}


def _with_inherited(configurations: Mapping[str, dict[str, Any]], name: str) -> dict[str, Any]:
    parent = configurations[name].get("inherits_from")
    return (_with_inherited(configurations, parent) if parent else {}) | configurations[name]


def differences(settings: Mapping[str, Settings]) -> list[str]:
    """Say in which settings their owners differ. An owner whose setting is not known does not differ in it.

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
    """Flatten nested settings; a key is then the path of keys, joined by dots."""
    flat: dict[str, Any] = {}
    for key, value in values.items():
        flat |= _flatten(value, f"{prefix}{key}.") if isinstance(value, dict) else {f"{prefix}{key}": value}
    return flat
