"""Splits that keep twins and patients together, and that balance the classes."""

import warnings
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from nnunet_taichi.dataset_conversion.case import Case
from nnunet_taichi.dataset_conversion.duplicates import group
from nnunet_taichi.dataset_conversion.findings import Fold

FOLDS = 5
SEED = 12345  # as nnU-Net's


def group_cases(cases: Sequence[Case], twins: Iterable[tuple[int, int]]) -> list[int]:
    """Return the group number of each case. Cases of a group must stay together: twins, and the images of a patient."""
    patients = defaultdict(list)
    for index, case in enumerate(cases):
        if case.group:
            patients[case.group.casefold()].append(index)
    return group(len(cases), [*twins, *((members[0], other) for members in patients.values() for other in members[1:])])


def set_aside(fraction: float, strata: Sequence[str], groups: Sequence[int]) -> set[int]:
    """Choose whole groups at random, up to a rounded share of each class.

    Returns:
        Indices of the test cases. A group that would exceed the share of a class is skipped.
    """
    wanted = Counter({stratum: round(fraction * count) for stratum, count in Counter(strata).items()})
    members = defaultdict(list)
    for index, number in enumerate(groups):
        members[number].append(index)
    chosen: set[int] = set()
    for number in np.random.default_rng(SEED).permutation(sorted(members)).tolist():
        counts = Counter(strata[index] for index in members[number])
        if counts <= wanted:
            wanted -= counts
            chosen.update(members[number])
    return chosen


def five_folds(identifiers: Sequence[str], strata: Sequence[str], groups: Sequence[int]) -> list[Fold]:
    """Split cases into five folds, stratified by class, without dividing a group. Fewer groups give one fold each.

    Returns:
        The folds, with cases in sorted order; an empty list if all cases are of one group.
    """
    from sklearn.model_selection import StratifiedGroupKFold  # slow to import

    count = min(FOLDS, len(set(groups)))
    if count < 2:
        return []
    if max(Counter(strata).values()) < count:  # too few of any class to balance
        strata = [""] * len(identifiers)
    splitter = StratifiedGroupKFold(count, shuffle=True, random_state=SEED)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "The least populated class")
        parts = list(splitter.split(identifiers, strata, groups))
    return [{"train": _names(identifiers, train), "val": _names(identifiers, val)} for train, val in parts]


def count_leaks(fold: Fold, groups: Mapping[str, int]) -> int:
    """Count a fold's validation cases that have a twin, or an image of the same patient, in training."""
    seen = {groups[name] for name in fold["train"]}
    return sum(groups[name] in seen for name in fold["val"])


def _names(identifiers: Sequence[str], indices: Any) -> list[str]:
    return sorted(identifiers[index] for index in indices)
