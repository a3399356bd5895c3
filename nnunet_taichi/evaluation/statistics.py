"""Is one run better than another? Statistics of the differences in Dice, over the same cases."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

from nnunet_taichi.evaluation.summary import Policy, scopes

RESAMPLES = 9999
BATCH = 1 << 20  # differences drawn at once: bounds the memory of the bootstrap
DECIMALS = 12  # unrounded, 0.8 - 0.7 and 0.7 - 0.6 differ in binary, and would get different ranks
METHODS = {
    "difference": "Dice of b minus Dice of a, over the cases that both have; a case of several folds counts once, "
    "with its mean",
    "interval": f"95% percentile bootstrap of the mean difference, {RESAMPLES} resamples of the cases",
    "p": "Wilcoxon's signed-rank test, two-sided, without the zero differences (scipy's defaults)",
    "p_holm": "p after Holm's correction over all pairs of runs, for each label and scope",
    "effect_size": "matched-pairs rank-biserial correlation (R+ - R-) / (R+ + R-), from -1 to 1: above 0, b is better",
    "wins": "cases in which b is better, equal, worse",
}


@dataclass(frozen=True)
class PairResult:
    """Comparison of run b with run a, by Dice.

    Attributes:
        label: Name of the label.
        cases: Scope, "lesion" or "all".
        a: Name of the run that b is compared with.
        b: Name of the other run.
        n: Number of cases that both have, with a Dice that is defined.
        mean_difference: Mean of b - a.
        ci_low: Lower end of the 95% interval of the mean difference.
        ci_high: Upper end of this interval.
        p: Result of Wilcoxon's signed-rank test, a p value.
        p_holm: The same, after Holm's correction.
        effect_size: Matched-pairs rank-biserial correlation, -1 to 1; above 0, b is better.
        wins: Number of cases in which b is better.
        ties: Number of cases in which both are equal.
        losses: Number of cases in which b is worse.
        note: Reason why p or the interval is not computed as usual; "" if it is.
    """

    label: str
    cases: str
    a: str
    b: str
    n: int
    mean_difference: float
    ci_low: float
    ci_high: float
    p: float
    p_holm: float
    effect_size: float
    wins: int
    ties: int
    losses: int
    note: str = ""


def compare_pairs(per_case: pd.DataFrame, policy: Policy = "one", seed: int = 0) -> list[PairResult]:
    """Compare every pair of runs by Dice, for each label and scope; the run that came first is a.

    Tests and intervals assume that cases are independent. The results of several folds on one case are not independent,
    so they are averaged first. Several images of one patient are not independent either, but the table does not know
    patients: with such images, p is too small and the interval too narrow.

    Args:
        per_case: Scores, one row per run, case and label.
        policy: What Dice is where truth and prediction are both empty: "one", "zero", or "nan" (undefined), which
            leaves out the scope "all".
        seed: Seed of the bootstrap. Each pair starts from it, so that no result depends on what else is compared.

    Raises:
        ValueError: The policy is not known.
    """
    runs, results = per_case["run"].unique(), []
    for label, cases, scored in scopes(per_case, policy):
        if policy == "nan" and cases == "all":
            continue  # a pair would lose all normal images on which one run was right: false alarms would cost nothing
        dice = scored.groupby(["case", "run"])["dice"].mean().unstack().reindex(columns=runs)
        family = [
            _compare(label, cases, a, b, (dice[b] - dice[a]).dropna().to_numpy(), seed)
            for a, b in combinations(dice.columns, 2)
        ]
        corrected = holm([result.p for result in family])
        results += [replace(result, p_holm=float(p)) for result, p in zip(family, corrected, strict=True)]
    return results


def _compare(label: str, cases: str, a: str, b: str, differences: NDArray[Any], seed: int) -> PairResult:
    """Compare two runs by their differences b - a (n,), before Holm's correction."""
    differences = differences.round(DECIMALS)
    low, high = bootstrap_interval(differences, seed)
    p, note = wilcoxon(differences)
    return PairResult(
        label=label,
        cases=cases,
        a=a,
        b=b,
        n=len(differences),
        mean_difference=float(differences.mean()) if len(differences) else np.nan,
        ci_low=low,
        ci_high=high,
        p=p,
        p_holm=np.nan,
        effect_size=rank_biserial(differences),
        wins=int((differences > 0).sum()),
        ties=int((differences == 0).sum()),
        losses=int((differences < 0).sum()),
        note=note,
    )


def wilcoxon(differences: NDArray[Any]) -> tuple[float, str]:
    """Test whether differences (n,) are symmetric about 0.

    Returns:
        p, and a note if there is no case, only one, or no difference but zero; else "". scipy drops differences of
        zero. If all are zero, it gives p = 1, NaN or an error, depending on its version and on n. Here p is then 1:
        nothing speaks against equality.
    """
    if not len(differences):
        return np.nan, "no case that both have"
    if not differences.any():
        return 1.0, "all differences are zero"
    return float(stats.wilcoxon(differences).pvalue), "" if len(differences) > 1 else "a single case"


def holm(p: Sequence[float]) -> NDArray[Any]:
    """Correct p values (m,) for their number by Holm's step-down method; NaN stays and does not count.

    The smallest p is multiplied by m, the next by m - 1, and so on. No result may be below the one before, or above 1.

    >>> holm([0.01, 0.04, 0.03]).round(12).tolist()
    [0.03, 0.06, 0.06]
    """
    corrected = np.array(p, dtype=float)
    order = np.argsort(corrected)[: np.isfinite(corrected).sum()]  # NaN is sorted to the end
    steps = corrected[order] * np.arange(len(order), 0, -1)
    corrected[order] = np.minimum(np.maximum.accumulate(steps), 1)
    return corrected


def rank_biserial(differences: NDArray[Any]) -> float:
    """Return the matched-pairs rank-biserial correlation of differences (n,), (R+ - R-) / (R+ + R-).

    R+ and R- are the sums of the ranks of |difference| over the positive and the negative differences, without zeros,
    as in Wilcoxon's test (Kerby 2014). The result is 1 if all differences are positive, and 0 if all are zero.

    >>> rank_biserial(np.array([0.1, 0.2, -0.3, 0.0]))
    0.0
    """
    if not len(differences):
        return np.nan
    differences = differences[differences != 0]
    ranks = stats.rankdata(np.abs(differences))
    return float((ranks * np.sign(differences)).sum() / ranks.sum()) if len(differences) else 0.0


def bootstrap_interval(differences: NDArray[Any], seed: int) -> tuple[float, float]:
    """Return the 95% percentile bootstrap interval of the mean of differences (n,); NaN for n < 2.

    It is the percentile interval, because the BCa interval is undefined if all differences are equal.
    """
    if len(differences) < 2:
        return np.nan, np.nan
    low, high = stats.bootstrap(
        (differences,),
        np.mean,
        n_resamples=RESAMPLES,
        batch=max(1, BATCH // len(differences)),
        confidence_level=0.95,
        method="percentile",
        rng=np.random.default_rng(seed),
    ).confidence_interval
    return float(low), float(high)
