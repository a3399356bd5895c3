"""Whatever BUSI's folders hold: every case is found with its masks, or every file at fault is named."""

import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nnunet_taichi.dataset_conversion.busi import find_cases
from nnunet_taichi.dataset_conversion.errors import BadFilesError, SourceNotFoundError

CLASSES = ("benign", "malignant")
cases = st.sets(st.integers(1, 400), min_size=1, max_size=8)
spelling = st.sampled_from([str.lower, str.upper, str.title])
strangers = st.lists(
    st.sampled_from(["notes.png", "benign 3.png", "malignant (x).png", "benign (2)_mask_.png"]), max_size=2
)
harmless = st.lists(st.sampled_from(["Thumbs.db", "._benign (1).png", "readme.txt", ".hidden.png"]), max_size=3)
trees = st.fixed_dictionaries(
    {
        "numbers": st.tuples(cases, cases),
        "masks": st.integers(0, 3),
        "spell": spelling,
        "strangers": strangers,
        "harmless": harmless,
        "parent": st.booleans(),
        "orphan": st.booleans(),
    }
)


def write(root: Path, tree: dict) -> None:
    """Write empty files: the names alone count."""
    spell = tree["spell"]
    for kind, numbers in zip(CLASSES, tree["numbers"], strict=True):
        folder = root / spell(kind)
        folder.mkdir(parents=True)
        for number in numbers:
            (folder / spell(f"{kind} ({number}).png")).touch()
            for mask in range(tree["masks"]):
                (folder / spell(f"{kind} ({number})_mask{f'_{mask}' if mask else ''}.png")).touch()
    benign = root / spell("benign")
    for name in tree["strangers"] + tree["harmless"]:
        (benign / name).touch()
    if tree["orphan"]:
        (benign / "benign (999)_mask.png").touch()


@settings(max_examples=60, deadline=None, derandomize=True)
@given(trees)
def test_finds_every_case_or_names_every_stranger(tree: dict) -> None:
    with tempfile.TemporaryDirectory() as parent:
        root = Path(parent) / "Dataset BUSI ü"
        write(root, tree)
        source = root.parent if tree["parent"] else root
        if tree["strangers"]:
            with pytest.raises(BadFilesError) as info:
                find_cases(source)
            assert {error.path.name for error in info.value.errors} == set(tree["strangers"])
            return
        findings = find_cases(source)
        found = {case.identifier: len(case.masks) for case in findings.cases}
        expected = {f"benign_{number:03d}": tree["masks"] for number in tree["numbers"][0]}
        expected |= {f"malignant_{number:03d}": tree["masks"] for number in tree["numbers"][1]}
        if tree["orphan"]:
            expected["benign_999"] = 1
        assert found == expected
        for case in findings.cases:
            stem = case.identifier.replace("_", " (").replace("(0", "(").replace("(0", "(") + ")"
            assert findings.name(case.image).lower() == f"{case.stratum}/{stem}.png"


@pytest.mark.parametrize("missing", CLASSES)
def test_a_missing_class_is_no_busi(tmp_path: Path, missing: str) -> None:
    (tmp_path / next(kind for kind in CLASSES if kind != missing)).mkdir()
    with pytest.raises(SourceNotFoundError, match="holds no BUSI"):
        find_cases(tmp_path)
