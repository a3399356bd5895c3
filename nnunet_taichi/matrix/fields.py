"""The types of the values in a PLAN.yaml."""

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from pydantic import AfterValidator, BaseModel, BeforeValidator, Field, NonNegativeInt, PositiveFloat, PositiveInt

from nnunet_taichi.nnunet.folds import FOLD

T = TypeVar("T")


class Resources(BaseModel, extra="forbid", frozen=True, strict=True, allow_inf_nan=False):
    """Resources that one job may take."""

    cpus: PositiveInt = 8
    gpus: NonNegativeInt = 0
    memory_gb: PositiveFloat = 32
    hours: PositiveFloat = 4


Kind = Literal["preprocess", "mine", "train", "compare"]
DEFAULTS: dict[Kind, Resources] = {
    "preprocess": Resources(hours=6),
    "mine": Resources(cpus=12, gpus=1, hours=24),
    "train": Resources(cpus=12, gpus=1, hours=48),
    "compare": Resources(),
}


def _list(value: Any) -> list:
    """Put a value that is not a list into one."""
    return value if isinstance(value, list) else [value]


def _check_once(names: Sequence[T]) -> Sequence[T]:
    if twice := [str(name) for number, name in enumerate(names) if name in names[:number]]:
        raise ValueError(f"{', '.join(twice)} is named twice; name each once")
    if not names:
        raise ValueError("the list is empty; name at least one")
    return names


def _list_with_plans(value: Any) -> list[tuple[Any, Any]]:
    """List trainers, each with its own plans or with None."""
    items = [item.items() if isinstance(item, dict) else [(item, None)] for item in _list(value)]
    trainers = [trainer for some in items for trainer in some]
    _check_once([name for name, _ in trainers])
    return trainers


def _number_or_text(value: Any) -> str:
    """Turn numbers into text, but refuse YAML's true and false, which Python counts as numbers."""
    if type(value) not in (int, str):
        raise ValueError("should be a whole number or text")
    return str(value)


def _check_fold(fold: str) -> str:
    if not FOLD.fullmatch(fold):
        raise ValueError(f"there is no fold {fold}; folds are numbers from 0 on, or all")
    return fold


def _folder(value: Any) -> Path:
    if not isinstance(value, str) or not value:
        raise ValueError("should be the path of a folder")
    with suppress(RuntimeError):  # ~nobody
        return Path(value).expanduser()
    raise ValueError("there is no home folder of this user")


Some = Annotated[tuple[T, ...], BeforeValidator(_list), AfterValidator(_check_once)]
Name = Annotated[str, Field(strict=True, min_length=1)]
NumberOrName = Annotated[Name, BeforeValidator(_number_or_text)]
Fold = Annotated[NumberOrName, AfterValidator(_check_fold)]
Trainers = Annotated[tuple[tuple[Name, Some[Name] | None], ...], BeforeValidator(_list_with_plans)]
Folder = Annotated[Path, BeforeValidator(_folder)]
