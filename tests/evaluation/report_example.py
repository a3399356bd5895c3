"""A comparison to report on: phantoms, their truth, and predictions that are off by known ways."""

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

from nnunet_taichi.evaluation.predictions import Prediction, Run
from nnunet_taichi.evaluation.quoted import quoted_rows
from nnunet_taichi.evaluation.scoring import score
from nnunet_taichi.evaluation.statistics import compare_pairs
from nnunet_taichi.evaluation.summary import normal_images, summarise
from nnunet_taichi.nnunet.curve_table import CURVE_COLUMNS
from nnunet_taichi.nnunet.folds import read_training
from nnunet_taichi.phantoms import phantom
from nnunet_taichi.report.report_page import make_page
from nnunet_taichi.report.summary_tables import Comparison

DATASET_JSON = {"labels": {"background": 0, "lesion": 1}, "file_ending": ".png"}
RECIPE = "_Paper_2epochs_seed1"
Predict = Callable[[str, np.ndarray], np.ndarray]


def shifted(pixels: int) -> Predict:
    """Predict the truth, moved to the right."""
    return lambda case, truth: np.roll(truth, pixels, axis=1)


def alarming(case: str, truth: np.ndarray) -> np.ndarray:
    """Predict a box where there is nothing, and nothing in the case `benign_00`."""
    found = np.zeros_like(truth) if case == "benign_00" else truth.copy()
    if not truth.any():
        found[5:15, 5:15] = True
    return found


RUNS: Mapping[str, Predict] = {
    "nnUNetTrainer": shifted(3),
    "nnUNetTrainerTaichi": shifted(1),
    "nnUNetTrainerUNet": alarming,
}


def case_names(count: int) -> list[str]:
    """Name the cases; every fourth is normal."""
    return [f"{'normal' if number % 4 == 3 else 'benign'}_{number:02d}" for number in range(count)]


def make_runs(
    root: Path, cases: Sequence[str], runs: Mapping[str, Predict] = RUNS, size: int = 64, images: bool = True
) -> list[Run]:
    """Write images, truth, predictions and curves, as after training on one fold."""
    drawn = {}
    for number, case in enumerate(cases):
        pictures = _draw(number % 8, size, not case.startswith("normal"))  # few drawings, moved about: they take time
        image, drawn[case] = (np.roll(pixels, number // 8 * 7, axis=1) for pixels in pictures)
        _save(root / "images" / f"{case}_0000.png", image)
        _save(root / "labels" / f"{case}.png", drawn[case].astype(np.uint8))
    made = []
    for name, predict in runs.items():
        folder = root / f"{name}{RECIPE}" / "fold_0"
        for case, truth in drawn.items():
            _save(folder / f"{case}.png", predict(case, truth).astype(np.uint8))
        write_curves(folder)
        predictions = tuple(
            Prediction(
                "0",
                case,
                folder / f"{case}.png",
                root / "labels" / f"{case}.png",
                root / "images" / f"{case}_0000.png" if images else None,
            )
            for case in cases
        )
        trainings = {"0": read_training(folder, ".png")}
        made.append(Run(f"{name}{RECIPE}", "nnUNetPlans", "2d", folder.parent, DATASET_JSON, predictions, trainings))
    return made


def write_curves(folder: Path) -> None:
    """Write the curves of two epochs, an easy and a hard one, with a term of the loss."""
    rows = [
        [0, "easy", 40, 20.0, 0.01, 1.5, 1.2, 0.4, 1.0, 0.2, 0.6, 0.5],
        [1, "hard", 40, 22.0, 0.01, 1.1, 1.0, 0.6, 1.0, 0.2, 0.6, 0.3],
    ]
    pd.DataFrame(rows, columns=[*CURVE_COLUMNS, "loss_positive_dice"]).to_csv(folder / "taichi_curves.csv", index=False)


def compare(per_case: pd.DataFrame, dataset: str = "Dataset101_BUSI", warnings: Sequence[str] = ()) -> Comparison:
    return Comparison(
        dataset,
        "one",
        "px",
        per_case,
        summarise(per_case),
        normal_images(per_case),
        compare_pairs(per_case),
        quoted_rows(dataset),
        warnings,
    )


def write_example(
    root: Path, cases: Sequence[str], runs: Mapping[str, Predict] = RUNS, size: int = 64, **options: object
) -> Path:
    """Write a report and return its path."""
    made = make_runs(root, cases, runs, size)
    per_case = score(made, 1)
    page = root / "report.html"
    page.write_text(make_page(compare(per_case, warnings=["a < b & <i>so on</i>"]), made, **options), encoding="utf-8")
    return page


@cache
def _draw(seed: int, size: int, lesion: bool) -> tuple[np.ndarray, np.ndarray]:
    return phantom(np.random.default_rng(seed), size, lesion)


def _save(path: Path, pixels: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)
