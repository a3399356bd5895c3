"""Keep what is finished of a benchmark: the scores of every case, and the machine, versions and cost of each training.

    python benchmarks/protocol/collect.py benchmarks/protocol/length.yaml -o benchmarks/results/busi/small --commit HASH

`per_case.csv` has the columns of `nnunet_taichi compare`; `cells.csv` has one row per training, `groups.csv` the twins.
Trainings that are there already stay as they are, so that results add up over machines.
"""

import argparse
import json
import platform
import subprocess
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

import pandas as pd
import torch
from nnunetv2.paths import nnUNet_raw, nnUNet_results
from nnunetv2.utilities.dataset_name_id_conversion import maybe_convert_to_dataset_name

from nnunet_taichi.architectures.precision import cpu_has_bf16
from nnunet_taichi.evaluation.runs import find_runs
from nnunet_taichi.evaluation.scoring import CASE_COLUMNS, score
from nnunet_taichi.matrix.plan_file import read_plan
from nnunet_taichi.nnunet.curve_table import CURVES
from nnunet_taichi.nnunet.folds import FoldState, checkpoint, read_state

CELL = ["trainer", "plans", "configuration", "fold"]


def finished(plan: Path, table: Path) -> Iterator[tuple[tuple[str, ...], Path]]:
    """Yield the finished trainings of a plan that a table lacks: their `CELL`, and the folder of the fold.

    Raises:
        AssertionError: The plan cannot be read.
    """
    benchmark, problems = read_plan(plan)
    assert not problems, problems
    results = Path(str(nnUNet_results)) / maybe_convert_to_dataset_name(int(benchmark.datasets[0]))
    there = set(pd.read_csv(table, dtype=str)[CELL].itertuples(index=False, name=None)) if table.is_file() else set()
    for trainer, plans in benchmark.models:
        for fold in benchmark.folds:
            cell = (trainer, plans, "2d", fold)
            folder = results / "__".join(cell[:3]) / f"fold_{fold}"
            if cell not in there and read_state(folder) is FoldState.FINISHED:
                yield cell, folder


def read_seconds(fold_folder: Path) -> float | None:
    """Return the median seconds of an epoch, from our curves or else from nnU-Net's checkpoint."""
    if (fold_folder / CURVES).is_file():
        return float(pd.read_csv(fold_folder / CURVES)["seconds"].median())
    log = torch.load(checkpoint(fold_folder, "final"), map_location="cpu", weights_only=False)["logging"]
    times = zip(log["epoch_start_timestamps"], log["epoch_end_timestamps"], strict=True)
    return float(pd.Series([end - start for start, end in times]).median())


def machine() -> dict[str, str]:
    """Describe this machine and its versions; the script must run where the trainings ran."""
    model = subprocess.run(["lscpu"], capture_output=True, text=True, check=False).stdout
    name = next((line.split(":")[1].strip() for line in model.splitlines() if line.startswith("Model name")), "")
    versions = {f"{package}_version": version(package) for package in ("nnunetv2", "torch", "numpy")}
    return {
        "machine": f"{name}, {'bf16' if cpu_has_bf16() else 'no bf16'}",
        "python": platform.python_version(),
    } | versions


def add(file: Path, rows: pd.DataFrame) -> None:
    """Add rows to a table."""
    old = [pd.read_csv(file, dtype={"fold": str})] if file.is_file() else []
    table = pd.concat([*old, rows]).sort_values([*CELL, *(["case"] if "case" in rows else [])])
    table.to_csv(file, index=False, float_format="%.6g", lineterminator="\n")


def write_groups(dataset: str, file: Path) -> None:
    """Write the group of each case that has a twin."""
    twins = json.loads((Path(str(nnUNet_raw)) / dataset / "conversion.json").read_text())["twins"]
    rows = [{"case": case, "group": min(group)} for group in twins for case in group]
    pd.DataFrame(rows).sort_values("case").to_csv(file, index=False, lineterminator="\n")


def main() -> None:
    """Add the finished trainings that are not there yet."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("plan", type=Path, help="PLAN.yaml of nnunet_taichi benchmark")
    parser.add_argument("-o", type=Path, required=True, help="folder of the results")
    parser.add_argument("--commit", required=True, help="commit of the installed nnunet_taichi")
    args = parser.parse_args()
    args.o.mkdir(parents=True, exist_ok=True)
    made_by = machine() | {"nnunet_taichi_commit": args.commit}
    for cell, folder in finished(args.plan, args.o / "cells.csv"):
        trainer, plans, configuration, fold = cell
        dataset = folder.parent.parent.name
        cases = score(find_runs(dataset, configuration, [fold], [trainer], [plans]), 1)[list(CASE_COLUMNS)]
        add(args.o / "per_case.csv", cases)
        measured = {"mean_dice": cases["dice"].mean(), "seconds_per_epoch": read_seconds(folder)}
        add(args.o / "cells.csv", pd.DataFrame([dict(zip(CELL, cell, strict=True)) | measured | made_by]))
        write_groups(dataset, args.o / "groups.csv")
        print(*cell, f"{measured['mean_dice']:.4f}")


if __name__ == "__main__":
    main()
