"""Scores of each output, and how well the paths' disagreement tells where the fused mask is wrong."""

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from nnunet_taichi.config import OUTPUTS
from nnunet_taichi.evaluation.metrics import count_pixels, overlap
from nnunet_taichi.evaluation.uncertainty import (
    aurc,
    auroc,
    auroc_of_counts,
    count_scores,
    image_uncertainty,
    risk_coverage,
)
from nnunet_taichi.explanation.two_paths import PredictedCase

SHOWN_SCORES = ("dice", "jaccard", "precision", "sensitivity")
UNCERTAINTIES = {"": "disagreement", "_baseline": "ambiguity"}  # ending of a column -> attribute of a case


class Measures:
    """Measures cases one by one, and keeps only numbers: the pixels of many images do not fit into memory."""

    def __init__(self) -> None:
        self._rows: list[dict[str, Any]] = []
        self._counts: dict[str, dict[str, NDArray[Any]]] = {}  # class or region -> ending -> right and wrong pixels
        self.largest = 0.0  # largest disagreement so far

    def add(self, case: PredictedCase) -> None:
        """Measure a case."""
        self.largest = max(self.largest, float(case.disagreement.max()))
        for head, label in enumerate(case.heads):
            truth, valid = case.truth[head], case.valid
            masks = {output: case.masks[output][head] for output in OUTPUTS}
            row: dict[str, Any] = {"case": case.name, "label": label, "n_ref": int(truth[valid].sum())}
            errors, claimed = (masks["fused"] != truth)[valid], case.claimed[head][valid]
            for ending, name in UNCERTAINTIES.items():
                scores = getattr(case, name)[head][valid]
                row["uncertainty" + ending] = image_uncertainty(scores, claimed)
                row["auroc" + ending] = auroc(scores, errors)
                counts = self._counts.setdefault(label, {})
                counts[ending] = counts.get(ending, 0) + count_scores(scores, errors)
            for output, mask in masks.items():
                scored = overlap(count_pixels(truth, mask, valid))
                row |= {f"{output}_{metric}": getattr(scored, metric) for metric in SHOWN_SCORES}
            self._rows.append(row)

    @property
    def table(self) -> pd.DataFrame:
        """One row per case and class or region; scores of 0/0 are NaN."""
        return pd.DataFrame(self._rows)

    @property
    def counts(self) -> dict[str, NDArray[Any]]:
        """Numbers of right and wrong pixels by score, over all cases and heads, for disagreement and baseline."""
        return {ending: np.sum([by_label[ending] for by_label in self._counts.values()], 0) for ending in UNCERTAINTIES}

    @property
    def images(self) -> pd.DataFrame:
        """One row per image: uncertainties, AUROCs, Dice of each output (means over heads), and the risk, 1 - Dice.

        Where nothing is there and nothing was found, Dice is 0/0: then it is NaN, and the risk is 0.
        """
        table = self.table.assign(risk=lambda rows: 1 - rows["fused_dice"].fillna(1))
        return table.drop(columns="label").groupby("case").mean()

    def summary(self) -> dict[str, Any]:
        """Return the part of explanation.json that is about all cases."""
        images = self.images
        coverage, risk = risk_coverage(images["uncertainty"].to_numpy(), images["risk"].to_numpy())
        aurcs = {name: aurc(images[name].to_numpy(), images["risk"].to_numpy()) for name in images}
        return {
            **self._summarise(self.table, self.counts),
            "risk_coverage": {
                "coverage": coverage.tolist(),
                "risk": risk.tolist(),
                "aurc": aurcs["uncertainty"],
                "random": float(images["risk"].mean()),
                "oracle": aurcs["risk"],
                "aurc_baseline": aurcs["uncertainty_baseline"],
            },
            "labels": {
                label: self._summarise(rows, self._counts[str(label)])
                for label, rows in self.table.groupby("label", sort=False)
            },
        }

    def _summarise(self, rows: pd.DataFrame, counts: dict[str, NDArray[Any]]) -> dict[str, Any]:
        """Average the scores over cases with a lesion, and count those without one in which nothing was found."""
        lesions = rows[rows["n_ref"] > 0].fillna(0)  # precision is NaN where nothing was found
        normal = rows[rows["n_ref"] == 0]
        outputs = {
            output: {f"{metric}_mean": lesions[f"{output}_{metric}"].mean() for metric in SHOWN_SCORES}
            | {"n": len(lesions), "normal": len(normal), "normal_clean": int(normal[f"{output}_dice"].isna().sum())}
            for output in OUTPUTS
        }
        both = rows.dropna(subset="auroc")
        aurocs = {
            "auroc" + ending: {
                "pixels": auroc_of_counts(counts[ending]),
                "per_case_mean": both["auroc" + ending].mean(),
                "n": len(both),
            }
            for ending in UNCERTAINTIES
        }
        aurocs["auroc"]["better_than_baseline"] = int((both["auroc"] > both["auroc_baseline"]).sum())
        return {"outputs": outputs, **aurocs}
