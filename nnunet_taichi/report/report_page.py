"""The report: one page in one file, which needs no other file and no network."""

import base64
import hashlib
import re
from collections.abc import Mapping, Sequence
from itertools import takewhile
from pathlib import Path
from typing import Any

import jinja2
import pandas as pd
from markupsafe import Markup, escape

from nnunet_taichi import __version__
from nnunet_taichi.evaluation.predictions import Run
from nnunet_taichi.figures.charts import Chart
from nnunet_taichi.nnunet.curve_files import read_curves
from nnunet_taichi.report.curve_figures import curve_charts
from nnunet_taichi.report.explained import Explanation
from nnunet_taichi.report.gallery import LIMIT, build_gallery, explain_choice, gallery_cases, gallery_data
from nnunet_taichi.report.page_tables import page_tables
from nnunet_taichi.report.plots import box_plots, difference_plots, size_plots
from nnunet_taichi.report.sentences import explain_tables, find_best, list_facts
from nnunet_taichi.report.summary_tables import Comparison

TEMPLATES = Path(__file__).with_name("templates")


def make_page(
    comparison: Comparison,
    runs: Sequence[Run],
    gallery: int = LIMIT,
    explanations: Sequence[Explanation] = (),
) -> str:
    """Return the page as HTML.

    Args:
        comparison: Tables, policy and warnings.
        runs: Runs; the others are compared with the first.
        gallery: Largest number of cases to show.
        explanations: Sections of what `nnunet_taichi explain` wrote.
    """
    return render(_page(comparison, runs, gallery, explanations))


def render(page: Mapping[str, Any]) -> str:
    """Fill in the template; all text is escaped."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES), autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True
    )
    environment.filters |= {"breakable": breakable, "tidy": lambda number: f"{number:.2f}".rstrip("0").rstrip(".")}
    script = (TEMPLATES / "report.js").read_text(encoding="utf-8")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return environment.get_template("report.html.j2").render(
        page,
        version=__version__,
        style=Markup((TEMPLATES / "report.css").read_text(encoding="utf-8")),
        script=Markup(script),
        script_hash=f"sha256-{digest}",  # no other script can run, whatever a name holds
    )


def breakable(text: str) -> Markup:
    """Escape a text, and let long names break after underscores and before capitals."""
    return Markup(re.sub(r"(?<=_)|(?<=[a-z])(?=[A-Z])", "<wbr>", str(escape(text))))


def shorten(trainers: Sequence[str]) -> tuple[dict[str, str], str]:
    """Leave out the ending that all trainers' names share; the first word of a name always stays.

    Returns:
        Short names by full ones, and the ending; "" if there is none.

    >>> shorten(["nnUNetTrainer_Paper_seed1", "nnUNetTrainerTaichi_Paper_seed1"])[1]
    '_Paper_seed1'
    """
    endings = [list(reversed(trainer.split("_")[1:])) for trainer in trainers]
    shared = [words[0] for words in takewhile(lambda words: len(set(words)) == 1, zip(*endings, strict=False))]
    ending = "".join(f"_{word}" for word in reversed(shared)) if len(set(trainers)) > 1 else ""
    return {trainer: trainer.removesuffix(ending) for trainer in trainers}, ending


def _page(
    comparison: Comparison, runs: Sequence[Run], limit: int, explanations: Sequence[Explanation]
) -> dict[str, Any]:
    """Gather all that the template shows."""
    known = comparison.per_case.drop_duplicates("run").set_index("run")["trainer"]
    short, ending = shorten([*known])
    names = {run: short[trainer] + run.removeprefix(trainer) for run, trainer in known.items()}
    per_case = comparison.per_case.assign(run=comparison.per_case["run"].map(names))
    by_name = dict(zip(names.values(), runs, strict=True))
    labels = list(per_case["label"].unique())
    cases = build_gallery(by_name, per_case, gallery_cases(per_case, limit))
    gallery, choice = gallery_data(cases, list(by_name), labels), explain_choice(cases, per_case)
    tables = {label: list(page_tables(each, names)) for label, each in comparison.tables.items()}
    return {
        "title": f"Comparison on {comparison.dataset}" if comparison.dataset else "Comparison",
        "findings": [sentence for label in labels for sentence in find_best(comparison, label, names)],
        "warnings": comparison.warnings,
        "facts": list_facts(comparison, per_case, list(by_name), ending),
        "tables": tables,
        "notes": explain_tables(comparison),
        "figures": _figures(per_case, by_name),
        "runs": list(by_name),
        "labels": labels,
        "cases": cases,
        "choice": choice,
        "groups": list(dict.fromkeys(case.group for case in cases)),
        "gallery": gallery,
        "explanations": explanations,
    }


def _figures(per_case: pd.DataFrame, runs: Mapping[str, Run]) -> dict[str, list[Chart]]:
    """Draw all figures, by heading."""
    figures = {}
    for label, rows in per_case[per_case["n_ref"] > 0].groupby("label", sort=False):
        by_case = rows.groupby(["case", "run"])["dice"].mean()
        dice = by_case.unstack().reindex(columns=list(runs)).dropna()  # the cases that all runs have
        if dice.empty:
            continue
        figures[f"Cases with {label}"] = [
            box_plots(dice, "Dice of each run"),
            *([difference_plots(dice, "Difference from the first run")] if len(runs) > 1 else []),
            size_plots(dice, rows.groupby("case")["n_ref"].first(), "Dice and lesion size"),
        ]
    curves = {
        name: {fold: read_curves(training.folder) for fold, training in run.trainings.items()}
        for name, run in runs.items()
    }
    if training := list(curve_charts(curves)):
        figures["Training"] = training
    return figures
