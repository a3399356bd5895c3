"""Summaries of the scores of all cases: means and standard deviations over folds and over cases."""

from collections.abc import Iterator, Mapping
from typing import Literal, get_args

import pandas as pd

from nnunet_taichi.evaluation.scoring import RUN

Policy = Literal["one", "zero", "nan"]
COUNTED: Mapping[Policy, str] = {"one": "count 1", "zero": "count 0", "nan": "are left out"}
EMPTY_MASKS = {  # what scores of empty masks count, by policy
    policy: f"scores of 0/0 {counted} where truth and prediction are both empty, and count 0 where only one is"
    for policy, counted in COUNTED.items()
}

SCORES = ["dice", "jaccard", "accuracy", "precision", "sensitivity", "specificity"]
DISTANCES = ["hd95", "assd"]
METRICS = [*SCORES, *DISTANCES]
SUMMARY_COLUMNS = [
    *RUN, "label", "cases", "metric",
    "mean_cases", "sd_cases", "n_cases", "left_out", "mean_folds", "sd_folds", "n_folds",
]  # fmt: skip
NORMAL_COLUMNS = [
    "run", "label", "n_images", "without_false_positives", "image_level_specificity",
    "fp_pixels_mean", "fp_pixels_median", "fp_pixels_max",
]  # fmt: skip


def common_cases(per_case: pd.DataFrame) -> pd.DataFrame:
    """Keep the cases that all runs have: means over different cases tell nothing about the runs.

    Raises:
        ValueError: There is no case that all runs have.
    """
    common = per_case[per_case.groupby("case")["run"].transform("nunique") == per_case["run"].nunique()]
    if common.empty:
        raise ValueError("no case was predicted by all runs: compare trainings of the same folds of the same data")
    return common


def summarise(per_case: pd.DataFrame, policy: Policy = "one") -> pd.DataFrame:
    """Average each score of each run, over its cases and over its folds.

    The mean over folds is the mean of the folds' means. In the mean over cases, a case that several folds predict (as
    five models on one test set do) counts once, with its mean. Standard deviations are those of samples (n - 1), and
    missing for n = 1. Undefined scores (distances to an empty mask, or 0/0 by the policy) are left out and counted.

    Args:
        per_case: Scores, one row per run, case and label.
        policy: What 0/0 is where truth and prediction are both empty: "one", "zero", or "nan" (undefined).

    Returns:
        One row per label, scope, run and metric, with the columns `run` and `SUMMARY_COLUMNS`; runs keep their order.
        The scope, in the column `cases`, is "lesion" (cases with the label) and, if there are normal images, "all".

    Raises:
        ValueError: The policy is not known.
    """
    rows = []
    for label, cases, scored in scopes(per_case, policy):
        for _, scores in scored.groupby("run", sort=False):
            rows.append(_summarise_run(scores).assign(label=label, cases=cases, **scores[["run", *RUN]].iloc[0]))
    columns = ["run", *SUMMARY_COLUMNS]
    return pd.concat(rows, ignore_index=True)[columns] if rows else pd.DataFrame(columns=columns)


def _summarise_run(scores: pd.DataFrame) -> pd.DataFrame:
    """Average the scores of one run, one row per metric."""
    by_case = scores.groupby("case")[METRICS].mean()  # leaves out NaN, as all means here do
    by_fold = scores.groupby("fold")[METRICS].mean()
    columns = {
        "mean_cases": by_case.mean(),
        "sd_cases": by_case.std(),
        "n_cases": by_case.count(),
        "left_out": by_case.isna().sum(),
        "mean_folds": by_fold.mean(),
        "sd_folds": by_fold.std(),
        "n_folds": by_fold.count(),
    }
    return pd.DataFrame(columns).rename_axis("metric").reset_index()


def scopes(per_case: pd.DataFrame, policy: Policy) -> Iterator[tuple[str, str, pd.DataFrame]]:
    """Yield label, scope and rows to average: the cases with a lesion and, if there are others, also all cases."""
    for label, rows in apply_policy(per_case, policy).groupby("label", sort=False):
        lesion = rows[rows["n_ref"] > 0]
        if len(lesion):
            yield str(label), "lesion", lesion
        if len(lesion) < len(rows):
            yield str(label), "all", rows


def apply_policy(per_case: pd.DataFrame, policy: Policy) -> pd.DataFrame:
    """Fill in scores of 0/0: the policy's value where both masks are empty, 0 where only one is. Distances stay NaN.

    Raises:
        ValueError: The policy is not known.
    """
    if policy not in get_args(Policy):
        raise ValueError(f"expected a policy for empty masks of {', '.join(get_args(Policy))}, got {policy!r}")
    both_empty = {"one": 1.0, "zero": 0.0, "nan": float("nan")}[policy]
    empty_masks = per_case[["n_ref", "n_pred"]].eq(0).sum(axis=1)
    filling = empty_masks.map({1: 0.0, 2: both_empty})
    return per_case.assign(**{score: per_case[score].fillna(filling) for score in SCORES})


def normal_images(per_case: pd.DataFrame) -> pd.DataFrame:
    """Count the false alarms of each run on images without the label: one row per label and run, `NORMAL_COLUMNS`.

    Image-level specificity is the share of predictions without a false positive. An image that several folds predict
    counts once per fold. Mean, median and maximum of false-positive pixels are over all these predictions, also those
    without any.
    """
    rows = []
    for (label, run), images in per_case[per_case["n_ref"] == 0].groupby(["label", "run"], sort=False):
        found, right = images["n_pred"], int((images["n_pred"] == 0).sum())
        pixels = (float(found.mean()), float(found.median()), int(found.max()))
        rows.append((run, label, len(images), right, right / len(images), *pixels))
    return pd.DataFrame(rows, columns=NORMAL_COLUMNS)
