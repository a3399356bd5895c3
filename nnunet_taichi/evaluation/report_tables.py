"""The comparison's tables as the report shows them: sortable, with short names, and the best values marked."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from nnunet_taichi.evaluation.summary import DISTANCES
from nnunet_taichi.evaluation.summary_tables import ABBREVIATIONS, MISSING, Table

METRIC_OF = {short: metric for metric, short in ABBREVIATIONS.items()}
MINUS, DASH = "\N{MINUS SIGN}", "\N{EN DASH}"
QUOTED = "quoted: "  # what a quoted row begins with
LEFT_OUT = " left out)"  # what a mean ends with that is not over all cases

_NUMBER = re.compile(r"(<?)([+-]?\d[\d.]*)(?![\w.])")  # what a cell begins with, as in "0.71 ± 0.02" or "12/0/3"
_HYPHEN = re.compile(r"(?<![\w.)])-(?=\d)")


@dataclass(frozen=True)
class Cell:
    """What a cell says.

    Attributes:
        text: a name, or what comes first of a number.
        rest: what follows the number: a standard deviation, an interval, a remark.
        number: by which it is sorted; None for names and blanks.
        best: of its column.
    """

    text: str
    rest: str = ""
    number: float | None = None
    best: bool = False


@dataclass(frozen=True)
class Column:
    """A title, and whether numbers stand below it."""

    title: str
    numeric: bool


@dataclass(frozen=True)
class SortableTable:
    """A table for the page."""

    title: str
    columns: Sequence[Column]
    rows: Sequence[Sequence[Cell]]


def sortable_tables(tables: Sequence[Table], names: Mapping[str, str]) -> Iterator[SortableTable]:
    """Prepare tables; what they quote gets a table of its own, and means over a single fold none.

    Args:
        tables: texts.
        names: what runs are called in the page, by their full names.
    """
    for table in tables:
        if not (table.header[-1] == "folds" and all(row[-1] == "1" for row in table.rows)):
            yield to_sortable(table, names)
    for table in tables:
        if table.quoted:
            yield to_sortable(_quoted_alone(table))


def _quoted_alone(table: Table) -> Table:
    """Make a table of what another one quotes, without the columns that would be blank."""
    rows = [[row[0].removeprefix(QUOTED), *row[1:]] for row in table.quoted]
    used = [index for index, texts in enumerate(zip(*rows, strict=True)) if set(texts) != {MISSING}]
    return Table(
        f"Quoted from the paper. {table.title}",
        ["method", *(table.header[index] for index in used[1:])],
        [[row[index] for index in used] for row in rows],
    )


def to_sortable(table: Table, names: Mapping[str, str] | None = None) -> SortableTable:
    """Prepare one table, without what it quotes."""
    named = [[(names or {}).get(text, text) for text in row] for row in table.rows]
    by_column = [list(texts) for texts in zip(*named, strict=True)] or [[] for _ in table.header]
    columns = [
        Column(_full_title(title), index > 0 and _is_numeric(texts))
        for index, (title, texts) in enumerate(zip(table.header, by_column, strict=True))
    ]
    best = [_best(title, texts) for title, texts in zip(table.header, by_column, strict=True)]
    rows = [
        [_number_cell(text, best[index]) if columns[index].numeric else Cell(text) for index, text in enumerate(row)]
        for row in named
    ]
    return SortableTable(table.title, columns, rows)


def _number_cell(text: str, best: float | None) -> Cell:
    """Part a number from what follows it."""
    if text == MISSING:
        return Cell(DASH)
    first, _, rest = text.partition(" ")
    number = to_number(text)
    return Cell(_HYPHEN.sub(MINUS, first), _HYPHEN.sub(MINUS, rest), number, number == best)


def to_number(text: str) -> float | None:
    """Read the number that a cell begins with, if it does.

    >>> to_number("0.712 ± 0.034"), to_number("+0.031 [+0.010, +0.052]"), to_number("nnUNetTrainer")
    (0.712, 0.031, None)
    >>> to_number("<0.001") < to_number("0.001")
    True
    """
    found = _NUMBER.match(text)
    return float(found[2]) * (0.5 if found[1] else 1) if found else None


def _is_numeric(texts: Sequence[str]) -> bool:
    """Tell whether a column holds numbers, blanks aside."""
    filled = [text for text in texts if text != MISSING]
    return bool(filled) and all(to_number(text) is not None for text in filled)


def _best(title: str, texts: Sequence[str]) -> float | None:
    """Give the best value of a score's column, or None if there is nothing to choose.

    Nothing can be chosen where cases are left out: the means of two runs are over different cases, and a run that
    misses the hard lesions would seem the most exact.
    """
    metric = METRIC_OF.get(title.split(" ")[0])
    numbers = {number for text in texts if (number := to_number(text)) is not None}
    if metric is None or len(numbers) < 2 or any(LEFT_OUT in text for text in texts):
        return None
    return min(numbers) if metric in DISTANCES else max(numbers)


def _full_title(title: str) -> str:
    """Spell out a score's abbreviation: a page has the room that print has not."""
    short, _, unit = title.partition(" ")
    metric = METRIC_OF.get(short, short)
    full = short if metric in DISTANCES or short not in METRIC_OF else metric.capitalize()
    return f"{full} {unit}".strip()
