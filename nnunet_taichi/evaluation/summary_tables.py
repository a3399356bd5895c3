"""The tables of a comparison, as text in rows and columns, before any format."""

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from nnunet_taichi.evaluation.statistics import PairResult
from nnunet_taichi.evaluation.summary import DISTANCES, RUN, Policy, run_names

ABBREVIATIONS = {  # the paper's, in its order
    "dice": "DI",
    "jaccard": "JA",
    "accuracy": "ACC",
    "precision": "PR",
    "sensitivity": "SE",
    "specificity": "SP",
    "hd95": "HD95",
    "assd": "ASSD",
}
MISSING = "-"


@dataclass(frozen=True)
class Comparison:
    """All that there is to write down.

    Attributes:
        dataset: name of the data set.
        policy: what scores of 0/0 count where truth and prediction are both empty.
        unit: of the distances.
        summary: from `summarise`.
        normal: from `normal_images`.
        pairs: from `compare_pairs`.
        quoted: from `quoted_rows`.
        warnings: what a reader should know about the runs.
        seed: of the bootstrap.
    """

    dataset: str
    policy: Policy
    unit: str
    summary: pd.DataFrame
    normal: pd.DataFrame
    pairs: Sequence[PairResult]
    quoted: pd.DataFrame
    warnings: Sequence[str] = ()
    seed: int = 0


@dataclass(frozen=True)
class Table:
    """One table.

    Attributes:
        title: says what the numbers are.
        header: one title a column.
        rows: one text a column, measured here.
        quoted: more of them, from the paper.
    """

    title: str
    header: Sequence[str]
    rows: Sequence[Sequence[str]]
    quoted: Sequence[Sequence[str]] = ()


def build_tables(comparison: Comparison) -> dict[str, list[Table]]:
    """Build the tables of each label; what the paper says goes below the means over folds, with which it compares."""
    summary, quoted, unit = comparison.summary, comparison.quoted, comparison.unit
    names = run_names(summary)
    tables: dict[str, list[Table]] = {}
    for (label, cases), rows in summary.groupby(["label", "cases"], sort=False):
        title = f"Cases with {label}" if cases == "lesion" else "All cases"
        same = _quoted_rows(quoted[(quoted["label"] == label) & (quoted["cases"] == cases)])
        pairs = [pair for pair in comparison.pairs if (pair.label, pair.cases) == (label, cases)]
        tables.setdefault(label, []).extend(
            [
                _score_table(f"{title}: mean ± SD over folds", rows, names, "folds", unit, same),
                _score_table(f"{title}: mean ± SD over cases", rows, names, "cases", unit),
                *_pair_table(title, pairs),
            ]
        )
    for label, rows in comparison.normal.groupby("label", sort=False):
        tables.setdefault(label, []).append(_normal_table(label, rows))
    return tables


def _score_table(
    title: str,
    rows: pd.DataFrame,
    names: dict[tuple[str, ...], str],
    over: str,
    unit: str,
    quoted: Sequence[Sequence[str]] = (),
) -> Table:
    """One row a run: mean ± SD over folds or cases, of each score."""
    units = {metric: f" ({unit})" for metric in DISTANCES}
    header = ["run", *(short + units.get(metric, "") for metric, short in ABBREVIATIONS.items()), over]
    body = []
    for run, scores in rows.groupby(RUN, sort=False):
        by_metric = scores.set_index("metric")
        cells = [_score_cell(metric, by_metric.loc[metric], over) for metric in ABBREVIATIONS]
        body.append([names[run], *cells, str(scores[f"n_{over}"].max())])
    return Table(title, header, body, quoted)


def _score_cell(metric: str, scores: pd.Series, over: str) -> str:
    """Mean ± SD, and how many cases it leaves out."""
    left_out = f" ({scores['left_out']} left out)" if scores["left_out"] else ""
    return _plus_minus(scores[f"mean_{over}"], scores[f"sd_{over}"], 2 if metric in DISTANCES else 3) + left_out


def _plus_minus(mean: float, sd: float, decimals: int) -> str:
    if pd.isna(mean):
        return MISSING
    return f"{mean:.{decimals}f}" + ("" if pd.isna(sd) else f" ± {sd:.{decimals}f}")


def _quoted_rows(quoted: pd.DataFrame) -> list[list[str]]:
    """One row a method of the paper; what several of its tables say about one trainer is quoted once."""
    same_method = quoted["trainer"].where(quoted["trainer"] != "", quoted["method"])
    body = []
    for _, rows in quoted.groupby([same_method, "condition"], sort=False):
        numbers = list(dict.fromkeys(rows["table"]))
        tables = f"table{'s' if len(numbers) > 1 else ''} {', '.join(numbers)}"
        source = "; ".join(filter(None, [tables, rows["condition"].iloc[0]]))
        by_metric = rows.drop_duplicates("metric").set_index("metric")[["mean", "sd"]]
        cells = [_plus_minus(mean, sd, 3) for mean, sd in by_metric.reindex(ABBREVIATIONS).to_numpy()]
        body.append([f"quoted: {rows['method'].iloc[0]} [{source}]", *cells, MISSING])
    return body


def _pair_table(title: str, pairs: Sequence[PairResult]) -> list[Table]:
    """One row a pair of runs, if there are any."""
    header = ["a", "b", "n", "b - a [95% interval]", "p", "p (Holm)", "r", "+/=/-"]
    rows = [
        [
            pair.a,
            pair.b,
            str(pair.n),
            f"{_signed(pair.mean_difference)} [{_signed(pair.ci_low)}, {_signed(pair.ci_high)}]",
            _p(pair.p) + (f" ({pair.note})" if pair.note else ""),
            _p(pair.p_holm),
            _signed(pair.effect_size),
            f"{pair.wins}/{pair.ties}/{pair.losses}",
        ]
        for pair in pairs
    ]
    return [Table(f"{title}: pairs of runs by Dice", header, rows)] if rows else []


def _normal_table(label: str, rows: pd.DataFrame) -> Table:
    """One row a run: false alarms on images without the label."""
    header = ["run", "images", "without false positives", "specificity of images", "FP pixels: mean", "median", "max"]
    body = [
        [
            row.run,
            str(row.n_images),
            str(row.without_false_positives),
            f"{row.image_level_specificity:.3f}",
            f"{row.fp_pixels_mean:.1f}",
            f"{row.fp_pixels_median:.1f}",
            str(row.fp_pixels_max),
        ]
        for row in rows.itertuples()
    ]
    return Table(f"Images without {label}: false alarms", header, body)


def _signed(value: float) -> str:
    return MISSING if pd.isna(value) else f"{value:+.3f}"


def _p(value: float) -> str:
    return MISSING if pd.isna(value) else "<0.001" if value < 0.001 else f"{value:.3f}"
