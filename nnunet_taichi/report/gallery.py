"""The cases that the report shows: the choice of them, and the picture and the scores of each."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import pandas as pd

from nnunet_taichi.evaluation.mask_files import MaskReader
from nnunet_taichi.evaluation.predictions import Run
from nnunet_taichi.evaluation.summary import apply_policy
from nnunet_taichi.report.overlay import Overlay, read_overlay

LIMIT = 48
LONGEST_EDGE = 320
MOST_GROUPS = 8


@dataclass(frozen=True)
class Score:
    """What the gallery says of one run, case and label.

    Attributes:
        text: Caption.
        dice: Dice, None where truth and prediction are both empty.
        gain: Dice minus that of the first run; an empty prediction of an empty truth counts 1.
        missed: Whether a lesion is there, and not one pixel of it was found.
        alarm: Whether no lesion is there, and one was found.
    """

    text: str
    dice: float | None
    gain: float
    missed: bool
    alarm: bool


@dataclass(frozen=True)
class GalleryCase:
    """One case with its picture.

    Attributes:
        name: Name of the case.
        group: Beginning of the name if it tells classes apart, else "".
        fold: Fold that predicted the case.
        overlay: Picture with its contours.
        scores: Scores by run and label, without the runs that lack the case.
    """

    name: str
    group: str
    fold: str
    overlay: Overlay
    scores: Mapping[str, Mapping[str, Score]]


def gallery_cases(per_case: pd.DataFrame, limit: int = LIMIT) -> list[str]:
    """Choose the cases that differ most: half the largest wins over the first run, half the largest losses.

    A win or a loss may be that of any other run, for any label. A single run is compared with its own mean.
    """
    gains = _gains(_pictured(per_case))
    most, least = gains.max(axis=1), gains.min(axis=1)
    wins = most.sort_values(ascending=False, kind="stable").index[: (limit + 1) // 2]
    losses = least.drop(wins).sort_values(kind="stable").index[: max(0, limit - len(wins))]
    return [*wins, *losses]


def _pictured(per_case: pd.DataFrame) -> pd.DataFrame:
    """Keep one fold of a case that several folds predicted: only one can be shown."""
    return per_case.drop_duplicates(["run", "case", "label"])


def _gains(pictured: pd.DataFrame) -> pd.DataFrame:
    """Return Dice minus that of the first run: one row per case, one column per other run and label.

    A run that is alone is compared with its own mean. An empty prediction of an empty truth counts 1, so that false
    alarms are losses, whatever the policy.
    """
    dice = apply_policy(pictured, "one").set_index(["case", "run", "label"])["dice"].unstack(["run", "label"])
    first, *others = pictured["run"].unique()
    if not others:
        return dice - dice.mean()
    return pd.concat({other: dice[other] - dice[first] for other in others}, axis=1)


def group_of(cases: Sequence[str]) -> dict[str, str]:
    """Tell classes by the words that the cases' names begin with (benign_001), if all have one and the words are few.

    >>> group_of(["benign_001", "malignant_002"])
    {'benign_001': 'benign', 'malignant_002': 'malignant'}
    >>> group_of(["scan_1", "scan_2"])
    {'scan_1': '', 'scan_2': ''}
    """
    groups = {case: re.match(r"[^\W\d_]*", case)[0] for case in cases}  # type: ignore[index]
    telling = all(groups.values()) and 1 < len(set(groups.values())) <= MOST_GROUPS
    return groups if telling else dict.fromkeys(cases, "")


def build_gallery(
    runs: Mapping[str, Run], per_case: pd.DataFrame, cases: Sequence[str], longest_edge: int = LONGEST_EDGE
) -> list[GalleryCase]:
    """Read the pictures and masks of the cases.

    Args:
        runs: Runs by name; the others are compared with the first.
        per_case: Scores, one row per run, case and label.
        cases: Names of the cases.
        longest_edge: Longest edge of the embedded pictures, in pixels.
    """
    pictured, groups = _pictured(per_case), group_of(sorted(set(per_case["case"])))
    gains = _gains(pictured)
    scores = {case: _scores(pictured[pictured["case"] == case], gains.loc[case]) for case in cases}
    files = {name: {each.case: each for each in reversed(run.predictions)} for name, run in runs.items()}
    readers = {name: MaskReader.of(run) for name, run in runs.items()}
    gallery = []
    for case in cases:
        predictions = {name: by_case[case] for name, by_case in files.items() if case in by_case}
        overlay, fold = read_overlay(readers, predictions, longest_edge), next(iter(predictions.values())).fold
        gallery.append(GalleryCase(case, groups[case], fold, overlay, scores[case]))
    return gallery


def _scores(rows: pd.DataFrame, gains: pd.Series) -> dict[str, dict[str, Score]]:
    """Return the scores of one case, by run and label."""
    scores: dict[str, dict[str, Score]] = {}
    for row in rows.itertuples():
        gain = float(gains.get((row.run, row.label), 0.0))
        score = Score(
            text=_verdict(row.n_ref, row.n_pred, row.tp, row.dice),
            dice=None if pd.isna(row.dice) else row.dice,
            gain=gain,
            missed=row.n_ref > 0 and row.tp == 0,
            alarm=row.n_ref == 0 and row.n_pred > 0,
        )
        scores.setdefault(row.run, {})[row.label] = score
    return scores


def _verdict(truth: int, predicted: int, hit: int, dice: float) -> str:
    """Say in few words how good a prediction is.

    >>> _verdict(truth=0, predicted=30, hit=0, dice=0.0)
    'false alarm (30 px)'
    """
    if not truth:
        return f"false alarm ({predicted:,} px)" if predicted else "nothing found: right"
    if not predicted:
        return "missed: nothing found"
    return f"Dice {dice:.2f}" if hit else "missed: found elsewhere"


def explain_choice(cases: Sequence[GalleryCase], per_case: pd.DataFrame) -> str:
    """Say which cases are in the gallery."""
    total = per_case["case"].nunique()
    if len(cases) == total:
        return f"All {total} cases."
    first, *others = per_case["run"].unique()
    wins = f"half the largest wins of any other run over {first}, half the largest losses"
    kinds = wins if others else "half the highest Dice, half the lowest"
    return f"{len(cases)} of {total} cases: {kinds}. They are the extremes, not a sample of all cases."


def gallery_data(cases: Sequence[GalleryCase], runs: Sequence[str], labels: Sequence[str]) -> dict[str, Any]:
    """Return the data for the page's script. It names runs and labels by their places, as the pictures' ids do."""
    return {
        "runs": runs,
        "cases": [
            {
                "name": case.name,
                "group": case.group,
                "facts": [*filter(None, [case.group, f"fold {case.fold}" if case.fold else "", case.overlay.place])],
                "pixels": [case.overlay.pixels[label] for label in labels],
                "scores": [[_plain(case.scores.get(run, {}), label) for label in labels] for run in runs],
            }
            for case in cases
        ],
    }


def _plain(scores: Mapping[str, Score], label: str) -> dict[str, Any] | None:
    return asdict(scores[label]) if label in scores else None
