"""The keys of a PLAN.yaml: how the value of each is read, and refused."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

DEVICES = ("cuda", "cpu", "mps")
KINDS = {type(None): "nothing", bool: "true or false", dict: "a mapping", list: "a list", str: "text", int: "a number"}


@dataclass(frozen=True)
class Resources:
    """What one job may take."""

    cpus: int
    gpus: int
    memory_gb: float
    hours: float


DEFAULTS = {
    "preprocess": Resources(cpus=8, gpus=0, memory_gb=32, hours=6),
    "mine": Resources(cpus=12, gpus=1, memory_gb=32, hours=24),
    "train": Resources(cpus=12, gpus=1, memory_gb=32, hours=48),
    "compare": Resources(cpus=8, gpus=0, memory_gb=32, hours=4),
}


def read_names(value: Any, *types: type) -> tuple[str, ...]:
    """Read one value or a list of values, as text.

    Raises:
        ValueError: one is of no such type, or there twice; or there is none.
    """
    values = value if isinstance(value, list) else [value]
    types = types or (str,)
    for item in values:
        if type(item) not in types or item == "" or (type(item) is int and item < 0):
            expected = " or ".join("a number from 0 on" if kind is int else KINDS[kind] for kind in types)
            raise ValueError(f"expected {expected}, or a list of such, got {describe(item)}")
    names = [str(item) for item in values]
    if twice := [name for name in dict.fromkeys(names) if names.count(name) > 1]:
        raise ValueError(f"{', '.join(twice)} is there twice; name each once")
    if not names:
        raise ValueError("the list is empty; name at least one")
    return tuple(names)


def read_datasets(value: Any) -> tuple[str, ...]:
    """Read ids and names."""
    return read_names(value, int, str)


def read_trainers(value: Any) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """Read names, each with its own plans or with none.

    >>> read_trainers(["nnUNetTrainer", {"nnUNetTrainerTaichi": "nnUNetTaichiPlans"}])
    (('nnUNetTrainer', ()), ('nnUNetTrainerTaichi', ('nnUNetTaichiPlans',)))
    """
    own_plans: dict[str, tuple[str, ...]] = {}
    names = []
    for item in value if isinstance(value, list) else [value]:
        pairs = item if isinstance(item, dict) else {item: None}
        names += list(pairs)
        own_plans |= {name: read_names(plans) if plans is not None else () for name, plans in pairs.items()}
    return tuple((name, own_plans[name]) for name in read_names(names))


def read_folds(value: Any) -> tuple[str, ...]:
    """Read fold numbers, or all."""
    folds = read_names(value, int, str)
    if wrong := [fold for fold in folds if fold != "all" and not fold.isdecimal()]:
        raise ValueError(f"there is no fold {', '.join(wrong)}; folds are numbers from 0 on, or all")
    return folds


def read_device(value: Any) -> str:
    """Read what to train on."""
    if value not in DEVICES:
        raise ValueError(f"expected one of {', '.join(DEVICES)}, got {describe(value)}")
    return value


def read_output(value: Any) -> Path:
    """Read the path of a folder."""
    if not isinstance(value, str) or not value:
        raise ValueError(f"expected the path of a folder, got {describe(value)}")
    return Path(value).expanduser()


def read_resources(value: Any) -> dict[str, Resources]:
    """Put what a plan says in the place of the defaults."""
    if not isinstance(value, dict):
        raise ValueError(f"expected lines as 'train: {{gpus: 1, hours: 48}}', got {describe(value)}")
    if unknown := [str(kind) for kind in value if kind not in DEFAULTS]:
        raise ValueError(f"there are no jobs {', '.join(unknown)}; jobs are {', '.join(DEFAULTS)}")
    return {kind: replace(default, **_read_amounts(kind, value.get(kind, {}))) for kind, default in DEFAULTS.items()}


def _read_amounts(kind: str, value: Any) -> dict[str, Any]:
    fields = Resources.__annotations__
    if not isinstance(value, dict) or not set(value) <= set(fields):
        raise ValueError(f"{kind}: expected some of {', '.join(fields)}, got {describe(value)}")
    for name, amount in value.items():
        types, least = ((int,), int(name != "gpus")) if fields[name] is int else ((int, float), 0.01)
        if type(amount) not in types or amount < least:
            number = "a whole number" if fields[name] is int else "a number"
            raise ValueError(f"{kind}: {name} is {number} from {least} on, got {describe(amount)}")
    return value


def describe(value: Any) -> str:
    """Show a value and its type, as YAML's users know it.

    >>> describe(True)
    'True (true or false)'
    """
    return f"{value!r} ({KINDS.get(type(value), type(value).__name__)})"


READERS: dict[str, Callable[[Any], Any]] = {
    "datasets": read_datasets,
    "trainers": read_trainers,
    "configurations": read_names,
    "plans": read_names,
    "folds": read_folds,
    "device": read_device,
    "output": read_output,
    "resources": read_resources,
}
