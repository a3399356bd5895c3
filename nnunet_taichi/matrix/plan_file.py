"""Reading a PLAN.yaml by itself. `plan_checks` then compares it with what nnU-Net has."""

import difflib
import re
from collections.abc import Hashable
from pathlib import Path
from typing import Any, ClassVar, Literal

import yaml
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from nnunet_taichi.matrix.fields import DEFAULTS, Fold, Folder, Kind, Name, NumberOrName, Resources, Some, Trainers

TYPES = {type(None): "nothing", bool: "true or false", dict: "a mapping", list: "a list", str: "text", int: "a number"}
EXPECTED = {  # in place of pydantic's messages for programmers; all are about the key resources
    "dict_type": "should be lines such as 'train: {gpus: 1, hours: 48}'",
    "model_type": f"should be some of {', '.join(Resources.model_fields)}",
    "extra_forbidden": f"there is no such key; keys are {', '.join(Resources.model_fields)}",
}


class Benchmark(BaseModel, extra="forbid", frozen=True, use_attribute_docstrings=True):
    """A plan as read. Its fields are the keys of PLAN.yaml; their docstrings go into --help and error messages."""

    datasets: Some[NumberOrName]
    """ids or names of nnU-Net data sets"""
    trainers: Trainers
    """names of trainers, or NAME: [PLANS] for plans of its own; the others are compared with the first"""
    configurations: Some[Name] = ("2d",)
    """names of nnU-Net's configurations, each compared by itself; 2d by default"""
    plans: Some[Name] = ("nnUNetPlans",)
    """names of plans, for trainers without plans of their own; nnUNetPlans by default"""
    folds: Some[Fold] = ("0", "1", "2", "3", "4")
    """numbers from 0 on, or all; 0 to 4 by default"""
    device: Literal["cuda", "cpu", "mps"] = "cuda"
    """cuda, cpu or mps; cuda by default"""
    output: Folder = Path("PLAN_output")
    """folder for comparisons and logs, relative to PLAN.yaml; PLAN_output by default"""
    resources: dict[Kind, Resources] = {}
    """cpus, gpus, memory_gb and hours of one job on a cluster, for each of preprocess, mine, train and compare"""

    @property
    def models(self) -> list[tuple[str, str]]:
        """All pairs of trainer and plans to train."""
        return [(trainer, plans) for trainer, own_plans in self.trainers for plans in own_plans or self.plans]

    @property
    def folder(self) -> Path:
        """Folder of the logs, locks and markers of the jobs."""
        return self.output / "jobs"

    def resources_of(self, kind: Kind) -> Resources:
        """Return the resources of a job of this kind; on another device than cuda, it takes no GPUs."""
        given = self.resources.get(kind, Resources()).model_dump(exclude_unset=True)
        return DEFAULTS[kind].model_copy(update=given if self.device == "cuda" else given | {"gpus": 0})


class PlanError(ValueError):
    """A plan cannot be run; the message lists all that is wrong with it."""

    def __init__(self, path: Path, problems: list[str]) -> None:
        super().__init__("\n  ".join([f"{path} cannot be run as it is:", *problems]))


def read_plan(path: Path) -> tuple[Benchmark, list[str]]:
    """Read a plan as far as its keys are right.

    Returns:
        The benchmark, and what is wrong with it. Of the keys that are wrong, lists are empty and others have defaults.

    Raises:
        PlanError: The file is not YAML, or not a mapping.
    """
    content = {"output": f"{path.stem}_output"} | _load(path)
    problems = []
    try:
        benchmark = Benchmark.model_validate(content)
    except ValidationError as error:
        problems = [_explain(fault) for fault in error.errors()]
        benchmark = _read_the_rest(content, {fault["loc"][0] for fault in error.errors()})
    return benchmark.model_copy(update={"output": path.resolve().parent / benchmark.output}), problems


def _read_the_rest(content: dict[str, Any], wrong: set[int | str]) -> Benchmark:
    """Read the keys that are right, so that `plan_checks` can look for more mistakes in them."""
    right = {key: value for key, value in content.items() if key not in wrong}
    benchmark = Benchmark.model_validate({"datasets": "none", "trainers": "none"} | right)
    return benchmark.model_copy(update={key: () for key, value in benchmark if key in wrong and type(value) is tuple})


def with_meaning(key: str) -> str:
    """Return a key with its meaning in brackets."""
    return f"{key} ({Benchmark.model_fields[key].description})"


def _explain(fault: ErrorDetails) -> str:
    """Say in which key a fault is, what was expected there, and what was found."""
    key, *rest = map(str, fault["loc"])
    inner = [part for part in rest if not part.isdecimal() and part != "[key]"]
    if key not in Benchmark.model_fields:
        return f"{key}: there is no such key; {_suggest(key)}"
    if fault["type"] == "missing":
        return f"{with_meaning(key)}: is missing; add it"
    expected = EXPECTED.get(fault["type"], fault["msg"]).removeprefix("Value error, ").removeprefix("Input ")
    return ": ".join([with_meaning(key), *inner, f"{expected}, got {describe(fault['input'])}"])


def _suggest(key: str) -> str:
    close = difflib.get_close_matches(key, Benchmark.model_fields, n=1)
    return f"did you mean {with_meaning(close[0])}?" if close else f"keys are {', '.join(Benchmark.model_fields)}"


def describe(value: Any) -> str:
    """Return a value with its type, in words that users of YAML know.

    >>> describe(True)
    'True (true or false)'
    """
    return f"{value!r} ({TYPES.get(type(value), type(value).__name__)})"


def _load(path: Path) -> dict[str, Any]:
    try:
        content = yaml.load(path.read_text(encoding="utf-8"), _UniqueKeys)
    except Exception as error:  # tags and numbers that YAML cannot make end in errors of many kinds
        raise PlanError(path, [f"it is not YAML: {error}"]) from error
    if not isinstance(content, dict):
        raise PlanError(path, [f"expected lines such as 'trainers: [nnUNetTrainer]', got {describe(content)}"])
    return {str(key): value for key, value in content.items()}


REDEFINED = ("int", "float", "timestamp")  # by DECIMAL, or not at all


class _UniqueKeys(yaml.SafeLoader):
    """A loader of YAML that refuses a key that is there twice: else the last one would silently win.

    Numbers are decimal, as in YAML 1.2, and there are no dates: PyYAML takes 010 for 8 and 1:30 for 90.
    """

    yaml_implicit_resolvers: ClassVar[dict[str, Any]] = {
        first: [resolver for resolver in resolvers if resolver[0].rpartition(":")[2] not in REDEFINED]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        keys = [key.value for key, _ in node.value]
        for key in keys:
            if keys.count(key) > 1:
                problem = f"{key} is there twice; write each key once"
                raise yaml.constructor.ConstructorError(None, None, problem, node.start_mark)
        return super().construct_mapping(node, deep)


DECIMAL = {
    "int": r"[-+]?(?:0|[1-9][0-9]{0,17})",
    "float": r"[-+]?[0-9]+\.[0-9]*(?:[eE][-+]?[0-9]+)?|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)",
}
for _kind, _pattern in DECIMAL.items():
    _UniqueKeys.add_implicit_resolver(
        f"tag:yaml.org,2002:{_kind}", re.compile(rf"(?:{_pattern})\Z"), list("-+.0123456789")
    )
