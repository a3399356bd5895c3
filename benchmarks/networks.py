"""Parameters, GFLOPs, training memory and step time of every network at 224 x 224, beside the paper's Dice (quoted).

    python benchmarks/networks.py [--batch-size 16] [--repeats 3]

Each trainer builds its network on the paper's plans: three channels, background and lesion. Writes networks.csv and
networks.md. Columns:

* parameters: millions.
* gflops: forward pass of one image, as torch counts them (a multiplication and an addition are two).
* kept_gib: what a training step of 16 images keeps for its backward pass, in float32, by torch's own accounting.
* seconds: the least of a training step (forward and backward), on CPU in float32 and a batch of 2; on a GPU of 16
  images under autocast, and peak_gib is then the measured peak. Leave the machine alone meanwhile.
"""

import argparse
import csv
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from nnunetv2.utilities.plans_handling.plans_handler import ConfigurationManager, PlansManager
from saved_bytes import saved_bytes
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from nnunet_taichi import trainers
from nnunet_taichi.config import PAPER
from nnunet_taichi.planning.paper import ARCHITECTURE

CHANNELS = 3  # as the paper counts parameters
QUOTED = {  # Wang et al., JBHI 2024, mean Dice on BUSI without normal cases: tables I to IV
    "Taichi_Model1": 0.758,
    "Taichi_Model2": 0.770,
    "Taichi_Model3": 0.774,
    "Taichi_Model4": 0.791,
    "Taichi_Model5": 0.808,
    "Taichi_Model6": 0.815,
    "Taichi_Model7": 0.823,
    "Taichi": 0.836,
    "Taichi_ConsML": 0.813,
    "Taichi_ConvHead": 0.821,
    "Taichi_SwappedHead": 0.827,
    "UNet": 0.725,
    "UNetPlusPlus": 0.737,
    "AttentionUNet": 0.755,
    "DeepLabV3": 0.777,
    "CENet": 0.753,
    "FATNet": 0.784,
    "RFNet": 0.771,
    "AAUNet": 0.781,
}


def paper_configuration() -> tuple[PlansManager, ConfigurationManager]:
    """Return the paper's plans, as far as a network needs them."""
    configuration = {"architecture": ARCHITECTURE, "patch_size": [PAPER.image_size] * 2, "batch_size": PAPER.batch_size}
    plans = PlansManager({"configurations": {"2d": configuration}})
    return plans, plans.get_configuration("2d")


def build(name: str) -> nn.Module:
    """Return the network of a trainer in training mode, in float32 on every processor."""
    base = getattr(trainers, f"nnUNetTrainer{name}_Paper")
    trainer = type(base.__name__, (base,), {"config": replace(base.config, cpu_bf16=False)})
    return trainer.build_network_architecture(*paper_configuration(), CHANNELS, 2, True).train()


def total(outputs: Any) -> Tensor:
    """Return a scalar that depends on all outputs."""
    if isinstance(outputs, Tensor):
        return outputs.float().square().mean()
    return sum(total(part) for part in outputs if part is not None)


def measure_step(network: nn.Module, device: torch.device, batch_size: int, repeats: int) -> float:
    """Return the least seconds of a forward and backward pass."""
    image, seconds = torch.rand(batch_size, CHANNELS, *[PAPER.image_size] * 2, device=device), []
    for _ in range(repeats + 1):  # the first warms up
        start = time.perf_counter()
        with torch.autocast(device.type, enabled=device.type == "cuda"):
            loss = total(network(image))
        loss.backward()
        if device.type == "cuda":
            torch.cuda.synchronize()
        seconds.append(time.perf_counter() - start)
    return min(seconds[1:])


def measure(name: str, device: torch.device, batch_size: int, repeats: int) -> dict[str, Any]:
    """Return one row of the table."""
    shape = (CHANNELS, *[PAPER.image_size] * 2)
    network = build(name)
    kept = saved_bytes(network, (PAPER.batch_size, *shape))
    with FlopCounterMode(display=False) as flops, torch.no_grad():
        network.eval()(torch.zeros(1, *shape))
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats()
    network.train().to(device)
    seconds = measure_step(network, device, batch_size, repeats)
    return {
        "network": name,
        "parameters": round(sum(p.numel() for p in network.parameters()) / 1e6, 2),
        "gflops": round(flops.get_total_flops() / 1e9, 1),
        "kept_gib": round(kept / 2**30, 2),
        "peak_gib": round(torch.cuda.max_memory_allocated() / 2**30, 2) if device.type == "cuda" else "",
        "seconds": round(seconds, 3),
        "device": torch.cuda.get_device_name() if device.type == "cuda" else f"cpu, batch of {batch_size}",
        "paper_dice": QUOTED[name],
    }


def write(rows: list[dict[str, Any]], path: Path) -> None:
    """Write the table, and the README's lines of it."""
    with open(path.with_suffix(".csv"), "w", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    line = "| `{network}` | {parameters:.2f} | {gflops:.1f} | {kept_gib:.2f} | {seconds:.2f} | {paper_dice:.3f} |\n"
    path.with_suffix(".md").write_text("".join(line.format(**row) for row in rows))


def main() -> None:
    """Measure all and write the tables beside this script."""
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--batch-size", type=int, default=PAPER.batch_size if device.type == "cuda" else 2)
    parser.add_argument("--repeats", type=int, default=3)
    args = parser.parse_args()
    rows = []
    for name in QUOTED:
        rows.append(measure(name, device, args.batch_size, args.repeats))
        print(*rows[-1].values(), sep="  ", flush=True)
        write(rows, Path(__file__))


if __name__ == "__main__":
    main()
