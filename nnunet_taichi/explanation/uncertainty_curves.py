"""How well disagreement tells errors, in three plots: over pixels, over images, and for each image."""

from collections.abc import Mapping
from typing import Any

import pandas as pd
from matplotlib.figure import Figure
from numpy.typing import NDArray

from nnunet_taichi.evaluation.uncertainty import aurc, auroc_of_counts, risk_coverage, roc_curve
from nnunet_taichi.figures.colours import BLUE, GREEN, VERMILION

STYLES = {"": ("disagreement", BLUE), "_baseline": ("fused probability", VERMILION)}
ORACLE, RANDOM = GREEN, "0.5"


def uncertainty_figure(counts: Mapping[str, NDArray[Any]], images: pd.DataFrame) -> Figure:
    """Draw the ROC curve over pixels, risk and coverage over images, and Dice against uncertainty.

    Args:
        counts: Right and wrong pixels by score, (2, bins), for "" (disagreement) and "_baseline" (fused probability).
        images: Table with one row per image, and the columns uncertainty, uncertainty_baseline and risk.
    """
    figure = Figure(figsize=(7.2, 2.6), layout="constrained")
    roc, risk, scatter = figure.subplots(1, 3)
    _draw_roc(roc, counts)
    _draw_risk(risk, images)
    scatter.plot(images["uncertainty"], 1 - images["risk"], ".", color=STYLES[""][1], markersize=4, alpha=0.7)
    scatter.set(xlabel="mean disagreement", ylabel="Dice of the fused mask", ylim=(-0.03, 1.03))
    for ax, letter in zip((roc, risk, scatter), "abc", strict=True):
        ax.set_title(letter, loc="left", fontsize=8, fontweight="bold")
        ax.spines[["top", "right"]].set_visible(False)
        ax.tick_params(labelsize=7)
        ax.xaxis.label.set_fontsize(8)
        ax.yaxis.label.set_fontsize(8)
    return figure


def _draw_roc(ax: Any, counts: Mapping[str, NDArray[Any]]) -> None:
    for ending, (name, colour) in STYLES.items():
        if counts[ending].any(1).all():
            label = f"{name}: {auroc_of_counts(counts[ending]):.3f}"
            ax.plot(*roc_curve(counts[ending]), color=colour, linewidth=1.2, label=label)
    ax.plot((0, 1), (0, 1), color=RANDOM, linewidth=0.8, linestyle="--")
    ax.set(xlabel="right pixels called uncertain", ylabel="wrong pixels called uncertain", aspect="equal")
    ax.legend(title="AUROC", fontsize=6.5, title_fontsize=6.5, loc="lower right", frameon=False)


def _draw_risk(ax: Any, images: pd.DataFrame) -> None:
    risk = images["risk"].to_numpy()
    lines = {name: (images["uncertainty" + ending].to_numpy(), colour) for ending, (name, colour) in STYLES.items()}
    for name, (uncertainty, colour) in (lines | {"oracle": (risk, ORACLE)}).items():
        label = f"{name}: {aurc(uncertainty, risk):.3f}"
        ax.plot(*risk_coverage(uncertainty, risk), color=colour, linewidth=1.2, label=label)
    ax.axhline(risk.mean(), color=RANDOM, linewidth=0.8, linestyle="--", label=f"random: {risk.mean():.3f}")
    ax.set(xlabel="images kept, least uncertain first", ylabel="mean 1 - Dice of the kept", xlim=(0, 1))
    ax.set_ylim(0, 1.7 * ax.get_ylim()[1])  # room for the legend
    ax.legend(title="area", fontsize=6.5, title_fontsize=6.5, loc="upper left", frameon=False)
