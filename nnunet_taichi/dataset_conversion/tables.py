"""Tables of classes and patients that come with a data set: CSV, or Excel with the extra `[xlsx]`."""

import csv
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from nnunet_taichi.dataset_conversion.errors import TableError

IDS = ("id", "image", "image_id", "imageid", "filename", "file", "file_name", "imgname", "name")
CLASSES = ("class", "cate", "category", "type", "label", "diagnosis", "pathology")
GROUPS = ("patient", "patient_id", "patientid", "subject", "subject_id", "case", "case_id", "group")


class Row(NamedTuple):
    """What a table says of an image.

    Attributes:
        stratum: Its class, or empty.
        group: Its patient, or empty.
    """

    stratum: str = ""
    group: str = ""


def read_table(path: Path) -> dict[str, Row]:
    """Map each image's name, in lower case and without its ending, to what the table says of it.

    Columns are recognised by the names above, in any case; the first that is there counts.

    Raises:
        TableError: The file cannot be read, has no column of images, or names an image twice.
    """
    lines = _read_xlsx(path) if path.suffix.lower() == ".xlsx" else _read_csv(path)
    header = [cell.strip().lower() for cell in next(lines, [])]
    columns = [next((header.index(name) for name in names if name in header), None) for names in (IDS, CLASSES, GROUPS)]
    if columns[0] is None:
        raise TableError(path, f"has no column of images: expected one of {', '.join(IDS)}, found {', '.join(header)}")
    rows: dict[str, Row] = {}
    for line in lines:
        image, stratum, group = (
            "" if column is None else "".join(line[column : column + 1]).strip() for column in columns
        )
        key = image_key(image)
        if key and rows.setdefault(key, Row(stratum, group)) != Row(stratum, group):
            raise TableError(path, f"says two things of {image}; keep one of the rows")
    return rows


def image_key(name: str) -> str:
    """Give the key of an image's name: lower case, no folder, no ending of a picture."""
    name = name.replace("\\", "/").rpartition("/")[2].lower()
    stem, dot, ending = name.rpartition(".")
    return stem if dot and ending.isalpha() else name


def _read_csv(path: Path) -> Iterator[Sequence[str]]:
    """Yield the lines of a table with commas, semicolons or tabs."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise TableError(path, f"cannot be read ({error}); save it as CSV in UTF-8") from error
    lines = text.splitlines()
    delimiter = max(",;\t", key=(lines[0] if lines else "").count)
    yield from csv.reader(lines, delimiter=delimiter)


def _read_xlsx(path: Path) -> Iterator[Sequence[str]]:
    """Yield the lines of the first sheet, up to the first column without a header."""
    try:
        from openpyxl import load_workbook
    except ImportError:
        cure = "pip install openpyxl (the extra [xlsx]), or move the table away to do without it"
        raise TableError(path, f"needs a reader of Excel files: {cure}") from None
    try:
        sheet = load_workbook(path, read_only=True, data_only=True).worksheets[0]
        lines = [["" if cell is None else str(cell) for cell in line] for line in sheet.iter_rows(values_only=True)]
    except Exception as error:  # a torn file raises whatever its reader stumbles over
        raise TableError(path, f"cannot be read ({error}); is it complete?") from error
    header = lines[0] if lines else []
    width = header.index("") if "" in header else len(header)
    yield from (line[:width] for line in lines)
