"""The comparison's tables as the report shows them: sortable, with short names, and the best values marked."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from nnunet_taichi.evaluation.summary import DISTANCES, SCORES
from nnunet_taichi.report.summary_tables import MISSING, Cell, Column, Table

MINUS, DASH = "\N{MINUS SIGN}", "\N{EN DASH}"

_HYPHEN = re.compile(r"(?<![\w.)])-(?=\d)")


@dataclass(frozen=True)
class PageCell:
    """A cell, and whether it is the best of its column."""

    text: str
    rest: str = ""
    number: float | None = None
    best: bool = False


@dataclass(frozen=True)
class PageColumn:
    """The title of a column, and whether it holds numbers."""

    title: str
    numeric: bool


@dataclass(frozen=True)
class PageTable:
    """A table for the page."""

    title: str
    columns: Sequence[PageColumn]
    rows: Sequence[Sequence[PageCell]]


def page_tables(tables: Sequence[Table], names: Mapping[str, str]) -> Iterator[PageTable]:
    """Prepare tables for the page. Quoted rows get tables of their own; means over a single fold are left out.

    Args:
        tables: Tables of a comparison.
        names: Names of the runs in the page, by their full names.
    """
    for table in tables:
        if not (table.columns[-1].title == "folds" and all(row[-1].number == 1 for row in table.rows)):
            yield to_page(table, names)
    for table in tables:
        if table.quoted:
            yield to_page(_quoted_alone(table))


def _quoted_alone(table: Table) -> Table:
    """Make a table of the quoted rows of another, without columns that would be empty."""
    by_column = enumerate(zip(*table.quoted, strict=True))
    used = [index for index, cells in by_column if any(cell.text != MISSING for cell in cells)]
    columns = [Column("method"), *(table.columns[index] for index in used[1:])]
    return Table(f"Quoted from the paper. {table.title}", columns, [[row[i] for i in used] for row in table.quoted])


def to_page(table: Table, names: Mapping[str, str] | None = None) -> PageTable:
    """Prepare one table for the page, without its quoted rows."""
    by_column = list(zip(*table.rows, strict=True)) or [()] * len(table.columns)
    best = [_best(column, cells) for column, cells in zip(table.columns, by_column, strict=True)]
    columns = [
        PageColumn(_full_title(column), index > 0 and any(cell.number is not None for cell in cells))
        for index, (column, cells) in enumerate(zip(table.columns, by_column, strict=True))
    ]
    rows = [
        [_page_cell(cell, text == cell.text, names or {}) for cell, text in zip(row, best, strict=True)]
        for row in table.rows
    ]
    return PageTable(table.title, columns, rows)


def _page_cell(cell: Cell, is_best: bool, names: Mapping[str, str]) -> PageCell:
    """Write a number with a true minus sign, and a run by its short name."""
    if cell.number is None:
        return PageCell(DASH if cell.text == MISSING else names.get(cell.text, cell.text), cell.rest)
    return PageCell(_HYPHEN.sub(MINUS, cell.text), _HYPHEN.sub(MINUS, cell.rest), cell.number, is_best)


def _best(column: Column, cells: Sequence[Cell]) -> str | None:
    """Return the text of the best value in a score's column, or None if none can be chosen.

    None can be chosen where cases are left out: the means of two runs are then over different cases, and a run that
    misses the hard lesions would seem the most exact.
    """
    written = {cell.number: cell.text for cell in cells if cell.number is not None}
    if not column.metric or len(set(written.values())) < 2 or any(cell.left_out for cell in cells):
        return None
    return written[min(written) if column.metric in DISTANCES else max(written)]


def _full_title(column: Column) -> str:
    """Return a column's title with the score spelled out: a page has more space than print."""
    return column.metric.capitalize() if column.metric in SCORES else column.title
