"""Which files are pictures, and which mask belongs to which image."""

import unicodedata
from pathlib import Path

import pytest

from nnunet_taichi.dataset_conversion.errors import SourceNotFoundError
from nnunet_taichi.dataset_conversion.pairing import File, are_parts, find_pictures, pair


def touch(folder: Path, *names: str) -> Path:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    return folder


def named(*names: str) -> list[File]:
    return [File(Path(name), name) for name in names]


def names(files: list[File]) -> list[str]:
    return [file.name for file in files]


def test_passes_over_what_is_no_picture(tmp_path: Path) -> None:
    images = touch(
        tmp_path / "images", "b.PNG", "a/2.nii.gz", "a/10.jpeg", "a/deep/er/1.2.tif", "c.dcm", "d.mhd", "1.2.55"
    )
    touch(images, "notes.txt", "t.csv", "Thumbs.db", "a.json", "a.xml", "README.md", "d.raw", "._b.png", ".cache/e.png")
    (images / "folder.png").mkdir()
    masks = touch(tmp_path / "masks", "b.gif")
    found, found_masks = find_pictures(images, masks)
    assert names(found) == ["1.2.55", "a/10", "a/2", "a/deep/er/1.2", "b", "c", "d"]
    assert found[2].path == images / "a" / "2.nii.gz"
    assert found_masks == [File(masks / "b.gif", "b")]


def test_in_one_folder_the_suffix_tells(tmp_path: Path) -> None:
    touch(tmp_path, "a.png", "a_mask.png", "b.jpg", "B_GT.bmp", "x/c.png", "x/c-seg-2.png", "mask.png", "d_masked.png")
    images, masks = find_pictures(tmp_path, tmp_path)
    assert names(images) == ["a", "b", "d_masked", "mask", "x/c"]
    assert names(masks) == ["a_mask", "B_GT", "x/c-seg-2"]


def test_one_folder_may_lie_in_the_other(tmp_path: Path) -> None:
    outer, inner = touch(tmp_path, "a.png", "x/b.png"), touch(tmp_path / "inner", "a.png", "x/b.png")
    assert [list(map(names, find_pictures(*folders))) for folders in ((outer, inner), (inner, outer))] == [
        [["a", "x/b"], ["a", "x/b"]]
    ] * 2
    assert {file.path for file in find_pictures(outer, inner)[0]} == {outer / "a.png", outer / "x" / "b.png"}


def test_says_which_folder_it_misses(tmp_path: Path) -> None:
    full, empty = touch(tmp_path / "full", "a.png"), touch(tmp_path / "empty", "a.txt")
    with pytest.raises(SourceNotFoundError, match=r"none: is not a folder; give the one that holds the pictures"):
        find_pictures(tmp_path / "none", full)
    with pytest.raises(SourceNotFoundError, match=r"empty: holds no image \(tables, texts and hidden files are pas"):
        find_pictures(empty, full)
    with pytest.raises(SourceNotFoundError, match=r"empty: holds no mask \(tables, texts and hidden files are pas"):
        find_pictures(full, empty)
    with pytest.raises(SourceNotFoundError, match=r"full: holds no mask: expected names that end in _mask, _seg, _"):
        find_pictures(full, full)


SUFFIXES = [
    "",
    "_mask",
    "-mask",
    "_MASK",
    "_seg",
    "_segmentation",
    "_label",
    "_gt",
    "-gt",
    "_mask_1",
    "_mask2",
    "-seg-12",
]


@pytest.mark.parametrize("mask", [f"a{suffix}" for suffix in SUFFIXES] + ["A"])
@pytest.mark.parametrize("image", ["a", "A", "a_0000"])
def test_pairs(image: str, mask: str) -> None:
    others = named("b", "a_0001", "x/a")
    assert pair([*others, *named(image)], named(mask)) == ({image.lower(): named(mask)}, [])


@pytest.mark.parametrize("mask", ["ab", "a_1", "a_mask_x", "amask", "a mask", "mask_a", "x/a", "a_0001", "_mask"])
def test_does_not_pair(mask: str) -> None:
    assert pair(named("a"), named(mask)) == ({}, named(mask))


def test_names_as_they_stand_go_first() -> None:
    pairs, orphans = pair(named("a", "a_gt", "b", "b_0000"), named("a_gt", "a_gt_mask", "b", "b_0000_mask"))
    assert {image: names(masks) for image, masks in pairs.items()} == {
        "a_gt": ["a_gt", "a_gt_mask"],
        "b": ["b"],
        "b_0000": ["b_0000_mask"],
    }
    assert orphans == []


def test_letters_may_be_composed_or_not(tmp_path: Path) -> None:
    images = touch(tmp_path / "images", unicodedata.normalize("NFD", "Müller/Bö 1.png"))
    masks = touch(tmp_path / "masks", unicodedata.normalize("NFC", "MÜLLER/BÖ 1_mask.png"))
    found = find_pictures(images, masks)
    assert names(found[0]) == [unicodedata.normalize("NFC", "Müller/Bö 1")]
    assert pair(*found) == ({unicodedata.normalize("NFC", "müller/bö 1"): found[1]}, [])


@pytest.mark.parametrize(
    ("masks", "expected"),
    [
        (["a"], True),
        (["a_mask", "a_mask_1", "a_mask_2"], True),
        (["a-seg1", "a_seg_2"], True),
        (["a", "a"], False),  # with two endings
        (["a", "a_mask"], False),
        (["a_gt", "a_seg"], False),
        (["a_mask_1", "A_MASK_1"], False),
    ],
)
def test_parts_are_numbered(masks: list[str], expected: bool) -> None:
    assert are_parts(named(*masks)) is expected
