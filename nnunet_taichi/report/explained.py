"""What `nnunet_taichi explain` wrote, as sections of the report."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from nnunet_taichi.config import OUTPUTS
from nnunet_taichi.figures.charts import Chart
from nnunet_taichi.figures.drawing import embed_pixels
from nnunet_taichi.report.page_tables import PageTable, to_page
from nnunet_taichi.report.summary_tables import Cell, Column, Table

FILE = "explanation.json"
PAGE, HIGHEST = 1056, 900  # largest width and height of a figure, in pixels
LONGEST_EDGE_OF_FIGURE, LONGEST_EDGE_OF_CASE = 1600, 1100


@dataclass(frozen=True)
class CasePicture:
    """A case's picture (a data URI) and its text."""

    name: str
    text: str
    picture: str


@dataclass(frozen=True)
class Explanation:
    """The section of the report about one explanation."""

    title: str
    table: PageTable
    notes: Sequence[str]
    charts: Sequence[Chart]
    cases: Sequence[CasePicture]


def read_explanation(folder: Path) -> Explanation:
    """Read a folder's `explanation.json` and embed its pictures.

    Raises:
        ValueError: The folder holds no explanation, or one that cannot be read.
    """
    try:
        content = json.loads((folder / FILE).read_text(encoding="utf-8"))
        return _to_section(content, folder)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(
            f"{folder} is not a folder that `nnunet_taichi explain` wrote: its {FILE} is missing or incomplete "
            f"({error}); run explain again"
        ) from error


def _to_section(content: Mapping[str, Any], folder: Path) -> Explanation:
    rows = [
        [
            Cell(OUTPUTS.get(output, output)),
            Cell(_number(scores["dice_mean"]), number=scores["dice_mean"]),
            Cell(str(scores["n"]), number=scores["n"]),
        ]
        for output, scores in content["outputs"].items()
    ]
    table = to_page(Table("Dice of each output", list(map(Column, ("output", "Dice, mean", "cases"))), rows))
    return Explanation(
        title=f"{content['trainer']}, fold {content['fold']}",
        table=table,
        notes=_notes(content),
        charts=[_figure(figure, folder) for figure in content.get("figures", ())],
        cases=[_case(case, folder) for case in content.get("cases", ())],
    )


def _notes(content: Mapping[str, Any]) -> list[str]:
    """Say how well the disagreement of the paths tells errors, compared with the fused probability alone."""
    area, baseline = content["auroc"], content.get("auroc_baseline", {})
    curve = content.get("risk_coverage", {})
    notes = [
        "AUROC, how well disagreement tells wrong pixels from right ones (0.5 is chance): "
        f"{_number(area['pixels'])} over all pixels, {_number(area['per_case_mean'])} as the mean over cases"
        + (f"; the fused probability alone has {_number(baseline['pixels'])} over all pixels." if baseline else ".")
    ]
    if curve:
        notes.append(
            "Area under the risk-coverage curve, the mean error of the cases kept when the most uncertain are set "
            f"aside: {_number(curve['aurc'])}; {_number(curve['random'])} in random order, {_number(curve['oracle'])} "
            "in the best one."
        )
    return [*notes, *content.get("notes", ())]


def _figure(figure: Mapping[str, str], folder: Path) -> Chart:
    pixels = _read(folder / figure["file"])
    height, width = pixels.shape[:2]
    shown = min(1, PAGE / width, HIGHEST / height)
    picture = embed_pixels(pixels, LONGEST_EDGE_OF_FIGURE)
    return Chart(
        title=figure["title"],
        picture=picture,
        alt=f"{figure['title']}. {figure['caption']}",
        caption=figure["caption"],
        width=round(width * shown),
        height=round(height * shown),
    )


def _case(case: Mapping[str, Any], folder: Path) -> CasePicture:
    dice = ", ".join(f"{output} {_number(value)}" for output, value in case["dice"].items())
    text = f"Dice: {dice}. AUROC {_number(case['auroc'])}, uncertainty {_number(case['uncertainty'])}"
    return CasePicture(case["case"], text, embed_pixels(_read(folder / case["picture"]), LONGEST_EDGE_OF_CASE))


def _read(path: Path) -> Any:
    """Read a picture (Y, X, 3); transparent pixels become white."""
    with Image.open(path) as picture:
        opaque = Image.alpha_composite(Image.new("RGBA", picture.size, "white"), picture.convert("RGBA"))
    return np.asarray(opaque.convert("RGB"))


def _number(value: float | None) -> str:
    return "-" if value is None or np.isnan(value) else f"{value:.3f}"
