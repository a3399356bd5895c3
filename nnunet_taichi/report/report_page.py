"""The report: one page in one file, which needs nothing else and asks nothing of the network."""

import base64
import hashlib
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import jinja2
import pandas as pd
from markupsafe import Markup, escape

from nnunet_taichi import __version__
from nnunet_taichi.evaluation.predictions import Run
from nnunet_taichi.evaluation.scoring import RUN, name_runs
from nnunet_taichi.figures.charts import Chart
from nnunet_taichi.nnunet.curve_files import read_curves
from nnunet_taichi.report.curve_figures import curve_charts
from nnunet_taichi.report.explained import Explanation
from nnunet_taichi.report.gallery import LIMIT, GalleryCase, build_gallery, gallery_cases, to_json
from nnunet_taichi.report.page_tables import page_tables
from nnunet_taichi.report.plots import box_plots, difference_plots, size_plots
from nnunet_taichi.report.sentences import explain_tables, find_best, list_facts, shorten
from nnunet_taichi.report.summary_tables import Comparison, build_tables

TEMPLATES = Path(__file__).with_name("templates")


def make_page(
    comparison: Comparison,
    runs: Sequence[Run],
    per_case: pd.DataFrame,
    gallery: int = LIMIT,
    explanations: Sequence[Explanation] = (),
) -> str:
    """Make the page, HTML.

    Args:
        comparison: Tables, policy and warnings.
        runs: Runs, the first being what the others are compared with.
        per_case: One row a run, case and label.
        gallery: Largest number of cases to show.
        explanations: Sections of what `nnunet_taichi explain` wrote.
    """
    return render(_page(comparison, runs, per_case, gallery, explanations))


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
        script_hash=f"sha256-{digest}",  # no other script runs, whatever a name may hold
    )


def breakable(text: str) -> Markup:
    """Escape a text, and let long names break after underscores and before capitals."""
    return Markup(re.sub(r"(?<=_)|(?<=[a-z])(?=[A-Z])", "<wbr>", str(escape(text))))


def _page(
    comparison: Comparison, runs: Sequence[Run], per_case: pd.DataFrame, limit: int, explanations: Sequence[Explanation]
) -> dict[str, Any]:
    """Gather all that the template shows."""
    short_trainers, ending = shorten(list(per_case.drop_duplicates("run")["trainer"]))
    full_names = per_case["run"]
    per_case = name_runs(per_case.assign(trainer=per_case["trainer"].map(short_trainers)))
    names = dict(zip(full_names, per_case["run"], strict=True))
    name_of = per_case.drop_duplicates("run").set_index(list(RUN))["run"]
    by_name = {name_of[short_trainers[run.trainer], run.plans, run.configuration]: run for run in runs}
    labels = list(per_case["label"].unique())
    cases = build_gallery(by_name, per_case, gallery_cases(per_case, limit))
    tables = {label: list(page_tables(each, names)) for label, each in build_tables(comparison).items()}
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
        "choice": _choice(cases, per_case, by_name),
        "groups": list(dict.fromkeys(case.group for case in cases)),
        "gallery": to_json(cases, list(by_name), labels),
        "explanations": explanations,
    }


def _figures(per_case: pd.DataFrame, runs: Mapping[str, Run]) -> dict[str, list[Chart]]:
    """Draw all figures, by heading."""
    figures = {}
    for label, rows in per_case[per_case["n_ref"] > 0].groupby("label", sort=False):
        by_case = rows.groupby(["case", "run"])["dice"].mean()
        dice = by_case.unstack().reindex(columns=list(runs)).dropna()  # the cases that all have
        if dice.empty:
            continue
        figures[f"Cases with {label}"] = [
            box_plots(dice, "Dice of each run"),
            *([difference_plots(dice, "Difference from the first run")] if len(runs) > 1 else []),
            size_plots(dice, rows.groupby("case")["n_ref"].first(), "Dice and lesion size"),
        ]
    curves = {
        name: {fold: read_curves(folder) for fold, folder in run.fold_folders.items()} for name, run in runs.items()
    }
    if training := list(curve_charts(curves)):
        figures["Training"] = training
    return figures


def _choice(cases: Sequence[GalleryCase], per_case: pd.DataFrame, runs: Mapping[str, Run]) -> str:
    """Say which cases are in the gallery."""
    total = per_case["case"].nunique()
    if len(cases) == total:
        return f"All {total} cases."
    first = next(iter(runs))
    kinds = (
        f"wins over {first} and the largest losses against it, of any other run" if len(runs) > 1 else "and lowest Dice"
    )
    chosen = f"{len(cases)} of {total} cases: in equal parts those with the largest {kinds}."
    return chosen + " They are the extremes, and no sample of all."
