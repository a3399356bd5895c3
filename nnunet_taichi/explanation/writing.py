"""Write the pictures of an explanation, and make the entries of explanation.json about them."""

import math
from pathlib import Path
from typing import Any

import pandas as pd
from matplotlib.figure import Figure
from tqdm import tqdm

from nnunet_taichi.config import OUTPUTS
from nnunet_taichi.explanation.cases import CaseFiles
from nnunet_taichi.explanation.features import (
    Features,
    channel_features,
    deepest_features,
    mean_features,
    strongest_channels,
)
from nnunet_taichi.explanation.measures import Measures
from nnunet_taichi.explanation.pictures import PANELS, case_picture, channel_picture, format_dice
from nnunet_taichi.explanation.training_maps import difficulty_figure
from nnunet_taichi.explanation.two_paths import PredictedCase, TwoPathModel
from nnunet_taichi.explanation.uncertainty_curves import uncertainty_figure
from nnunet_taichi.nnunet.json_files import blamed_on
from nnunet_taichi.runtime.files import whole

DPI = 200
CHANNELS = 4  # as many as in figure 4


def choose_cases(images: pd.DataFrame, count: int) -> list[str]:
    """Return up to `count` images, half the most and half the least uncertain ones, the most uncertain first."""
    ranked = [str(name) for name in images["uncertainty"].sort_values(ascending=False, kind="stable").index]
    return ranked if len(ranked) <= count else ranked[: count // 2] + ranked[-(count // 2) :]


def write_pictures(
    model: TwoPathModel,
    files: list[CaseFiles],
    measures: Measures,
    maps: Path | None,
    preprocessed: Path,
    folder: Path,
) -> dict[str, Any]:
    """Write a picture of each case, and figures of them all.

    Args:
        model: Model that predicts the cases once more.
        files: Files of the cases to draw.
        measures: Measures of these cases and of others.
        maps: Folder of the easy/hard maps, None if there is none.
        preprocessed: Folder of the preprocessed cases, which the maps fit.
        folder: Folder of the explanation.

    Returns:
        The entries `cases`, `figures` and `notes` of explanation.json.
    """
    cases, figures, notes = [], [_write_uncertainty(measures, folder)], []
    for file in tqdm(files, desc="pictures"):
        case = model.predict(file)
        features = deepest_features(model, case)
        cases.append(_write_case(model, case, features, measures, folder))
        if file in (files[0], files[-1]):  # the most and the least uncertain, unless cases were named
            figures.append(_write_channels(model, case, features, cases[-1]["caption"], folder))
    if model.network.config.mutual_learning == "consistent":
        notes.append(
            "Both paths of this model learn the lesion: what is called the background path here is the second lesion "
            "path."
        )
    if model.network.attention is None:
        notes.append("This model has no attention, so there are no features after attention.")
    if maps is None:
        notes.append("Easy and hard regions are left out: no maps of them are on record for this fold.")
    elif not preprocessed.is_dir():
        notes.append(
            f"Easy and hard regions are left out: their maps fit the cases of {preprocessed}, which is not there."
        )
    else:
        with blamed_on(f"{maps}, or the cases in {preprocessed},", "delete the maps and run nnunet_taichi mine"):
            figures.append(_write_difficulty(model, maps, preprocessed, folder))
    return {"cases": cases, "figures": figures, "notes": notes}


def _write_uncertainty(measures: Measures, folder: Path) -> dict[str, Any]:
    """Write the figure of ROC, risk and coverage, and return its entry of explanation.json."""
    images = measures.images
    caption = (
        f"Is the fused mask wrong where the paths disagree? {len(images)} images. (a) ROC over all their pixels. "
        "(b) Mean risk, 1 - Dice, of the images that are kept when the most uncertain are left out. (c) Dice and mean "
        "disagreement of each image. The baseline is the uncertainty of the fused probability p alone, 1 - |2p - 1|: "
        "disagreement adds something where it is better."
    )
    figure = uncertainty_figure(measures.counts, images)
    return _save(figure, folder, "uncertainty.png", "Disagreement and error", caption)


def _write_difficulty(model: TwoPathModel, maps: Path, preprocessed: Path, folder: Path) -> dict[str, Any]:
    """Write the figure of training cases with easy and hard regions, and return its entry of explanation.json."""
    caption = (
        "Training cases with the parts of the lesion that U-Net++ found already at its first level (easy) or only at "
        "its fourth (hard), in percent of the lesion. The first case has the largest share of hard pixels among those "
        "found, the last the smallest."
    )
    return _save(difficulty_figure(maps, preprocessed, model), folder, "difficulty.png", "Easy and hard", caption)


def _write_case(
    model: TwoPathModel, case: PredictedCase, features: Features, measures: Measures, folder: Path
) -> dict[str, Any]:
    """Write the picture of a case and return its entry of explanation.json."""
    table = measures.table.set_index(["case", "label"]).loc[case.name]
    dice: Any = {label: {output: row[f"{output}_dice"] for output in OUTPUTS} for label, row in table.iterrows()}
    image = measures.images.loc[case.name]
    headline = f"{case.name}: {format_dice(image['fused_dice'])}, mean disagreement {image['uncertainty']:.2f}"
    figure = case_picture(
        case, headline, dice, mean_features(model, case, features), math.ceil(10 * measures.largest) / 10
    )
    by_path = ", ".join(f"{OUTPUTS[output]} {format_dice(image[f'{output}_dice'])}" for output in PANELS)
    saved = _save(figure, folder, f"cases/{case.name}.png", case.name, f"{case.name}: {by_path}.")
    return {
        "case": case.name,
        "picture": saved["file"],
        "caption": saved["caption"],
        "dice": {output: float(image[f"{output}_dice"]) for output in OUTPUTS},
        **{name: float(image[name]) for name in ("auroc", "auroc_baseline", "uncertainty")},
    }


def _write_channels(
    model: TwoPathModel, case: PredictedCase, features: Features, caption: str, folder: Path
) -> dict[str, Any]:
    """Write the figure of a case's strongest channels, and return its entry of explanation.json."""
    channels = strongest_channels(features, CHANNELS)
    maps = channel_features(model, case, features, channels)
    figure = channel_picture(case, case.name, channels, maps)
    *_, height, width = features.maps["lesion"]["before"].shape
    caption = (
        f"The {CHANNELS} strongest channels of the deepest features of each path, enlarged from {height} x {width} "
        f"positions. {caption}"
    )
    return _save(figure, folder, f"channels/{case.name}.png", f"Deepest features of {case.name}", caption)


def _save(figure: Figure, folder: Path, file: str, title: str, caption: str) -> dict[str, Any]:
    (folder / file).parent.mkdir(parents=True, exist_ok=True)
    with whole(folder / file) as partial:
        figure.savefig(partial, dpi=DPI)
    return {"title": title, "file": file, "caption": caption}
