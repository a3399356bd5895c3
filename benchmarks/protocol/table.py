"""Table of results: means over seeds, and paired differences with groups of twins as the unit.

    python benchmarks/protocol/table.py benchmarks/results/busi/small --folds 4

A case's Dice is averaged over the seeds of a trainer first of all. The interval is of a bootstrap of groups, p of a
permutation test that flips the signs of the groups' sums. A comparison uses the cases, folds and seeds that both models
have; on a data set that no fold saw, each fold's model scores every case.
"""

import argparse
import json
import re
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.stats import bootstrap, permutation_test

RESAMPLES = 9999


def compare(difference: pd.Series, groups: list[str]) -> tuple[float, float, float, float]:
    """Return the mean of paired differences, its 95% interval, and p.

    Args:
        difference: One value per case (and fold).
        groups: Group of each.
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


def read_dice(folder: Path, folds: list[str]) -> pd.DataFrame:
    """Return the Dice of each case and fold (rows), by model and seed (columns)."""
    rows = pd.read_csv(folder / "per_case.csv", dtype={"fold": str})
    rows = rows[rows["fold"].isin(folds)]
    rows[["trainer", "seed"]] = rows["trainer"].str.extract(r"(.*)_seed(\d+)$")
    return rows.assign(model=rows["trainer"] + " " + rows["plans"]).pivot(
        index=["case", "fold"], columns=["model", "seed"], values="dice"
    )


def main() -> None:
    """Print the table in markdown, the reference first."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="folder with per_case.csv and groups.csv")
    parser.add_argument("--folds", nargs="+", default=["0", "1", "2", "3"])
    parser.add_argument("--reference", help="TRAINER PLANS, the trainer without _seed (default: of protocol.json)")
    parser.add_argument("--only", default="", help="regular expression that the models match")
    args = parser.parse_args()
    protocol = json.loads((args.folder / "protocol.json").read_text())
    reference = args.reference or " ".join(protocol["primary"]["reference"])
    dice = read_dice(args.folder, args.folds)
    twins = pd.read_csv(args.folder / "groups.csv", index_col="case")["group"]
    models = dict.fromkeys(model for model, _ in dice if re.search(args.only, model))
    print("| trainer, plans | seeds | Dice | SD of seeds | cases | against the first, with 95% interval | p |")
    print("|---|---|---|---|---|---|---|")
    for model in dict.fromkeys([reference, *models]):
        seeds = [seed for seed in dice[model] if seed in dice[reference]]
        both = dice[[(name, seed) for name in dict.fromkeys((model, reference)) for seed in seeds]].dropna()
        means = both[model].mean()
        cases = both.index.unique("case").size
        row = f"| {model} | {', '.join(seeds)} | {means.mean():.3f} | {means.std():.3f} | {cases} |"
        if model != reference and seeds:
            difference = both[model].mean(axis=1) - both[reference].mean(axis=1)
            mean, low, high, p = compare(difference, [twins.get(case, case) for case, _ in both.index])
            row += f" {mean:+.3f} [{low:+.3f}, {high:+.3f}] | {p:.4f} |"
        print(row)


if __name__ == "__main__":
    main()
