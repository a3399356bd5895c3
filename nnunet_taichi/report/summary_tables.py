"""The tables of a comparison, in rows and columns, before any format."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import pandas as pd

from nnunet_taichi.evaluation.statistics import PairResult
from nnunet_taichi.evaluation.summary import DISTANCES, Policy

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
SIGNED = "+.3f"


@dataclass(frozen=True)
class Comparison:
    """All results of a comparison.

    Attributes:
        dataset: Name of the data set.
        policy: What scores of 0/0 count where truth and prediction are both empty.
        unit: Unit of the distances, px or mm.
        per_case: Scores of the cases that all runs have, one row per run, case and label.
        summary: Table from `summarise`.
        normal: Table from `normal_images`.
        pairs: Results from `compare_pairs`.
        quoted: Table from `quoted_rows`.
        warnings: Texts that a reader should know about the runs.
        seed: Seed of the bootstrap.
    """

    dataset: str
    policy: Policy
    unit: str
    per_case: pd.DataFrame
    summary: pd.DataFrame
    normal: pd.DataFrame
    pairs: Sequence[PairResult]
    quoted: pd.DataFrame
    warnings: Sequence[str] = ()
    seed: int = 0

    @cached_property
    def tables(self) -> "dict[str, list[Table]]":
        """The tables by label."""
        return build_tables(self)


@dataclass(frozen=True)
class Cell:
    """A cell of a table.

    Attributes:
        text: A name, or a number as it is written.
        rest: What follows the number: a standard deviation, an interval, a remark.
        number: The number itself; None for names and where it is missing.
        left_out: Number of cases that a mean leaves out.
    """

    text: str
    rest: str = ""
    number: float | None = None
    left_out: int = 0


@dataclass(frozen=True)
class Column:
    """A column of a table.

    Attributes:
        title: Title; for a score, the paper's abbreviation.
        metric: Name of the score that the column holds; "" if it holds none.
    """

    title: str
    metric: str = ""


@dataclass(frozen=True)
class Table:
    """One table.

    Attributes:
        title: Title that says what the numbers are.
        columns: Columns.
        rows: Rows of results measured here, one cell per column.
        quoted: Rows of results quoted from the paper, one cell per column.
    """

    title: str
    columns: Sequence[Column]
    rows: Sequence[Sequence[Cell]]
    quoted: Sequence[Sequence[Cell]] = ()


def build_tables(comparison: Comparison) -> dict[str, list[Table]]:
    """Build the tables of each label. The paper's numbers go below the means over folds, which they compare with."""
    summary, quoted, unit = comparison.summary, comparison.quoted, comparison.unit
    tables: dict[str, list[Table]] = {}
    for (label, cases), rows in summary.groupby(["label", "cases"], sort=False):
        title = f"Cases with {label}" if cases == "lesion" else "All cases"
        same = _quoted_rows(quoted[(quoted["label"] == label) & (quoted["cases"] == cases)])
        pairs = [pair for pair in comparison.pairs if (pair.label, pair.cases) == (label, cases)]
        tables.setdefault(label, []).extend(
            [
                _score_table(f"{title}: mean ± SD over folds", rows, "folds", unit, same),
                _score_table(f"{title}: mean ± SD over cases", rows, "cases", unit),
                *_pair_table(title, pairs),
            ]
        )
    for label, rows in comparison.normal.groupby("label", sort=False):
        tables.setdefault(label, []).append(_normal_table(label, rows))
    return tables


def _score_table(title: str, rows: pd.DataFrame, over: str, unit: str, quoted: Sequence[Sequence[Cell]] = ()) -> Table:
    """Make a table with one row per run: mean ± SD of each score over folds or cases."""
    units = {metric: f" ({unit})" for metric in DISTANCES}
    scores = [Column(short + units.get(metric, ""), metric) for metric, short in ABBREVIATIONS.items()]
    body = []
    for run, of_run in rows.groupby("run", sort=False):
        by_metric = of_run.set_index("metric")
        cells = [_score_cell(metric, by_metric.loc[metric], over) for metric in ABBREVIATIONS]
        body.append([Cell(run), *cells, _number(of_run[f"n_{over}"].max(), "d")])
    return Table(title, [Column("run"), *scores, Column(over)], body, quoted)


