"""`--like PLANS`: existing plans of a data set, with slim widths."""

import argparse
import json
from pathlib import Path
from typing import Any

from nnunetv2.paths import nnUNet_preprocessed

from nnunet_taichi.architectures import TAICHINET
from nnunet_taichi.planning.planners import NamedPlanner
from nnunet_taichi.planning.slim import SlimPlanner, slim_plans
from nnunet_taichi.runtime.files import write_whole


def check_arguments(args: argparse.Namespace, planner: type[NamedPlanner]) -> None:
    """Refuse arguments that do not fit `--like`.

    Raises:
        ValueError: The arguments do not fit `--like`.
    """
    if not issubclass(planner, SlimPlanner):
        raise ValueError(f"--like slims plans, and {planner.__name__} does not: add -pl nnUNetPlannerTaichiSlim.")
    if args.gpu_memory_target or args.overwrite_target_spacing:
        raise ValueError(
            f"patch, batch and spacing are those of {args.like}: leave out -gpu_memory_target and "
            "-overwrite_target_spacing, or --like."
        )
    name = args.overwrite_plans_name or planner.default_name
    if name == args.like:
        raise ValueError(
            f"the new plans would overwrite {name}, which they are made from: choose another name with "
            "-overwrite_plans_name."
        )


def plan_like(planner_class: type[NamedPlanner], dataset_id: int, source: str, name: str | None) -> tuple[dict, str]:
    """Write existing plans of a data set anew, with slim widths.

    Args:
        planner_class: Planner that the user named.
        dataset_id: Number of the data set.
        source: Name of the existing plans.
        name: Name of the new plans (default: the planner's).

    Returns:
        The new plans and their name.

    Raises:
        ValueError: The plans do not exist, or cannot be slimmed; or other plans have the new name.
    """
    planner = planner_class(dataset_id, **({"plans_name": name} if name else {}))
    folder = Path(nnUNet_preprocessed, planner.dataset_name)
    known = _read_plans(folder)
    if source not in known:
        there = f"These are there: {', '.join(known)}." if known else "There are none yet: plan without --like."
        raise ValueError(f"{planner.dataset_name} has no plans {source} that can be read. {there}")
    plans = known[source]
    try:
        _check_plans(source, plans)
        plans = slim_plans(plans, planner.dataset_json)
    except (AttributeError, AssertionError, ImportError, LookupError, TypeError) as error:  # edited, or torn
        reason = f"{type(error).__name__}: {error}"
        raise ValueError(
            f"{source} are no plans of a network that can be built, so they cannot be slimmed ({reason})."
        ) from error
    plans |= {"plans_name": planner.plans_identifier, "experiment_planner_used": planner_class.__name__}
    file = folder / f"{planner.plans_identifier}.json"
    text = json.dumps(plans, indent=4) + "\n"
    if file.stem in known and known[file.stem] != json.loads(text):
        raise ValueError(
            f"other plans are there as {file.stem} already, and models may depend on them. Choose another name with "
            f"-overwrite_plans_name, or remove {file}."
        )
    write_whole(file, text)
    print(f"Plans were saved to {file}")
    return plans, planner.plans_identifier


def _check_plans(name: str, plans: dict) -> None:
    architectures = (configuration.get("architecture", {}) for configuration in plans["configurations"].values())
    if any(architecture.get("network_class_name") == TAICHINET for architecture in architectures):
        raise ValueError(f"{name} hold TaiChiNet itself: name plans of the U-Net that it is built around.")
    if plans.get("experiment_planner_used") in {planner.__name__ for planner in SlimPlanner.__subclasses__()}:
        raise ValueError(f"{name} are slim already: give the plans that they were made from.")


def _read_plans(folder: Path) -> dict[str, dict[str, Any]]:
    """Read all plans of a data set, by their names."""
    found = {}
    for file in sorted(folder.glob("*.json")):
        try:
            content = json.loads(file.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            continue
        if isinstance(content, dict) and isinstance(content.get("configurations"), dict):
            found[file.stem] = content
    return found
