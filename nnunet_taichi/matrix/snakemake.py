"""The same jobs through Snakemake, which has executors for SLURM and other clusters.

Snakemake removes the outputs of a job that fails. So the outputs that it knows are marker files, never nnU-Net's files.
The markers are set from nnU-Net's files before each run, and each job finds out by itself what is still to do.
"""

import json
import math
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path

from nnunet_taichi.matrix.comparison_job import Compare
from nnunet_taichi.matrix.fields import DEFAULTS
from nnunet_taichi.matrix.graph import find_job, make_jobs, to_do
from nnunet_taichi.matrix.jobs import Job
from nnunet_taichi.matrix.plan_file import Benchmark, read_plan
from nnunet_taichi.runtime.files import write_whole

SNAKEFILE = Path(__file__).with_name("Snakefile")
HERE = ("--cores", "all", "--resources", "gpu=1")  # if the user gives no arguments: one training at a time on the GPU


def run(benchmark: Benchmark, plan: Path, arguments: Sequence[str]) -> int:
    """Set the markers, run Snakemake in this process, so that Ctrl-C reaches it, and return its exit code.

    Args:
        benchmark: Benchmark to run.
        plan: Path of its PLAN.yaml.
        arguments: The user's arguments for Snakemake.

    Raises:
        ValueError: Snakemake is not installed.
    """
    try:
        from snakemake.cli import main
    except ImportError as error:
        raise ValueError('Snakemake 8 or later is not installed: pip install ".[benchmark]"') from error
    set_markers(make_jobs(benchmark), benchmark.folder)
    try:
        main([*_own_arguments(benchmark.folder, plan), *(arguments or HERE)])
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else 1
    return 0


def _own_arguments(folder: Path, plan: Path) -> list[str]:
    configuration = folder / "snakemake.json"  # on the command line a path with a colon would be read as YAML
    write_whole(configuration, json.dumps({"plan": str(plan.resolve())}))
    return [
        *("--snakefile", str(SNAKEFILE), "--directory", str(folder), "--configfile", str(configuration)),
        "--keep-going",
        *("--rerun-incomplete", "--nolock", "--rerun-triggers", "mtime"),  # a killed run is simply repeated
    ]


def marker(job: Job) -> str:
    """Return the name of the file that tells Snakemake that a job is done."""
    return f"{job.name}.done"


def set_markers(jobs: Sequence[Job], folder: Path) -> None:
    """Make the markers of jobs that need not run, as nnU-Net's files tell, and remove all others."""
    folder.mkdir(parents=True, exist_ok=True)
    left = to_do(jobs)
    for job in jobs:
        if job in left:
            (folder / marker(job)).unlink(missing_ok=True)
        else:
            (folder / marker(job)).touch()


class Workflow:
    """The jobs of a plan, as the Snakefile asks for them.

    Args:
        plan: Path of PLAN.yaml.
    """

    def __init__(self, plan: str) -> None:
        self.benchmark = read_plan(Path(plan))[0]
        self.jobs = make_jobs(self.benchmark)
        python, file = shlex.quote(sys.executable), shlex.quote(plan)
        self.command = f"{python} -m nnunet_taichi.cli benchmark {file} --job".replace("{", "{{").replace("}", "}}")

    @property
    def targets(self) -> list[str]:
        """Markers of the comparisons."""
        return [marker(job) for job in self.jobs if isinstance(job, Compare)]

    def needs(self, name: str) -> list[str]:
        """Return the markers of what a job needs."""
        return [marker(need) for need in find_job(self.jobs, name).needs]

    @property
    def resources(self) -> dict[str, dict[str, int]]:
        """Resources of a job of each kind, in Snakemake's names and units (MB and minutes)."""
        amounts = {kind: self.benchmark.resources_of(kind) for kind in DEFAULTS}
        return {
            kind: {
                "cpus": amount.cpus,
                "gpu": amount.gpus,
                "mem_mb": math.ceil(amount.memory_gb * 1000),
                "runtime": math.ceil(amount.hours * 60),
            }
            for kind, amount in amounts.items()
        }