def _score_cell(metric: str, scores: pd.Series, over: str) -> Cell:
    """Write mean ± SD, and how many cases the mean leaves out."""
    decimals, left_out = 2 if metric in DISTANCES else 3, int(scores["left_out"])
    return _mean(scores[f"mean_{over}"], scores[f"sd_{over}"], decimals, left_out)


def _mean(mean: float, sd: float, decimals: int = 3, left_out: int = 0) -> Cell:
    spread = "" if pd.isna(mean) or pd.isna(sd) else f"± {sd:.{decimals}f}"
    remark = f"({left_out} left out)" if left_out else ""
    return replace(_number(mean, f".{decimals}f"), rest=f"{spread} {remark}".strip(), left_out=left_out)


def _number(value: float, form: str, rest: str = "") -> Cell:
    """Write a number, or that it is missing."""
    return Cell(MISSING, rest) if pd.isna(value) else Cell(format(value, form), rest, float(value))


def _quoted_rows(quoted: pd.DataFrame) -> list[list[Cell]]:
    """Make one row per method of the paper. Results of one trainer in several tables share a row."""
    same_method = quoted["trainer"].where(quoted["trainer"] != "", quoted["method"])
    body = []
    for _, rows in quoted.groupby([same_method, "condition"], sort=False):
        numbers = list(dict.fromkeys(rows["table"]))
        tables = f"table{'s' if len(numbers) > 1 else ''} {', '.join(numbers)}"
        source = "; ".join(filter(None, [tables, rows["condition"].iloc[0]]))
        by_metric = rows.drop_duplicates("metric").set_index("metric")[["mean", "sd"]]
        cells = [_mean(mean, sd) for mean, sd in by_metric.reindex(ABBREVIATIONS).to_numpy()]
        body.append([Cell(f"{rows['method'].iloc[0]} [{source}]"), *cells, Cell(MISSING)])
    return body


def _pair_table(title: str, pairs: Sequence[PairResult]) -> list[Table]:
    """Make a table with one row per pair of runs; none if there are no pairs."""
    titles = ["a", "b", "n", "b - a [95% interval]", "p", "p (Holm)", "r", "+/=/-"]
    rows = [
        [
            Cell(pair.a),
            Cell(pair.b),
            _number(pair.n, "d"),
            _number(pair.mean_difference, SIGNED, f"[{', '.join(ends)}]"),
            _p(pair.p, f"({pair.note})" if pair.note else ""),
            _p(pair.p_holm),
            _number(pair.effect_size, SIGNED),
            Cell(f"{pair.wins}/{pair.ties}/{pair.losses}", number=pair.wins),
        ]
        for pair in pairs
        for ends in [[_number(end, SIGNED).text for end in (pair.ci_low, pair.ci_high)]]
    ]
    return [Table(f"{title}: pairs of runs by Dice", list(map(Column, titles)), rows)] if rows else []


def _normal_table(label: str, rows: pd.DataFrame) -> Table:
    """Make a table with one row per run: false alarms on images without the label."""
    titles = ["run", "images", "without false positives", "image-level specificity", "FP pixels: mean", "median", "max"]
    body = [
        [
            Cell(row.run),
            _number(row.n_images, "d"),
            _number(row.without_false_positives, "d"),
            _number(row.image_level_specificity, ".3f"),
            _number(row.fp_pixels_mean, ".1f"),
            _number(row.fp_pixels_median, ".1f"),
            _number(row.fp_pixels_max, "d"),
        ]
        for row in rows.itertuples()
    ]
    return Table(f"Images without {label}: false alarms", list(map(Column, titles)), body)


def _p(value: float, rest: str = "") -> Cell:
    cell = _number(value, ".3f", rest)
    return replace(cell, text="<0.001") if cell.number is not None and value < 0.001 else cell
