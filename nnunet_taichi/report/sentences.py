"""What a comparison says in sentences: the finding, what was compared, and how to read the tables."""

from collections.abc import Iterator, Mapping, Sequence

import pandas as pd

from nnunet_taichi.evaluation import quoted, statistics
from nnunet_taichi.evaluation.metrics import SURFACE_DISTANCES
from nnunet_taichi.evaluation.statistics import PairResult
from nnunet_taichi.evaluation.summary import EMPTY_MASKS
from nnunet_taichi.report.page_tables import MINUS
from nnunet_taichi.report.summary_tables import Comparison

SIGNIFICANT = 0.05
UNBROKEN = "\N{NO-BREAK SPACE}"


def find_best(comparison: Comparison, label: str, names: Mapping[str, str]) -> Iterator[str]:
    """Say which run has the highest mean Dice of a label, and how sure its lead is.

    The lead is over the first run; if that is the best, over the next.

    Args:
        comparison: All results.
        label: Name of the label.
        names: Short names of the runs, by full ones.
    """
    summary = comparison.summary
    rows = summary[(summary["label"] == label) & (summary["cases"] == "lesion") & (summary["metric"] == "dice")]
    if rows.empty:
        return
    means = dict(zip(rows["run"], rows["mean_cases"], strict=True))  # in the order of the runs
    first, (best, *others) = next(iter(means)), sorted(means, key=lambda name: -means[name])
    cases = f"mean Dice over {rows['n_cases'].max()} cases with {label}"
    if not others:
        yield f"{names[best]} has a {cases} of {means[best]:.3f}."
        return
    other, role = (others[0], "the next") if best == first else (first, "the first run")
    yield (
        f"{names[best]} has the highest {cases}: {means[best]:.3f}, against {means[other]:.3f} of {names[other]}, "
        f"{role}.{_lead(comparison.pairs, label, best, other)}"
    )


def _lead(pairs: Sequence[PairResult], label: str, best: str, other: str) -> str:
    """Say how large and how sure the lead of the best run is."""
    for pair in pairs:
        if (pair.label, pair.cases) == (label, "lesion") and {pair.a, pair.b} == {best, other} and pair.n > 1:
            sign = 1 if pair.b == best else -1
            low, high = sorted([sign * pair.ci_low, sign * pair.ci_high])
            p = ("p < 0.001" if pair.p_holm < 0.001 else f"p = {pair.p_holm:.3f}").replace(" ", UNBROKEN)
            verdict = "" if pair.p_holm < SIGNIFICANT else ": the difference may be chance"
            sure = f"95% interval {low:+.3f} to {high:+.3f}; {p}, corrected{verdict}"
            return f" The difference is {sign * pair.mean_difference:+.3f} ({sure}).".replace("-", MINUS)
    return ""


def list_facts(
    comparison: Comparison, per_case: pd.DataFrame, runs: Sequence[str], ending: str
) -> list[tuple[str, str]]:
    """List what was compared, as terms and descriptions."""
    first, *others = runs
    facts = [("First run", f"{first}, which the others are compared with") if others else ("Run", first)]
    facts.append(("Other runs", ", ".join(others)))
    if ending:
        facts.append(("Names", f"All trainers' names end in {ending}, which is left out here."))
    for column in ("plans", "configuration"):
        facts.append((column.capitalize(), ", ".join(filter(None, per_case[column].unique()))))
    folds = list(filter(None, per_case["fold"].astype(str).unique()))
    facts.append(("Folds", ", ".join(sorted(folds))))
    counts = [_count(rows, str(label)) for label, rows in per_case.groupby("label", sort=False)]
    facts.append(("Cases", "; ".join(counts)))
    empty = EMPTY_MASKS[comparison.policy]
    facts.append(("Empty masks", f"{empty[0].upper()}{empty[1:]}"))
    facts.append(("Distances", f"In {comparison.unit}. {SURFACE_DISTANCES}."))
    return [(term, description) for term, description in facts if description]


def _count(rows: pd.DataFrame, label: str) -> str:
    """Count the cases that have a label, and those that do not."""
    has = rows.groupby("case")["n_ref"].first() > 0
    return f"{has.sum()} with {label}" + ("" if has.all() else f", {(~has).sum()} without")


def explain_tables(comparison: Comparison) -> list[str]:
    """Say how to read the tables."""
    first = "±: one standard deviation (of a sample, n - 1) of the folds' means, or of the cases. Bold: the best"
    return [f"{note}." for note in (first, *_explain_pairs_and_quotes(comparison))]


def explain_numbers(comparison: Comparison) -> list[str]:
    """Say what the numbers of the tables are."""
    return [
        "DI Dice, JA Jaccard, ACC accuracy, PR precision, SE sensitivity, SP specificity; ± one standard deviation (of "
        "a sample, n - 1) of the folds' means, or of the cases",
        f"Empty masks: {EMPTY_MASKS[comparison.policy]}",
        f"Distances in {comparison.unit}: {SURFACE_DISTANCES}",
        *_explain_pairs_and_quotes(comparison),
    ]


def _explain_pairs_and_quotes(comparison: Comparison) -> list[str]:
    """Explain the columns of the tables of pairs, and what readers must keep in mind about quoted rows."""
    methods, notes = statistics.METHODS, []
    if comparison.pairs:
        notes = [
            f"b - a: {methods['difference']}; in brackets the {methods['interval']}",
            f"p: {methods['p']}; p (Holm): {methods['p_holm']}",
            f"r: {methods['effect_size']}; +/=/-: {methods['wins']}",
        ]
    return notes + quoted.remarks(comparison.quoted)
