"""What a training step costs as the work grows: nnU-Net on its own plans, TaiChiNet on these and on slim ones.

    python benchmarks/scaling.py [--only side batch attention epochs] [--repeats 5] [--quick] [-device cpu] [--out DIR]

Writes scaling.csv, a row a measurement, and scaling.png, a panel a question. Panels that are not measured keep their
rows in the CSV; `--only` without names only draws. No data are needed. Leave the machine alone meanwhile. Columns:

* what: side (pixels of a square image, batch of 2, on the plans that nnU-Net makes for it), batch (images of 64 x 64
  pixels), attention (positions of the bottleneck: C2-attention alone, 256 channels, batch of 2), or epochs (number of
  the epoch, from 0, of real trainings on phantoms of 64 x 64 pixels, batch of 2).
* network, plans: stock or slim plans; TaiChiNet trains in its hard stage.
* x: as `what` says.
* seconds: median of a training step; for attention, of its forward and backward pass; for epochs, of the epoch.
* kept_gib: what the forward pass keeps for the backward pass, in float32, by torch's own accounting.
* resident_gib: memory of the training's processes at the end of the epoch; mapped files, such as torch's libraries, do
  not count. In the rows `epochs slope`, seconds and resident_gib hold the change per epoch after the first quarter; in
  `epochs slope low` and `epochs slope high`, the ends of its 95% interval (Theil-Sen).

On CPU steps are in float32, on CUDA under nnU-Net's autocast, not compiled. Epochs are as the trainers run by default;
they need Linux. The U-Net++ that TaiChiNet trains first is not counted.
"""

import argparse
import csv
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from saved_bytes import saved_bytes
from scaling_epochs import train_epochs
from scaling_figure import draw
from synthetic import describe, make_step, make_task, make_trainer, measure, set_up, temporary_folders
from torch import Tensor, nn

from nnunet_taichi.architectures.cross_attention import ChannelToSpatialCrossAttention

COLUMNS = ("what", "network", "plans", "x", "seconds", "kept_gib", "resident_gib")
NETWORKS = (  # name, trainer, plans, stage
    ("nnU-Net", "nnUNetTrainer", "stock", ""),
    ("TaiChiNet", "nnUNetTrainerTaichi", "stock", "hard"),
    ("TaiChiNet", "nnUNetTrainerTaichi", "slim", "hard"),
)
SIDES, BATCHES, GRIDS = (64, 96, 128, 192, 256), (1, 2, 4, 8, 16), (4, 8, 16, 32, 64)
BATCH_SIZE, SMALL_SIDE, CHANNELS = 2, 64, 256

Rows = Iterator[dict[str, Any]]


def measure_sides(args: argparse.Namespace) -> Rows:
    """Yield the rows of growing images."""
    for side in SIDES[: args.points]:
        for row in _measure_batches(side, [BATCH_SIZE], args):
            yield {"what": "side", **row, "x": side}


def measure_batches(args: argparse.Namespace) -> Rows:
    """Yield the rows of growing batches."""
    for row in _measure_batches(SMALL_SIDE, BATCHES[: args.points], args):
        yield {"what": "batch", **row}


def _measure_batches(side: int, batch_sizes: list[int] | tuple[int, ...], args: argparse.Namespace) -> Rows:
    """Yield a row a network and batch; x is the batch."""
    with temporary_folders():
        task, rows, steps = make_task(side), [], []
        for network, name, plans, stage in NETWORKS:
            trainer = make_trainer(task, name, plans, args.device)
            for size in batch_sizes:
                kept = describe(task, name, plans, size)["kept_gib"]
                rows.append({"network": network, "plans": plans, "x": size, "kept_gib": kept})
                steps.append(make_step(trainer, size, stage))
        for row, seconds in zip(rows, measure(steps, args.repeats), strict=True):
            yield {**row, "seconds": seconds}


class BothPaths(nn.Module):
    """C2-attention of one tensor that holds the features of both paths, (B, 2 C, H, W)."""

    def __init__(self) -> None:
        super().__init__()
        self.attention = ChannelToSpatialCrossAttention(CHANNELS, scaled=False)

    def forward(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """Return what the attention makes of both, (B, C, H, W)."""
        return self.attention(*features.chunk(2, 1))


def measure_attention(args: argparse.Namespace) -> Rows:
    """Yield the rows of growing bottlenecks."""
    module = BothPaths().to(args.device)
    shapes = [(BATCH_SIZE, 2 * CHANNELS, side, side) for side in GRIDS[: args.points]]

    def step(features: Tensor) -> float:
        negative, positive = module(features)
        gradient, *_ = torch.autograd.grad((negative + positive).square().mean(), [features, *module.parameters()])
        return gradient[0, 0, 0, 0].item()  # waits for the GPU

    inputs = [torch.randn(shape, device=args.device, requires_grad=True) for shape in shapes]
    seconds = measure([lambda x=x: step(x) for x in inputs], 10 * args.repeats)  # each takes milliseconds
    for shape, median in zip(shapes, seconds, strict=True):
        row = {"what": "attention", "network": "C2-attention", "x": shape[2] * shape[3]}
        yield {**row, "seconds": median, "kept_gib": saved_bytes(module, shape) / 2**30}


def measure_epochs(args: argparse.Namespace) -> Rows:
    """Yield the rows of trainings."""
    epochs, iterations = (6, 2) if args.quick else (100, 5)
    return train_epochs(epochs, iterations, args.device.type)


PANELS = {"side": measure_sides, "batch": measure_batches, "attention": measure_attention, "epochs": measure_epochs}


def update(path: Path, what: str, rows: list[dict[str, Any]]) -> None:
    """Put new rows of a panel in place of the old ones."""
    old = read(path)
    panel = [{name: f"{v:.5g}" if isinstance(v, float) else v for name, v in row.items()} for row in rows]
    kept = {name: [row for row in old if row["what"].split()[0] == name] for name in PANELS} | {what: panel}
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        writer.writerows(row for name in PANELS for row in kept[name])


def read(path: Path) -> list[dict[str, str]]:
    """Return the rows of the CSV, if there is one."""
    if not path.is_file():
        return []
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def main() -> None:
    """Measure what is asked for, and draw all."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="*", choices=PANELS, default=list(PANELS), help="panels to measure")
    parser.add_argument("--repeats", type=int, default=5, help="measured rounds, after two to warm up")
    parser.add_argument("--quick", action="store_true", help="three points a panel, one round, six epochs")
    parser.add_argument("-device", type=torch.device, default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent, help="folder of scaling.csv and scaling.png")
    args = parser.parse_args()
    args.points = 3 if args.quick else None
    args.repeats = 1 if args.quick else args.repeats
    print(set_up(args.device), flush=True)
    for what in args.only:
        update(args.out / "scaling.csv", what, list(PANELS[what](args)))
        print(what, flush=True)
    draw(read(args.out / "scaling.csv"), args.out / "scaling.png")


if __name__ == "__main__":
    main()
