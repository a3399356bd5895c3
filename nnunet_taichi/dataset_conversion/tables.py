"""Tables of classes and patients that come with a data set: CSV, or Excel with the extra `[xlsx]`."""

import csv
import io
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from nnunet_taichi.dataset_conversion.case import Case
from nnunet_taichi.dataset_conversion.errors import TableError

# if a table has several of these columns, the first one here counts: names of images before what may number the rows
IDS = ("image", "image_id", "imageid", "imgname", "filename", "file_name", "file", "id", "name")
CLASSES = ("class", "cate", "category", "type", "label", "diagnosis", "pathology")
GROUPS = ("patient", "patient_id", "patientid", "subject", "subject_id", "case", "case_id", "group")
ENDING = re.compile(r"\.(png|jpe?g|jfif|jp2|bmp|gif|tiff?|webp|tga|p[bgnp]m|mh[ad]|nrrd|nhdr|nii|nii\.gz|dcm)$")

Lines = Sequence[Sequence[str]]


class Row(NamedTuple):
    """What a table says about an image.

    Attributes:
        stratum: Class of the image, or empty.
        group: Patient of the image, or empty.
    """

    stratum: str = ""
    group: str = ""


def find_table(name: str, folders: Iterable[Path]) -> Path | None:
    """Find a table by its name, in any case, in the first of the folders that holds it."""
    paths = (path for folder in folders for path in sorted(folder.iterdir()))
    return next((path for path in paths if path.name.lower() == name.lower() and path.is_file()), None)


def read_table(path: Path) -> dict[str, Row]:
    """Map the key of each image (see `image_key`) to what the table says about it.

    The names in `IDS`, `CLASSES` and `GROUPS`, in any case, mark the columns.

    Raises:
        TableError: The file cannot be read, has no column of images, or says different things about one image.
    """
    header, *lines = (_read_xlsx(path) if path.suffix.lower() == ".xlsx" else _read_csv(path)) or [[]]
    titles = [title.strip().lower() for title in header]
    columns = [next((titles.index(name) for name in names if name in titles), None) for names in (IDS, CLASSES, GROUPS)]
    if columns[0] is None:
        found = ", ".join(filter(None, titles)) or "nothing"
        raise TableError(path, f"has no column of images: expected one of {', '.join(IDS)}, found {found}")
    rows: dict[str, Row] = {}
    for line in lines:
        # a slice, since lines may be short
        cells = ("" if column is None else "".join(line[column : column + 1]).strip() for column in columns)
        image, stratum, group = cells
        if image and rows.setdefault(image_key(image), Row(stratum, group)) != (stratum, group):
            raise TableError(path, f"says two things of {image}; keep one of its rows")
    return rows


def image_key(name: str) -> str:
    """Return the key of an image's name: in lower case, without folder, picture ending, or leading zeros of a number.

    Spreadsheets drop leading zeros, and copies of a data set differ in them.
    """
    stem = ENDING.sub("", name.replace("\\", "/").rpartition("/")[2].lower())
    return str(int(stem)) if stem.isdecimal() else stem


def note_missing_classes(name: str, table: Path | None, cases: Sequence[Case]) -> list[str]:
    """Return a note on the images without a class in the table of classes called `name`, or on a missing table."""
    if table is None:
        return [f"there is no {name}: the folds are not balanced by class"]
    images = [case.image.name for case in cases if not case.stratum]
    shown = ", ".join(images[:5]) + (", ..." if images[5:] else "")
    return [f"{name} has no class for {len(images)} of {len(cases)} images: {shown}"] if images else []


def _read_csv(path: Path) -> Lines:
    """Read a table with commas, semicolons or tabs."""
    try:
        text = path.read_text(encoding="utf-8-sig")
        delimiter = max(",;\t", key=text.partition("\n")[0].count)
        return list(csv.reader(io.StringIO(text), delimiter=delimiter))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise TableError(path, f"cannot be read ({error}); save it as CSV in UTF-8") from error


def _read_xlsx(path: Path) -> Lines:
    """Read the first sheet up to the first column without a title. Columns further right are something else."""
    try:
        from openpyxl import load_workbook
    except ImportError:
        cure = "pip install openpyxl (the extra [xlsx]), or move the table away to do without it"
        raise TableError(path, f"needs a reader of Excel files: {cure}") from None
    try:
        sheet = load_workbook(path, data_only=True).worksheets[0]
        lines = [["" if cell is None else str(cell) for cell in line] for line in sheet.iter_rows(values_only=True)]
    except Exception as error:  # for a torn file, the reader may raise anything
        raise TableError(path, f"cannot be read ({error}); is it complete?") from error
    width = [*lines[0], ""].index("") if lines else 0
    return [line[:width] for line in lines]
