"""Rows of a table of single cases, scored here from counts of pixels, for the tests of statistics and summary."""

import pandas as pd

from nnunet_taichi.evaluation.scoring import name_runs

NAN = float("nan")


def row(run, case, tp, fp, fn, tn, fold="0", label="lesion", hd95=NAN, assd=NAN, plans="P", configuration="2d"):
    def share(part, whole):
        return part / whole if whole else NAN

    return {
        "trainer": run,
        "plans": plans,
        "configuration": configuration,
        "fold": fold,
        "case": case,
        "label": label,
        **{"tp": tp, "fp": fp, "fn": fn, "tn": tn},
        "dice": share(2 * tp, 2 * tp + fp + fn),
        "jaccard": share(tp, tp + fp + fn),
        "accuracy": share(tp + tn, tp + fp + fn + tn),
        "precision": share(tp, tp + fp),
        "sensitivity": share(tp, tp + fn),
        "specificity": share(tn, tn + fp),
        **{"hd95": hd95, "assd": assd, "n_ref": tp + fn, "n_pred": tp + fp},
    }


def dice_rows(run, dice, fold="0", cases=None, label="lesion"):
    """Rows of lesion cases that have these Dice values, whatever the counts."""
    cases = cases or [f"case_{number}" for number in range(len(dice))]
    return [
        row(run, case, 1, 1, 1, 1, fold=fold, label=label) | {"dice": value}
        for case, value in zip(cases, dice, strict=True)
    ]


def table(*rows):
    return name_runs(pd.DataFrame([each for some in rows for each in (some if isinstance(some, list) else [some])]))
