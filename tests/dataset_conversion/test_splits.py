"""Folds and test sets divide no group, and keep classes in balance."""

from collections import Counter
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from nnunet_taichi.dataset_conversion.case import Case
from nnunet_taichi.dataset_conversion.splits import count_leaks, five_folds, group_cases, set_aside


def names(count: int) -> list[str]:
    return [f"case_{number:03d}" for number in range(count)]


@settings(max_examples=30, deadline=None, derandomize=True)
@given(st.lists(st.tuples(st.sampled_from("ab"), st.integers(0, 30)), min_size=5, max_size=80))
def test_folds_are_a_partition_that_divides_no_group(items: list[tuple[str, int]]) -> None:
    strata, groups = [stratum for stratum, _ in items], [number for _, number in items]
    identifiers = names(len(items))
    folds = five_folds(identifiers, strata, groups)
    assert len(folds) == (min(5, len(set(groups))) if len(set(groups)) > 1 else 0)
    if not folds:
        return
    assert sorted(name for fold in folds for name in fold["val"]) == identifiers
    number = dict(zip(identifiers, groups, strict=True))
    for fold in folds:
        assert sorted(fold["train"] + fold["val"]) == identifiers
        assert not {number[name] for name in fold["train"]} & {number[name] for name in fold["val"]}


def test_folds_are_stratified() -> None:
    strata = ["benign"] * 60 + ["malignant"] * 30 + ["normal"] * 10
    groups = [index // 2 for index in range(100)]  # pairs of twins
    stratum = dict(zip(names(100), strata, strict=True))
    for fold in five_folds(names(100), strata, groups):
        assert Counter(stratum[name] for name in fold["val"]) == {"benign": 12, "malignant": 6, "normal": 2}


def test_classes_that_are_all_rare_do_not_hinder() -> None:
    folds = five_folds(names(8), list("abcdefgh"), list(range(8)))
    assert sorted(len(fold["val"]) for fold in folds) == [1, 1, 2, 2, 2]


def test_test_set_has_each_class_s_share_and_whole_groups() -> None:
    strata = ["benign"] * 60 + ["malignant"] * 40
    groups = [index // 2 for index in range(100)]
    chosen = set_aside(0.2, strata, groups)
    assert Counter(strata[index] for index in chosen) == {"benign": 12, "malignant": 8}
    assert {groups[index] for index in chosen}.isdisjoint(groups[index] for index in range(100) if index not in chosen)
    assert chosen == set_aside(0.2, strata, groups)
    assert chosen != set(range(12)) | set(range(60, 68)), "chosen at random"
    assert set_aside(0.0, strata, groups) == set()


def test_a_group_larger_than_the_share_stays_in_training() -> None:
    assert not set_aside(0.2, ["a"] * 20, [0] * 10 + list(range(1, 11))) & set(range(10))


def test_patients_and_twins_join() -> None:
    cases = [
        Case(name, Path(name), (), group=group)
        for name, group in zip("abcdef", ["p", "", "q", "P", "", ""], strict=True)
    ]
    numbers = group_cases(cases, [(3, 4), (1, 5)])
    assert len(set(numbers)) == 3
    assert numbers[0] == numbers[3] == numbers[4], "a patient, and a twin of one of the patient's images"
    assert numbers[1] == numbers[5] != numbers[2], "images of unknown patients are not one patient"


def test_counts_validation_cases_with_a_twin_in_training() -> None:
    groups = {"a": 0, "b": 0, "c": 1, "d": 2, "e": 2, "f": 2}
    assert count_leaks({"train": ["a", "d"], "val": ["b", "c", "e", "f"]}, groups) == 3
    assert count_leaks({"train": ["a", "b"], "val": ["c", "d", "e", "f"]}, groups) == 0
