"""nnU-Net's folders without anything in them that would have to be trained."""

from collections.abc import Callable
from pathlib import Path

import pytest
from toy_tree import ToyTree

from nnunet_taichi.matrix.graph import make_jobs
from nnunet_taichi.matrix.jobs import Job
from nnunet_taichi.matrix.plan_checks import read_checked
from nnunet_taichi.nnunet.runner import isolated_environment


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ToyTree:
    """Raw data alone."""
    for name, value in isolated_environment(tmp_path).items():
        monkeypatch.setenv(name, value)
    return ToyTree(tmp_path)


@pytest.fixture
def jobs_of(tree: ToyTree) -> Callable[[str], list[Job]]:
    """Make the jobs of a plan's text."""
    return lambda text: make_jobs(read_checked(tree.write_plan(text), runs_here=False))
