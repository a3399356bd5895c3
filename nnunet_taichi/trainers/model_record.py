"""A model's configuration, recorded in its plans.json, which nnU-Net loads for prediction and further folds."""

from collections.abc import Mapping
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import Any

from nnunet_taichi.config import MACHINE, PUBLISHED, TaiChiConfig
from nnunet_taichi.nnunet.folds import has_checkpoint
from nnunet_taichi.nnunet.json_files import require_json

REGIONS_KEY, CONFIG_KEY = "nnunet_taichi_regions", "nnunet_taichi_config"  # keys in plans.json


def record(config: TaiChiConfig) -> dict[str, Any]:
    """Return what a model's plans record of a configuration: all fields but those about the machine."""
    return {name: value for name, value in asdict(config).items() if name not in MACHINE}


def configuration_in(plans: Mapping[str, Any], config: TaiChiConfig, is_frozen: bool = False) -> TaiChiConfig:
    """Return the configuration of the model that has these plans.

    Args:
        plans: Plans of a model, or of a data set, which belong to no model yet.
        config: Configuration of the trainer's class, which a new model gets. A model without a record gets its fields
            that differ from today's defaults, and the defaults of 0.1.0 for the rest.
        is_frozen: Whether the class has had this configuration in all versions.

    Returns:
        The recorded configuration, with the fields about the machine from `config`. Fields that are newer than the
        record have the values of `PUBLISHED`, with which they change nothing.

    Raises:
        ValueError: The record has a field that this version does not know.
    """
    if CONFIG_KEY in plans:
        known = plans[CONFIG_KEY]
        if not isinstance(known, dict):
            raise ValueError(
                f"{CONFIG_KEY} in the model's plans.json is {known!r}, no configuration: restore the file."
            )
        if unknown := known.keys() - {field.name for field in fields(TaiChiConfig)}:
            raise ValueError(
                f"The model's plans.json has {', '.join(sorted(unknown))} under {CONFIG_KEY}, which this version of "
                "nnunet_taichi does not know: install the version that trained it, or a later one."
            )
        return replace(PUBLISHED, **{name: getattr(config, name) for name in MACHINE}, **known)
    if REGIONS_KEY not in plans or is_frozen:
        return config
    defaults = record(TaiChiConfig())
    unchosen = [name for name, value in record(config).items() if value == defaults[name]]
    return replace(config, **{name: getattr(PUBLISHED, name) for name in unchosen})


def configuration_of_model(
    fold_folder: str | Path, goes_on: bool, config: TaiChiConfig, is_frozen: bool = False
) -> TaiChiConfig:
    """Return the configuration of the model that a fold belongs to, or `config` if no fold of the model was begun.

    Args:
        fold_folder: Folder of the fold, in the folder of the trainer, plans and configuration.
        goes_on: Whether this fold's training is continued. If it starts anew, only the other folds count.
        config: Configuration of the trainer's class.
        is_frozen: Whether the class has had this configuration in all versions.
    """
    fold = Path(fold_folder)
    folds = [each for each in fold.parent.glob("fold_*") if goes_on or each.name != fold.name]
    plans = fold.parent / "plans.json"
    if not plans.is_file() or not any(map(has_checkpoint, folds)):
        return config
    return configuration_in(require_json(plans, "configurations"), config, is_frozen)
