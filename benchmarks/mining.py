"""Does a cheap miner find what the full U-Net++ finds? On the training cases of one fold, over seeds.

    python benchmarks/mining.py -d 128 -f 4 -p nnUNetPlansBatch4 --recipe 40epochs_25iterations --seeds 10 11 12

nnUNetPlansBatch4 is a copy of nnUNetPlans with "batch_size" 4, short enough for a CPU.

Mines with the full U-Net++ (all of the plan's widths, half of TaiChiNet's epochs) and with the default miner, as far as
their maps are missing. Validation cases are not read. Writes beside this script:

* mining.csv, a row a miner and seed: shares of the lesion pixels that are easy, hard and missed; share of the images
  with a lesion in which no pixel is marked; seconds of the run that finished the maps, with the training that it did
  (blank for maps of older versions).
* mining_pairs.csv, a row a pair: Dice of their easy and of their hard pixels, over all training cases.
* mining_cases.png: ten cases, from the smallest lesion to the largest, as each miner's first seed sees them.
"""

import argparse
import contextlib
import csv
import io
import json
from collections.abc import Sequence
from dataclasses import replace
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import torch
from nnunetv2.run.run_training import get_trainer_from_args

from nnunet_taichi import trainers
from nnunet_taichi.difficulty.storage import MapFolder
from nnunet_taichi.figures.contact_sheet import Block, Panel, contact_sheet
from nnunet_taichi.trainers.mining import Mining

MINERS = {"full": {"miner_width": 1.0, "miner_fraction": 0.5}, "cheap": {}}
SHOWN = 10
Maps = dict[str, np.ndarray]  # codes of one class by case: 0 none, 1 easy, 2 hard


def mine(args: argparse.Namespace, miner: str, seed: int) -> tuple[Maps, Maps, Maps, Any]:
    """Return the maps, the ground truth, the images, and what the mining took."""
    name = f"nnUNetTrainerTaichi_{args.recipe}_seed{seed}"
    config = replace(getattr(trainers, name).config, **MINERS[miner])
    trainer = get_trainer_from_args(args.d, "2d", args.f, name, args.p, device=torch.device(args.device))
    trainer.config = config
    mining = Mining(trainer)
    folder = mining.run()
    maps, preprocessed = MapFolder(folder, mining.maps.dataset_class), trainer.preprocessed_dataset_folder
    loaded = {case: maps.load(case, preprocessed) for case in mining.cases}
    dataset = mining.maps.dataset_class(preprocessed, mining.cases)
    images = {case: dataset.load_case(case)[0][0, 0] for case in mining.cases}
    seconds = json.loads((Path(folder) / "difficulty.json").read_text()).get("seconds")
    return {c: m[0] for c, (m, _) in loaded.items()}, {c: t[0] > 0 for c, (_, t) in loaded.items()}, images, seconds


def describe(maps: Maps, truth: Maps) -> dict[str, float]:
    """Return shares of the lesion pixels, and of the images with a lesion in which none is marked."""
    lesion = sum(mask.sum() for mask in truth.values())
    easy, hard = (sum((codes == level).sum() for codes in maps.values()) / lesion for level in (1, 2))
    unmarked = np.mean([not maps[case].any() for case, mask in truth.items() if mask.any()])
    shares = {"easy": easy, "hard": hard, "missed": 1 - easy - hard, "unmarked": unmarked}
    return {name: round(float(value), 4) for name, value in shares.items()}


def agreement(a: Maps, b: Maps, level: int) -> float:
    """Return how well two miners agree on one level: Dice over all cases."""
    both = sum(((a[case] == level) & (b[case] == level)).sum() for case in a)
    either = sum((maps[case] == level).sum() for maps in (a, b) for case in a)
    return round(float(2 * both / max(either, 1)), 4)


def draw(maps: dict[str, Maps], truth: Maps, images: Maps, path: Path) -> None:
    """Draw cases from the smallest lesion to the largest."""
    ranked = sorted((case for case in truth if truth[case].any()), key=lambda case: truth[case].sum())
    cases = [ranked[i] for i in np.linspace(0, len(ranked) - 1, SHOWN).astype(int)]
    rows = {"image": [Panel(images[case], {"lesion": truth[case]}) for case in cases]}
    for miner, found in maps.items():
        rows[miner] = [
            Panel(images[c], {"lesion": truth[c]}, {"easy": found[c] == 1, "hard": found[c] == 2}) for c in cases
        ]
    contact_sheet([Block("Easy and hard pixels by miner", cases, rows)]).savefig(path, dpi=110)


def write(path: Path, rows: Sequence[dict[str, Any]]) -> None:
    """Write rows as CSV and print them."""
    with open(path, "w", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    print(*(list(row.values()) for row in rows), sep="\n")


def main() -> None:
    """Mine, compare and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, default in (("-d", "128"), ("-p", "nnUNetPlans"), ("-device", "cpu")):
        parser.add_argument(name, default=default)
    parser.add_argument("-f", type=int, default=4)
    parser.add_argument("--recipe", default="40epochs_25iterations")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3], help="seeds for the cheap miner")
    parser.add_argument("--full-seeds", type=int, nargs="+", default=[1, 2], help="seeds for the full U-Net++")
    args = parser.parse_args()
    found: dict[tuple[str, int], Maps] = {}
    rows = []
    for miner in MINERS:
        for seed in args.full_seeds if miner == "full" else args.seeds:
            with contextlib.redirect_stdout(io.StringIO()):
                found[miner, seed], truth, images, seconds = mine(args, miner, seed)
            rows.append({"miner": miner, "seed": seed, **describe(found[miner, seed], truth), "seconds": seconds})
    pairs = [
        {"a": "_".join(map(str, a)), "b": "_".join(map(str, b))}
        | {level: agreement(found[a], found[b], code) for code, level in ((1, "dice_easy"), (2, "dice_hard"))}
        for a, b in combinations(found, 2)
    ]
    here = Path(__file__).parent
    write(here / "mining.csv", rows)
    write(here / "mining_pairs.csv", pairs)
    shown = {miner: next(maps for (name, _), maps in found.items() if name == miner) for miner in MINERS}
    draw(shown, truth, images, here / "mining_cases.png")


if __name__ == "__main__":
    main()
