"""Table of results: means over seeds, and paired differences with groups of twins as the unit.

    python benchmarks/protocol/table.py benchmarks/results/busi/small --folds 4

A case's Dice is averaged over the seeds of a trainer first of all. The interval is of a bootstrap of groups, p of a
permutation test that flips the signs of the groups' sums. Only cases that all trainers have count.
"""

import argparse
import json
import re
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.stats import bootstrap, permutation_test

RESAMPLES = 9999


def compare(difference: pd.Series, groups: pd.Series) -> tuple[float, float, float, float]:
    """Return the mean of paired differences, its 95% interval, and p.

    Args:
        difference: A value a case.
        groups: Group of each case.
    """
    grouped = difference.groupby(groups)
    sums, sizes = grouped.sum().to_numpy(), grouped.size().to_numpy()
    rng = np.random.default_rng(0)
    ratio = lambda s, n, axis: s.sum(axis) / n.sum(axis)  # noqa: E731
    interval = bootstrap(
        (sums, sizes), ratio, paired=True, vectorized=True, n_resamples=RESAMPLES, method="percentile", rng=rng
    ).confidence_interval
    total = lambda s, axis: s.sum(axis)  # noqa: E731
    p = permutation_test((sums,), total, permutation_type="samples", vectorized=True, n_resamples=RESAMPLES, rng=rng)
    return difference.mean(), interval.low, interval.high, p.pvalue


def read_dice(folder: Path, folds: list[str]) -> tuple[pd.DataFrame, pd.Series, pd.Series]:
    """Return Dice by case and model, averaged over seeds; the seeds' spread; and the group of each case."""
    rows = pd.read_csv(folder / "per_case.csv", dtype={"fold": str})
    rows = rows[rows["fold"].isin(folds)]
    rows["model"] = rows["trainer"].str.replace(r"_seed\d+$", "", regex=True) + " " + rows["plans"]
    dice = rows.pivot_table("dice", "case", "model").dropna()
    by_seed = rows[rows["case"].isin(dice.index)].groupby(["model", "trainer"])["dice"].mean()
    groups = pd.read_csv(folder / "groups.csv", index_col="case")["group"].reindex(dice.index)
    return dice, by_seed.groupby("model").agg(["std", "size"]), groups.fillna(dice.index.to_series())


def main() -> None:
    """Print the table in markdown, the reference first."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="folder with per_case.csv and groups.csv")
    parser.add_argument("--folds", nargs="+", default=["0", "1", "2", "3"])
    parser.add_argument("--reference", help="trainer without seed and plans (default: that of protocol.json)")
    parser.add_argument("--only", default="", help="regular expression that the models match")
    args = parser.parse_args()
    protocol = json.loads((args.folder / "protocol.json").read_text())
    reference = args.reference or " ".join(protocol["primary"]["reference"])
    dice, seeds, groups = read_dice(args.folder, args.folds)
    models = [reference, *(model for model in dice if model != reference and re.search(args.only, model))]
    print(f"{len(dice)} cases, {groups.nunique()} groups\n")
    print("| trainer, plans | seeds | Dice | SD of seeds | against the first, with 95% interval | p |")
    print("|---|---|---|---|---|---|")
    for model in models:
        row = f"| {model} | {seeds['size'][model]} | {dice[model].mean():.3f} | {seeds['std'][model]:.3f} |"
        if model != reference:
            mean, low, high, p = compare(dice[model] - dice[reference], groups)
            row += f" {mean:+.3f} [{low:+.3f}, {high:+.3f}] | {p:.4f} |"
        print(row)


if __name__ == "__main__":
    main()
