"""Stock nnU-Net against other trainers on BUSI: the same plans, folds, epochs and iterations, in two CSV files.

    nnunet_taichi convert busi SRC -d 101 --resize 128
    nnUNetv2_plan_and_preprocess -d 101 -c 2d
    python benchmarks/busi.py -d 101 -f 0 --recipe 16epochs_16iterations_seed1 -device cpu --name busi_128_cpu

`-tr` chooses others than nnUNetTrainer and nnUNetTrainerTaichi; `all` is every trainer of the paper's tables.

Trainings that are finished are not repeated. `NAME_cases.csv` has a row a validation case (from nnU-Net's own
summary.json), `NAME_epochs.csv` a row an epoch (from the log that nnU-Net keeps in its checkpoints).
"""

import argparse
import csv
import json
import subprocess
from pathlib import Path

import torch
from nnunetv2.paths import nnUNet_results
from nnunetv2.utilities.dataset_name_id_conversion import maybe_convert_to_dataset_name
from scipy.stats import wilcoxon

from nnunet_taichi import trainers

TRAINERS = ("nnUNetTrainer", "nnUNetTrainerTaichi")
ALL = ("nnUNetTrainer", *trainers.__all__)


def train(dataset: int, fold: int, trainer: str, plans: str, device: str) -> Path:
    """Train and validate one fold through the host's command and return its folder."""
    models = Path(str(nnUNet_results)) / maybe_convert_to_dataset_name(dataset)
    folder = models / f"{trainer}__{plans}__2d" / f"fold_{fold}"
    if not (folder / "validation" / "summary.json").is_file():
        which = ["-tr", trainer, "-p", plans, "-device", device]
        subprocess.run(["nnUNetv2_train", str(dataset), "2d", str(fold), *which, "--c"], check=True)
    return folder


def read_cases(folder: Path) -> list[dict]:
    """Return a row a case: Dice and the pixels it follows from."""
    rows = []
    for case in json.loads((folder / "validation" / "summary.json").read_text())["metric_per_case"]:
        for label, metrics in case["metrics"].items():
            counts = {name.lower(): int(metrics[name]) for name in ("TP", "FP", "FN", "TN")}
            row = {"case": Path(case["prediction_file"]).stem, "label": label, "dice": round(metrics["Dice"], 5)}
            rows.append(row | counts)
    return rows


def read_epochs(folder: Path) -> list[dict]:
    """Return a row an epoch: seconds, losses and the host's pseudo Dice."""
    log = torch.load(folder / "checkpoint_final.pth", map_location="cpu", weights_only=False)["logging"]
    times = zip(log["epoch_start_timestamps"], log["epoch_end_timestamps"], strict=True)
    columns = zip(times, log["train_losses"], log["val_losses"], log["mean_fg_dice"], strict=True)
    return [
        {"epoch": i, "seconds": round(end - start, 2), "train_loss": train, "val_loss": val, "pseudo_dice": dice}
        for i, ((start, end), train, val, dice) in enumerate(columns)
    ]


def write(path: Path, rows: list[dict]) -> None:
    """Write the rows of all runs."""
    with open(path, "w", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    print(path)


def summarise(cases: list[dict]) -> None:
    """Print the mean Dice of each trainer over the cases, and of two of them Wilcoxon's p for the pairs."""
    scores: dict[str, list[float]] = {}
    for row in sorted(cases, key=lambda row: (row["fold"], row["case"], row["label"])):
        scores.setdefault(row["trainer"], []).append(row["dice"])
    for trainer, dice in scores.items():
        print(f"{trainer}: mean Dice {sum(dice) / len(dice):.4f} of {len(dice)} cases")
    if len(scores) == 2:
        print(f"Wilcoxon, two-sided: p = {wilcoxon(*scores.values()).pvalue:.2f}")


def main() -> None:
    """Train what is missing, then write both files beside this script."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-d", type=int, required=True, help="dataset id")
    parser.add_argument("-f", type=int, nargs="+", default=[0], help="folds")
    parser.add_argument("-tr", nargs="+", default=TRAINERS, help="trainers, without what --recipe says, or all")
    parser.add_argument("-p", default="nnUNetPlans", help="plans of all trainers")
    parser.add_argument("-device", default="cuda", choices=("cuda", "cpu", "mps"))
    parser.add_argument("--recipe", required=True, help="end of the trainers' names, as 40epochs_32iterations_seed1")
    parser.add_argument("--name", required=True, help="of the CSV files")
    args = parser.parse_args()
    cases, epochs = [], []
    for fold in args.f:
        for base in ALL if args.tr == ["all"] else args.tr:
            trainer = f"{base}_{args.recipe}"
            run = {"trainer": trainer, "fold": fold}
            folder = train(args.d, fold, trainer, args.p, args.device)
            cases += [run | row for row in read_cases(folder)]
            epochs += [run | row for row in read_epochs(folder)]
    summarise(cases)
    write(Path(__file__).with_name(f"{args.name}_cases.csv"), cases)
    write(Path(__file__).with_name(f"{args.name}_epochs.csv"), epochs)


if __name__ == "__main__":
    main()
