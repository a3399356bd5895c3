"""The tables of a comparison as files: summary.csv, summary.md, summary.tex and comparison.json."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

from nnunet_taichi.evaluation import quoted, statistics
from nnunet_taichi.evaluation.summary import SUMMARY_COLUMNS, Policy
from nnunet_taichi.report.summary_tables import Comparison, Table, build_tables
from nnunet_taichi.runtime.files import without_nan, write_whole

POLICIES: Mapping[Policy, str] = {"one": "count 1", "zero": "count 0", "nan": "are left out"}
DISTANCES = (
    "HD95 is the greater of the two directed 95th percentiles of the distances between the surfaces, "
    "ASSD the mean over the distances of both; undefined, and left out, where a mask is empty"
)
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
    parts = [f"# Comparison on {comparison.dataset}", _bullets(_notes(comparison))]
    for label, tables in build_tables(comparison).items():
        parts.append(f"## {label}")
        parts += [f"### {table.title}\n\n{_markdown_table(table)}" for table in tables]
    if comparison.warnings:
        parts += ["## Warnings", _bullets(comparison.warnings)]
    return "\n\n".join(parts) + "\n"


def to_latex(comparison: Comparison) -> str:
    """Write the tables as LaTeX to include, with the notes as comments."""
    comments = "\n".join(f"% {note}" for note in ("needs \\usepackage{booktabs}", *_notes(comparison)))
    blocks = [
        _latex_table(f"{label}. {table.title}", table)
        for label, tables in build_tables(comparison).items()
        for table in tables
    ]
    return "\n\n".join([comments, *blocks]) + "\n"


def to_json(comparison: Comparison) -> str:
    """Write everything in full precision; what is not defined is null."""
    content = {
        "dataset": comparison.dataset,
        "empty_masks": {"policy": comparison.policy, "meaning": empty_masks(comparison)},
        "distances": {"unit": comparison.unit, "definition": DISTANCES},
        "statistics": {**statistics.METHODS, "resamples": statistics.RESAMPLES, "seed": comparison.seed},
        "warnings": list(comparison.warnings),
        "summary": comparison.summary[SUMMARY_COLUMNS].to_dict("records"),
        "normal_images": comparison.normal.to_dict("records"),
        "pairs": [asdict(pair) for pair in comparison.pairs],
        "quoted": {"source": quoted.SOURCE, "rows": comparison.quoted.to_dict("records")},
    }
    return json.dumps(without_nan(content), indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def empty_masks(comparison: Comparison) -> str:
    """Say what scores of empty masks count."""
    return (
        f"scores of 0/0 {POLICIES[comparison.policy]} where truth and prediction are both empty, "
        "and count 0 where only one is"
    )


def _notes(comparison: Comparison) -> list[str]:
    """Say what the numbers of the tables are."""
    return [
        "DI Dice, JA Jaccard, ACC accuracy, PR precision, SE sensitivity, SP specificity; ± one standard deviation (of "
        "a sample, n - 1) of the folds' means, or of the cases",
        f"Empty masks: {empty_masks(comparison)}",
        f"Distances in {comparison.unit}: {DISTANCES}",
        *explain_pairs_and_quotes(comparison),
    ]


def explain_pairs_and_quotes(comparison: Comparison) -> list[str]:
    """Say what the columns of the pairs are, and what to mind with quoted rows."""
    methods, notes = statistics.METHODS, []
    if comparison.pairs:
        notes = [
            f"b - a: {methods['difference']}; in brackets the {methods['interval']}",
            f"p: {methods['p']}; p (Holm): {methods['p_holm']}",
            f"r: {methods['effect_size']}; +/=/-: {methods['wins']}",
        ]
    return notes + quoted.remarks(comparison.quoted)


def _bullets(lines: Sequence[str]) -> str:
    return "\n".join(f"- {line}" for line in lines)


def _texts(table: Table) -> list[list[str]]:
    """Write titles, rows and quoted rows as texts."""
    quoted = [[f"quoted: {method}", *map(str, cells)] for method, *cells in table.quoted]
    return [[column.title for column in table.columns], *([*map(str, row)] for row in table.rows), *quoted]


def _markdown_table(table: Table) -> str:
    rows = [[cell.replace("|", "\\|") for cell in row] for row in _texts(table)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [" | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in rows]
    lines.insert(1, " | ".join("-" * width for width in widths))
    return "\n".join(f"| {line} |" for line in lines)


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
