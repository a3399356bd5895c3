"""Seconds of a whole training step, as nnU-Net does it: network, loss, backward pass, clipping and optimizer.

    python benchmarks/step_time.py [--side 128] [--batch-size 8] [--repeats 7] [-device cpu] [--out FILE.csv]

On nnU-Net's plans for square images: stock nnU-Net, TaiChiNet in both stages, two bare U-Nets (model 2), U-Net++ and
the narrow miner. On slim plans: TaiChiNet and model 2. No data are needed. All are built first; then each round runs
each once. Prints a table in Markdown and writes step_time.csv. Leave the machine alone meanwhile. Columns:

* network: trainer, without `nnUNetTrainer`; plans: stock (nnUNetPlans) or slim (nnUNetTaichiSlimPlans).
* stage: easy or hard; whole where a TaiChiNet has no stages; blank for other networks.
* precision: on CPU float32 or bf16, which nnU-Net itself does not use; on CUDA nnU-Net's autocast, compiled or not.
* parameters: millions.
* gflops: forward pass of one image, as torch counts them (a multiplication and an addition are two).
* kept_gib: what the forward pass of the batch keeps for the backward pass, in float32, by torch's own accounting.
* seconds: the median of a step. ratio: seconds divided by those of nnU-Net, in the same precision (on CPU: in float32).
* machine: number of threads, and whether the processor has bf16; or the GPU.
"""

import argparse
import csv
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from synthetic import describe, make_step, make_task, make_trainer, measure, set_up, temporary_folders

from nnunet_taichi.architectures.precision import cpu_has_bf16

STOCK = "nnUNetTrainer"
VARIANTS = (  # trainer, plans, stages
    (STOCK, "stock", ("",)),
    ("nnUNetTrainerTaichi", "stock", ("easy", "hard")),
    ("nnUNetTrainerTaichi_Model2", "stock", ("whole",)),
    ("nnUNetTrainerTaichi", "slim", ("easy", "hard")),
    ("nnUNetTrainerTaichi_Model2", "slim", ("whole",)),
    ("nnUNetTrainerUNetPlusPlus", "stock", ("",)),
    ("nnUNetTrainerUNetPlusPlusMiner", "stock", ("",)),
)
COMPILED = "autocast, compiled"


def precisions(trainer: str, device: torch.device) -> list[str]:
    """Return the precisions in which to measure a trainer."""
    if device.type == "cuda":
        return ["autocast", COMPILED]
    return ["float32", "bf16"] if trainer != STOCK and cpu_has_bf16() else ["float32"]


def build(side: int, batch_size: int, device: torch.device) -> Iterator[tuple[dict[str, Any], Any]]:
    """Yield what is known of each row before it is measured, and its training step."""
    task = make_task(side)
    for name, plans, stages in VARIANTS:
        known = describe(task, name, plans, batch_size)
        for precision in precisions(name, device):
            trainer = make_trainer(task, name, plans, device, precision == "bf16", precision == COMPILED)
            for stage in stages:
                network = name.removeprefix(STOCK) or "nnU-Net"
                row = {"network": network, "plans": plans, "stage": stage, "precision": precision, **known}
                yield row, make_step(trainer, batch_size, stage)


def measure_all(side: int, batch_size: int, repeats: int, device: torch.device) -> list[dict[str, Any]]:
    """Return the rows of the table."""
    machine = set_up(device)
    rows, steps = zip(*build(side, batch_size, device), strict=True)
    seconds = measure(steps, repeats)
    stock = {row["precision"]: s for row, s in zip(rows, seconds, strict=True) if row["network"] == "nnU-Net"}
    for row, s in zip(rows, seconds, strict=True):
        base = stock.get(row["precision"]) or stock["float32"]
        row.update(seconds=round(s, 4), ratio=round(s / base, 2), machine=machine)
    return list(rows)


def print_table(rows: list[dict[str, Any]]) -> None:
    """Print the rows in Markdown."""
    print("| " + " | ".join(rows[0]) + " |", "|---" * len(rows[0]) + "|", sep="\n")
    for row in rows:
        print("| " + " | ".join(map(str, row.values())) + " |")


def main() -> None:
    """Measure all variants and write the CSV."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--side", type=int, default=128, help="side of the images in pixels")
    parser.add_argument("--batch-size", type=int, default=8)
    parser.add_argument("--repeats", type=int, default=7, help="measured rounds, after two to warm up")
    parser.add_argument("-device", choices=("cpu", "cuda"), default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--out", type=Path, default=Path(__file__).with_suffix(".csv"))
    args = parser.parse_args()
    with temporary_folders():
        rows = measure_all(args.side, args.batch_size, args.repeats, torch.device(args.device))
    with args.out.open("w", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    print_table(rows)


if __name__ == "__main__":
    main()
