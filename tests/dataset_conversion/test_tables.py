"""Tables in the spellings that people have, and everything that can be wrong with one."""

import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from nnunet_taichi.dataset_conversion.errors import TableError
from nnunet_taichi.dataset_conversion.tables import Row, find_table, image_key, read_table


def write_xlsx(path: Path, *rows: Sequence[object]) -> Path:
    openpyxl = pytest.importorskip("openpyxl")
    workbook = openpyxl.Workbook()
    for row in rows:
        workbook.active.append(row)
    workbook.create_sheet().append(["Image", "Type"])
    workbook.save(path)
    return path


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("ID,CATE\n1.PNG,0\n2.PNG,1\n", {"1": Row("0"), "2": Row("1")}),
        ("\ufeffImage;Patient\r\na.png;7\r\n\r\nB.png;7\r\n", {"a": Row(group="7"), "b": Row(group="7")}),
        ("class\tage\t filename \nbenign\t40\t a \nmalignant\t41\tb", {"a": Row("benign"), "b": Row("malignant")}),
        ('image,note,class\na,"two\nlines, one cell",x\nb,tab\vbed,y\nc', {"a": Row("x"), "b": Row("y"), "c": Row()}),
        ("id,image,label\n1,a.png,x\n2,b.png,y\n", {"a": Row("x"), "b": Row("y")}),
        ("image,patient\na,1\na.png,1\n", {"a": Row(group="1")}),
        ("image,class\n", {}),
    ],
    ids=["commas", "semicolons, BOM, CRLF", "tabs, order, spaces", "quotes", "numbered rows", "says it twice", "empty"],
)
def test_reads_csv(tmp_path: Path, text: str, expected: dict[str, Row]) -> None:
    path = tmp_path / "table.csv"
    path.write_bytes(text.encode())
    assert read_table(path) == expected


def test_reads_the_first_sheet_without_the_legend_beside_it(tmp_path: Path) -> None:
    path = write_xlsx(
        tmp_path / "Table.XLSX",
        ["Image", "Type", None, "Image", "Patient"],
        ["000001", "Benign", None, "000001", "legend"],
        [2, "Malignant", None, "000002", "legend"],  # a spreadsheet took it for a number
        [None, None, None, "000003", "legend"],
    )
    assert read_table(path) == {"1": Row("Benign"), "2": Row("Malignant")}


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("7.PNG", "7"),
        ("0007.png", "7"),
        ("0", "0"),
        ("images/Some name.tiff", "some name"),
        ("images\\eye.L.jpg", "eye.l"),
        ("eye.L", "eye.l"),
        ("1.2.840", "1.2.840"),
        ("scan.nii.gz", "scan"),
    ],
)
def test_image_key(name: str, key: str) -> None:
    assert image_key(name) == key


def test_finds_a_table_without_case_and_in_order(tmp_path: Path) -> None:
    near, far = tmp_path / "near", tmp_path / "far"
    for path in (near / "other.csv", far / "TRAIN.csv"):
        path.parent.mkdir()
        path.touch()
    assert find_table("train.CSV", [near, far]) == far / "TRAIN.csv"
    (near / "train.csv").mkdir()
    assert find_table("train.CSV", [near, far]) == far / "TRAIN.csv"
    (near / "train.csv").rmdir()
    (near / "Train.csv").touch()
    assert find_table("train.CSV", [near, far]) == near / "Train.csv"
    assert find_table("test.csv", [near, far]) is None


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"age;class\n1;x\n", "has no column of images: expected one of image, image_id, "),
        (b"age;class\n1;x\n", ", found age, class"),
        (b"", ", found nothing"),
        (b"image,class\na.png,x\nA.PNG,y\n", "says two things of A.PNG; keep one of its rows"),
        (b"image,class\n\xe4.png,x\n", "cannot be read ('utf-8' codec can't decode byte 0xe4"),
        (b"image,class\na," + b"x" * 200_000, "save it as CSV in UTF-8"),
    ],
    ids=["no images", "found", "empty", "two things", "encoding", "no table"],
)
def test_names_the_fault(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "table.csv"
    path.write_bytes(content)
    with pytest.raises(TableError) as error_info:
        read_table(path)
    assert str(error_info.value).startswith(f"{path}: ")
    assert message in str(error_info.value)


def test_names_a_torn_excel_file(tmp_path: Path) -> None:
    path = write_xlsx(tmp_path / "table.xlsx", ["Image"], ["1"])
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(TableError, match=r"table\.xlsx: cannot be read \(.+\); is it complete\?"):
        read_table(path)
    path.unlink()
    write_xlsx(path)
    with pytest.raises(TableError, match="found nothing"):
        read_table(path)


def test_says_how_to_read_excel_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "openpyxl", None)  # importing it fails
    with pytest.raises(TableError, match=r"table\.xlsx: .*: pip install openpyxl \(the extra \[xlsx\]\), or move"):
        read_table(tmp_path / "table.xlsx")
