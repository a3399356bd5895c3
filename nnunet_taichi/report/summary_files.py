"""The tables of a comparison as files: summary.csv, summary.md, summary.tex and comparison.json."""

import json
import re
from collections.abc import Sequence
from dataclasses import asdict
from itertools import groupby
from pathlib import Path

from nnunet_taichi.evaluation import quoted, statistics
from nnunet_taichi.evaluation.metrics import SURFACE_DISTANCES
from nnunet_taichi.evaluation.summary import EMPTY_MASKS, SUMMARY_COLUMNS
from nnunet_taichi.report.sentences import explain_numbers
from nnunet_taichi.report.summary_tables import Comparison, Table
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
    """Write everything but the full precision as text to read."""
    notes, tables = _contents(comparison)
    parts = [f"# Comparison on {comparison.dataset}", markdown_list(notes)]
    for label, of_label in groupby(tables, lambda each: each[0]):
        parts.append(f"## {label}")
        parts += [f"### {table.title}\n\n{markdown_table(_texts(table))}" for _, table in of_label]
    if comparison.warnings:
        parts += ["## Warnings", markdown_list(comparison.warnings)]
    return "\n\n".join(parts) + "\n"


def to_latex(comparison: Comparison) -> str:
    """Write the tables as LaTeX to include, with the notes as comments."""
    notes, tables = _contents(comparison)
    comments = "\n".join(f"% {note}" for note in ("needs \\usepackage{booktabs}", *notes))
    return "\n\n".join([comments, *(_latex_table(f"{label}. {table.title}", table) for label, table in tables)]) + "\n"


def _contents(comparison: Comparison) -> tuple[list[str], list[tuple[str, Table]]]:
    """Give what each format holds: notes, and tables with their labels."""
    tables = [(label, table) for label, tables in comparison.tables.items() for table in tables]
    return explain_numbers(comparison), tables


def to_json(comparison: Comparison) -> str:
    """Write everything in full precision; what is not defined is null."""
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


def _texts(table: Table) -> list[list[str]]:
    """Write titles, rows and quoted rows as texts."""
    written, below = (
        [[f"{cell.text} {cell.rest}".rstrip() for cell in row] for row in rows] for rows in (table.rows, table.quoted)
    )
    quoted = [[f"quoted: {method}", *cells] for method, *cells in below]
    return [[column.title for column in table.columns], *written, *quoted]


def _latex_table(caption: str, table: Table) -> str:
    header, *body = map(_latex_row, _texts(table))
    if table.quoted:
        body.insert(len(table.rows), r"\midrule")
    return "\n".join(
        [
            r"\begin{table}",
            r"\centering",
            rf"\caption{{{_latex(caption)}}}",
            rf"\begin{{tabular}}{{l{'r' * (len(table.columns) - 1)}}}",
            r"\toprule",
            header,
            r"\midrule",
            *body,
            r"\bottomrule",
            r"\end{tabular}",
            r"\end{table}",
        ]
    )


def _latex_row(cells: Sequence[str]) -> str:
    return " & ".join(map(_latex, cells)) + r" \\"


def _latex(text: str) -> str:
    """Escape what LaTeX would take for a command, or at a row's start for an option, and set the minus of a number."""
    escaped = "".join(LATEX.get(character, character) for character in text)
    escaped = re.sub(r"^\[", "{[}", escaped)
    return re.sub(r"(?<![\w.])-(?=\d)", "$-$", escaped)
