"""The tables of a comparison as files: summary.csv, summary.md, summary.tex and comparison.json."""

import json
import re
from collections.abc import Sequence
from dataclasses import asdict
from itertools import groupby
from pathlib import Path
from typing import NamedTuple

from nnunet_taichi.evaluation import quoted, statistics
from nnunet_taichi.evaluation.metrics import SURFACE_DISTANCES
from nnunet_taichi.evaluation.summary import EMPTY_MASKS, SUMMARY_COLUMNS
from nnunet_taichi.report.sentences import explain_numbers
from nnunet_taichi.report.summary_tables import Comparison
from nnunet_taichi.runtime.files import without_nan, write_whole
from nnunet_taichi.runtime.markdown import markdown_list, markdown_table

LATEX = {
    **{character: f"\\{character}" for character in "&%$#_{}"},
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": "$<$",
    ">": "$>$",
    "±": r"$\pm$",
}


def write_files(comparison: Comparison, folder: Path) -> list[Path]:
    """Write the four files into `folder` and return their paths."""
    contents = {
        "summary.csv": comparison.summary.to_csv(columns=SUMMARY_COLUMNS, index=False, lineterminator="\n"),
        "summary.md": to_markdown(comparison),
        "summary.tex": to_latex(comparison),
        "comparison.json": to_json(comparison),
    }
    for name, text in contents.items():
        write_whole(folder / name, text)
    return [folder / name for name in contents]


def to_markdown(comparison: Comparison) -> str:
    """Return everything as Markdown, with rounded numbers."""
    notes, tables = _contents(comparison)
    parts = [f"# Comparison on {comparison.dataset}", markdown_list(notes)]
    for label, of_label in groupby(tables, lambda table: table.label):
        parts.append(f"## {label}")
        parts += [f"### {each.title}\n\n{markdown_table([each.header, *each.rows, *each.quoted])}" for each in of_label]
    if comparison.warnings:
        parts += ["## Warnings", markdown_list(comparison.warnings)]
    return "\n\n".join(parts) + "\n"


def to_latex(comparison: Comparison) -> str:
    """Return the tables as LaTeX to include, with the notes as comments."""
    notes, tables = _contents(comparison)
    comments = "\n".join(f"% {note}" for note in ("needs \\usepackage{booktabs}", *notes))
    return "\n\n".join([comments, *map(_latex_table, tables)]) + "\n"


def to_json(comparison: Comparison) -> str:
    """Return everything as JSON, in full precision; undefined numbers are null."""
    content = {
        "dataset": comparison.dataset,
        "empty_masks": {"policy": comparison.policy, "meaning": EMPTY_MASKS[comparison.policy]},
        "distances": {"unit": comparison.unit, "definition": SURFACE_DISTANCES},
        "statistics": {**statistics.METHODS, "resamples": statistics.RESAMPLES, "seed": comparison.seed},
        "warnings": list(comparison.warnings),
        "summary": comparison.summary[SUMMARY_COLUMNS].to_dict("records"),
        "normal_images": comparison.normal.to_dict("records"),
        "pairs": [asdict(pair) for pair in comparison.pairs],
        "quoted": {"source": quoted.SOURCE, "rows": comparison.quoted.to_dict("records")},
    }
    return json.dumps(without_nan(content), indent=1, ensure_ascii=False, allow_nan=False) + "\n"


class _Texts(NamedTuple):
    """The texts of a table, which are the same in Markdown and LaTeX."""

    label: str
    title: str
    header: list[str]
    rows: list[list[str]]
    quoted: list[list[str]]


def _contents(comparison: Comparison) -> tuple[list[str], list[_Texts]]:
    """Return the notes and tables, which are the same in Markdown and LaTeX."""
    tables = []
    for label, table in ((label, each) for label, of_label in comparison.tables.items() for each in of_label):
        rows, quoted = (
            [[f"{cell.text} {cell.rest}".rstrip() for cell in row] for row in part]
            for part in (table.rows, table.quoted)
        )
        quoted = [[f"quoted: {method}", *cells] for method, *cells in quoted]
        tables.append(_Texts(label, table.title, [column.title for column in table.columns], rows, quoted))
    return explain_numbers(comparison), tables


def _latex_table(table: _Texts) -> str:
    rule = [r"\midrule"] if table.quoted else []
    return "\n".join(
        [
            r"\begin{table}",
            r"\centering",
            rf"\caption{{{_latex(f'{table.label}. {table.title}')}}}",
            rf"\begin{{tabular}}{{l{'r' * (len(table.header) - 1)}}}",
            r"\toprule",
            _latex_row(table.header),
            r"\midrule",
            *map(_latex_row, table.rows),
            *rule,
            *map(_latex_row, table.quoted),
            r"\bottomrule",
            r"\end{tabular}",
            r"\end{table}",
        ]
    )


def _latex_row(cells: Sequence[str]) -> str:
    return " & ".join(map(_latex, cells)) + r" \\"


def _latex(text: str) -> str:
    """Escape what LaTeX would read as a command or, at a row's start, as an option; set a number's minus in math."""
    escaped = "".join(LATEX.get(character, character) for character in text)
    escaped = re.sub(r"^\[", "{[}", escaped)
    return re.sub(r"(?<![\w.])-(?=\d)", "$-$", escaped)
