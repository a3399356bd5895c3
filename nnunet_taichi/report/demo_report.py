"""What `nnunet_taichi demo` shows at its end: a table of scores and a contact sheet."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from nnunetv2.training.dataloading.nnunet_dataset import nnUNetDatasetBlosc2
from numpy.typing import NDArray
from PIL import Image

from nnunet_taichi.difficulty.storage import MapFolder, read_record
from nnunet_taichi.evaluation.metrics import overlap
from nnunet_taichi.figures.contact_sheet import Block, Panel
from nnunet_taichi.nnunet.folds import read_counts
from nnunet_taichi.nnunet.json_files import read_json
from nnunet_taichi.nnunet.runner import Cost
from nnunet_taichi.runtime.markdown import markdown_table


@dataclass(frozen=True)
class Scores:
    """How well a trainer did on a set of cases.

    Attributes:
        dice: Dice of the cases with a lesion, by case.
        alarms: Whether a lesion was found in the cases without one, by case.
    """

    dice: Mapping[str, float]
    alarms: Mapping[str, bool]


def read_scores(summary: Path) -> Scores:
    """Read nnU-Net's summary.json of a binary data set.

    nnU-Net's own mean Dice counts a normal image as 0 if one pixel was found in it, and else leaves it out. Here,
    normal images are kept apart, so that two trainers are averaged over the same cases.
    """
    cases = read_counts(read_json(summary), ".png") or {}
    lesions = {case: counts[(1,)] for case, counts in cases.items()}
    return Scores(
        dice={case: overlap(counts).dice for case, counts in lesions.items() if counts.tp + counts.fn},
        alarms={case: counts.fp > 0 for case, counts in lesions.items() if not counts.tp + counts.fn},
    )


@dataclass(frozen=True)
class Result:
    """The scores of a training, and its cost.

    Attributes:
        plans: Name of its plans.
        scores: Scores by set of cases; the same sets for all trainings.
        cost: Time that its command took.
    """

    plans: str
    scores: Mapping[str, Scores]
    cost: Cost


def format_table(results: Mapping[str, Result]) -> str:
    """Return a Markdown table of scores and costs, one row per trainer.

    Args:
        results: Results by trainer.
    """
    sets = next(iter(results.values())).scores
    columns = [f"{name}: {what}" for name in sets for what in ("Dice", "false alarms")]
    rows = [["trainer", "plans", *columns, "training", "CPU"]]
    for trainer, result in results.items():
        cells = [cell for each in result.scores.values() for cell in _cells(each)]
        rows.append([trainer, result.plans, *cells, *map(_seconds, (result.cost.seconds, result.cost.cpu_seconds))])
    return markdown_table(rows)


def mining_line(maps: Path) -> str:
    """Say how long it took to make the easy/hard maps in a folder."""
    return f"TaiChi's training includes U-Net++ and its easy/hard maps: {_seconds(read_record(maps)['seconds'])}."


def _seconds(seconds: float | None) -> str:
    return "-" if seconds is None else f"{seconds:.0f} s"


def _cells(scores: Scores) -> tuple[str, str]:
    """Write the mean Dice with the number of cases, and the number of false alarms."""
    dice = list(scores.dice.values())
    return f"{np.mean(dice):.3f} (n={len(dice)})", f"{sum(scores.alarms.values())} of {len(scores.alarms)}"


def new_cases_block(dataset: Path, predictions: Mapping[str, Path]) -> Block:
    """Show each case of a raw data set, its truth, and what each trainer found in it.

    Args:
        dataset: Folder of a raw data set with imagesTr and labelsTr.
        predictions: Folders with predictions and their summary.json, by trainer.
    """
    cases = sorted(path.stem for path in (dataset / "labelsTr").glob("*.png"))
    images = [_read(dataset / "imagesTr" / f"{case}_0000.png") for case in cases]
    truths = [_read(dataset / "labelsTr" / f"{case}.png") == 1 for case in cases]
    pairs = list(zip(images, truths, strict=True))
    rows = {
        "image": [Panel(image) for image in images],
        "truth": [Panel(image, {"truth": truth}, caption="" if truth.any() else "no lesion") for image, truth in pairs],
    }
    for trainer, folder in predictions.items():
        found, scores = [_read(folder / f"{case}.png") == 1 for case in cases], read_scores(folder / "summary.json")
        rows[trainer] = [
            Panel(image, {"truth": truth, "prediction": mask}, caption=_verdict(case, scores))
            for case, (image, truth), mask in zip(cases, pairs, found, strict=True)
        ]
    columns = [f"new {case}" for case in cases]  # training cases have the same names
    return Block("New images, used in no training: truth and predictions", columns, rows)


def _read(path: Path) -> NDArray[Any]:
    """Read an image file as an array (Y, X)."""
    with Image.open(path) as image:
        return np.asarray(image)


def _verdict(case: str, scores: Scores) -> str:
    """Say how good a prediction is."""
    if case in scores.dice:
        return f"Dice {scores.dice[case]:.2f}"
    return "false alarm" if scores.alarms[case] else "nothing found: right"


def training_cases_block(preprocessed: Path, maps: Path, cases: Sequence[str]) -> Block:
    """Show training cases with what U-Net++ found easy and hard in them.

    Args:
        preprocessed: Folder of the preprocessed cases, which the maps fit pixel by pixel.
        maps: Folder of the easy/hard maps.
        cases: Names of the cases.
    """
    rows: dict[str, list[Panel]] = {"image": [], "truth": [], "easy / hard": []}
    folder = MapFolder(maps, nnUNetDatasetBlosc2)
    for case in cases:
        image = folder.dataset_class(str(preprocessed), [case]).load_case(case)[0][0, 0]
        levels, segmentation = folder.load_levels(case, str(preprocessed), 1)
        truth, level = segmentation[0] == 1, levels[0, 0]
        easy, hard = (100 * (level == value).sum() / truth.sum() for value in (1, 2))
        rows["image"].append(Panel(image))
        rows["truth"].append(Panel(image, {"truth": truth}))
        areas = {"easy": level == 1, "hard": level == 2}
        caption = f"easy {easy:.0f}%, hard {hard:.0f}%"
        rows["easy / hard"].append(Panel(image, {"truth": truth}, areas, caption))
    title = "Training cases of fold 0: easy and hard lesion pixels, as U-Net++ found them (uncoloured: neither)"
    return Block(title, cases, rows)
