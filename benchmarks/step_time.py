"""Seconds of a training step on CPU: stock nnU-Net, TaiChiNet and U-Net++ on the same plans, in float32 and bf16.

    python benchmarks/step_time.py PLANS.json [--batch-size 8] [--repeats 5]

Prints and writes step_time.csv: the least seconds of the forward pass and of the whole step (forward and backward).
Leave the machine alone meanwhile.
"""

import argparse
import csv
import time
from dataclasses import replace
from pathlib import Path

import torch
from nnunetv2.training.nnUNetTrainer.nnUNetTrainer import nnUNetTrainer
from nnunetv2.utilities.plans_handling.plans_handler import PlansManager
from torch import Tensor, nn

from nnunet_taichi.trainers import nnUNetTrainerTaichi, nnUNetTrainerUNetPlusPlus


def variants() -> dict[str, type[nnUNetTrainer]]:
    """Return the trainers to measure, by name."""
    named: dict[str, type[nnUNetTrainer]] = {"stock float32": nnUNetTrainer}
    for name, base in (("TaiChiNet", nnUNetTrainerTaichi), ("U-Net++", nnUNetTrainerUNetPlusPlus)):
        for precision, bf16 in (("float32", False), ("bf16", True)):
            config = replace(base.config, cpu_bf16=bf16)
            named[f"{name} {precision}"] = type(base.__name__, (base,), {"config": config})
    return named


def total(outputs: list) -> Tensor:
    """Return a scalar that depends on all outputs."""
    return sum(total(part) if isinstance(part, tuple) else part.square().mean() for part in outputs)


def measure(network: nn.Module, image: Tensor, repeats: int) -> tuple[float, float]:
    """Return the least seconds of a forward pass and of a step."""
    times = []
    for _ in range(repeats + 1):  # the first warms up
        start = time.perf_counter()
        loss = total(network(image))
        middle = time.perf_counter()
        loss.backward()
        times.append((middle - start, time.perf_counter() - start))
    return tuple(min(column) for column in zip(*times[1:], strict=True))


def main() -> None:
    """Measure all variants and write the CSV beside this script."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("plans", type=Path)
    parser.add_argument("--batch-size", type=int, default=8)
    parser.add_argument("--repeats", type=int, default=5)
    args = parser.parse_args()
    plans = PlansManager(str(args.plans))
    configuration = plans.get_configuration("2d")
    image = torch.randn(args.batch_size, 1, *configuration.patch_size)
    with open(Path(__file__).with_suffix(".csv"), "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("network", "patch", "batch_size", "forward_seconds", "step_seconds"))
        for name, trainer in variants().items():
            network = trainer.build_network_architecture(plans, configuration, 1, 2, True).train()
            forward, step = (round(seconds, 3) for seconds in measure(network, image, args.repeats))
            row = (name, "x".join(map(str, configuration.patch_size)), args.batch_size, forward, step)
            writer.writerow(row)
            print(*row, flush=True)


if __name__ == "__main__":
    main()
