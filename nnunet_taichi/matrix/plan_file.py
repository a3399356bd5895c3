"""What a PLAN.yaml says, by itself; what nnU-Net says to it is in `checks`."""

import difflib
from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import yaml

from nnunet_taichi.matrix.fields import DEFAULTS, READERS, Resources, describe

MEANINGS = {  # of each key, for --help and for mistakes
    "datasets": "ids or names of nnU-Net data sets",
    "trainers": "names of trainers, the first is what others are compared with; or NAME: [PLANS], for plans of its own",
    "configurations": "of nnU-Net, each compared by itself; 2d by default",
    "plans": "of nnU-Net, for trainers without their own; nnUNetPlans by default",
    "folds": "numbers from 0 on, or all; 0 to 4 by default",
    "device": "cuda, cpu or mps; cuda by default",
    "output": "folder of comparisons and logs, seen from PLAN.yaml; PLAN_output by default",
    "resources": "cpus, gpus, memory_gb, hours of one job on a cluster, of preprocess, mine, train, compare",
}
REQUIRED = ("datasets", "trainers")


@dataclass(frozen=True)
class Benchmark:
    """A plan, read; its fields are the keys of PLAN.yaml, and trainers are names with their own plans."""

    path: Path
    output: Path
    datasets: tuple[str, ...] = ()
    trainers: tuple[tuple[str, tuple[str, ...]], ...] = ()
    configurations: tuple[str, ...] = ("2d",)
    plans: tuple[str, ...] = ("nnUNetPlans",)
    folds: tuple[str, ...] = ("0", "1", "2", "3", "4")
    device: str = "cuda"
    resources: Mapping[str, Resources] = field(default_factory=lambda: DEFAULTS)

    @property
    def models(self) -> list[tuple[str, str]]:
        """What is trained: trainers and plans."""
        return [(trainer, plans) for trainer, own_plans in self.trainers for plans in own_plans or self.plans]

    @property
    def folder(self) -> Path:
        """Where logs, locks and markers of the jobs are."""
        return self.output / "jobs"

    def resources_of(self, kind: str) -> Resources:
        """Return what a job of this kind takes; GPUs are CUDA's."""
        resources = self.resources[kind]
        return resources if self.device == "cuda" else replace(resources, gpus=0)


class PlanError(ValueError):
    """A plan cannot be run; the message lists all that is wrong with it."""

    def __init__(self, path: Path, problems: list[str]) -> None:
        super().__init__("\n  ".join([f"{path} cannot be run as it is:", *problems]))


def read_plan(path: Path) -> tuple[Benchmark, list[str]]:
    """Read a plan as far as it makes sense.

    Returns:
        The benchmark, and what is wrong with it; lists that are wrong are empty.

    Raises:
        PlanError: it is no YAML, or no mapping.
    """
    content = _load(path)
    problems = [f"{key} ({MEANINGS[key]}): is missing; add it" for key in REQUIRED if key not in content]
    fields: dict[str, Any] = {"output": Path(f"{path.stem}_output")}
    for key, value in content.items():
        if key not in READERS:
            problems.append(f"{key}: there is no such key; {_suggest(str(key))}")
            continue
        try:
            fields[key] = READERS[key](value)
        except ValueError as error:
            problems.append(f"{key} ({MEANINGS[key]}): {error}")
            fields |= {key: ()} if key not in ("device", "output", "resources") else {}
    path = path.resolve()
    return Benchmark(path=path, **fields | {"output": path.parent / fields["output"]}), problems


def _suggest(key: str) -> str:
    close = difflib.get_close_matches(key, READERS, n=1)
    return f"did you mean {close[0]} ({MEANINGS[close[0]]})?" if close else f"keys are {', '.join(READERS)}"


def _load(path: Path) -> dict:
    try:
        content = yaml.load(path.read_text(encoding="utf-8"), _UniqueKeys)
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise PlanError(path, [f"it is not YAML: {error}"]) from error
    if not isinstance(content, dict):
        raise PlanError(path, [f"expected lines as 'trainers: [nnUNetTrainer]', got {describe(content)}"])
    return content


class _UniqueKeys(yaml.SafeLoader):
    """YAML, but a key that is there twice is a mistake; the last one would silently win."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        keys = [key.value for key, _ in node.value]
        for key in keys:
            if keys.count(key) > 1:
                raise yaml.constructor.ConstructorError(None, None, f"{key} is there twice", node.start_mark)
        return super().construct_mapping(node, deep)
