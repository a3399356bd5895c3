"""`nnunet_taichi benchmark`: run data sets x trainers x folds by nnU-Net's own commands, here or on a cluster."""

import argparse
import shlex
from pathlib import Path

from nnunet_taichi.matrix.plan_file import Benchmark

EPILOG = "\n".join(
    ["PLAN.yaml has these keys, all but the required ones with a default:"]
    + [
        f"  {key:<15} {field.description}{' (required)' if field.is_required() else ''}"
        for key, field in Benchmark.model_fields.items()
    ]
    + [
        "",
        "However it runs, finished jobs are not repeated, and interrupted ones go on. Logs go to jobs/",
        "in the output folder. Examples of arguments for Snakemake:",
        "  --snakemake --cores 8 --resources gpu=1            here, one training at a time on the GPU",
        "  --snakemake --workflow-profile slurm               on SLURM; see also Snakemake's --default-resources",
    ]
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `nnunet_taichi benchmark`."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = EPILOG
    parser.add_argument("plan", type=Path, metavar="PLAN.yaml", help="what to compare")
    how = parser.add_mutually_exclusive_group()
    how.add_argument(
        "--print",
        action="store_true",
        help="print the commands of the jobs that are still to do, in an order that works",
    )
    how.add_argument(
        "--snakemake",
        nargs=argparse.REMAINDER,
        metavar="...",
        help="run through Snakemake; all arguments that follow go to it",
    )
    how.add_argument("--job", metavar="NAME", help="run one job of the plan, as Snakemake does")


def run(args: argparse.Namespace) -> int:
    """Run the jobs that are still to do, or print their commands, and return 1 if a job failed.

    Raises:
        ValueError: The plan has mistakes, or nnU-Net's variables are not set.
    """
    from nnunet_taichi.matrix import graph, local, plan_checks, snakemake

    elsewhere = args.print or args.job is not None or args.snakemake is not None
    benchmark = plan_checks.read_checked(args.plan, runs_here=not elsewhere)
    if args.snakemake is not None:
        return snakemake.run(benchmark, args.plan, args.snakemake)
    jobs = graph.make_jobs(benchmark)
    if args.print:
        print("".join(f"{shlex.join(job.command())}\n" for job in graph.to_do(jobs)), end="")
        return 0
    if args.job is not None:
        return int(not local.run_job(graph.find_job(jobs, args.job), benchmark.folder))
    return local.run_all(jobs, benchmark.folder)
