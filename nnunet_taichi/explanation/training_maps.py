"""Easy and hard regions of training cases, as the miner wrote them (as in figure 7)."""

from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from nnunetv2.training.dataloading.nnunet_dataset import infer_dataset_class

from nnunet_taichi.difficulty.levels import true_heads
from nnunet_taichi.difficulty.storage import ENDINGS, RECORD, MapFolder
from nnunet_taichi.explanation.two_paths import TwoPathModel
from nnunet_taichi.figures.contact_sheet import Block, Panel, contact_sheet
from nnunet_taichi.nnunet.json_files import read_json

SHOWN = 6


def find_maps(fold_folder: Path) -> Path | None:
    """Return the folder of the maps that a fold was trained with, or None. nnU-Net recorded it when training began."""
    record = read_json(fold_folder / "debug.json")
    recorded = record.get("difficulty_folder") if isinstance(record, dict) else None
    if not isinstance(recorded, str):
        return None
    folder = fold_folder.parents[1].joinpath(*Path(recorded).parts[-3:])  # the results folder may have moved since
    return folder if (folder / RECORD).is_file() else None


def difficulty_figure(maps: Path, preprocessed: Path, model: TwoPathModel) -> Figure:
    """Draw training cases with their easy and hard regions, from the hardest to the easiest.

    Args:
        maps: Folder of the maps, as `find_maps` returns it.
        preprocessed: Folder of nnU-Net with the preprocessed cases that the maps belong to.
        model: Model that knows the classes or regions.
    """
    dataset_class = infer_dataset_class(str(preprocessed))
    folder = MapFolder(maps, dataset_class)
    names = sorted({file.stem for ending in ENDINGS for file in maps.glob(f"*{ending}")})
    heads = len(model.heads)
    shares = {name: _hard_share(folder.load_levels(name, str(preprocessed), heads)[0][0]) for name in names}
    ranked = sorted(names, key=lambda name: -shares[name])  # by the first class or region
    chosen = [ranked[i] for i in np.unique(np.linspace(0, len(ranked) - 1, SHOWN).astype(int))]
    blocks = [_block(head, label, chosen, folder, preprocessed, model) for head, label in enumerate(model.heads)]
    return contact_sheet(blocks)


def _hard_share(levels: np.ndarray) -> float:
    """Return the share of hard pixels among the mined ones."""
    return float((levels == 2).sum() / max((levels > 0).sum(), 1))


def _block(
    head: int, label: str, cases: list[str], folder: MapFolder, preprocessed: Path, model: TwoPathModel
) -> Block:
    rows: dict[str, list[Panel]] = {"image": [], "easy": [], "hard": []}
    for case in cases:
        levels, segmentation = folder.load_levels(case, str(preprocessed), len(model.heads))
        image = folder.dataset_class(str(preprocessed), [case]).load_case(case)[0][0]
        truth = true_heads(segmentation, model.labels)[head]
        level = levels[head]
        z = int(truth.sum((1, 2)).argmax())
        rows["image"].append(Panel(image[z], {"lesion": truth[z]}))
        for name, value in (("easy", 1), ("hard", 2)):
            share = f"{100 * (level == value).sum() / max(truth.sum(), 1):.0f}%"
            rows[name].append(Panel(image[z], {"lesion": truth[z]}, {name: level[z] == value}, share))
    return Block(label, cases, rows)
