"""The report's figures of the training: losses, pseudo Dice, terms of the loss, time and memory.

They take `Curves`: tables of `read_curves`, by run and fold.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from nnunet_taichi.figures.charts import (
    DASHED,
    WIDTH,
    Chart,
    label_grid,
    panel_grid,
    say_extremes,
    styled,
    title_panel,
    to_chart,
)
from nnunet_taichi.figures.colours import ACCENT, FIRST, INK, MUTED, OTHER, SERIES

Curves = Mapping[str, Mapping[str, pd.DataFrame]]

ONE_FOLD = "Each thin line is one fold."
BOUNDARY = "The dotted line is where training turns from the easy to the hard lesion pixels."
COSTS = {
    "seconds": "time of an epoch (s)",
    "step": "time of an iteration, validation included (ms)",
    "gpu_peak_gib": "peak of GPU memory (GiB)",
}


def curve_charts(curves: Curves) -> Iterator[Chart]:
    """Draw all curves that were logged. The other runs are compared with the first, if it was logged."""
    first = next(iter(curves), "")
    logged = {name: kept for name, folds in curves.items() if (kept := {f: c for f, c in folds.items() if len(c)})}
    if not logged:
        return
    yield losses(logged)
    yield pseudo_dice(logged, first)
    if with_terms := {name: folds for name, folds in logged.items() if any(map(_terms, folds.values()))}:
        yield loss_terms(with_terms)
    if len((medians := _medians(logged)).columns):
        yield costs(medians, first)


@styled
def losses(curves: Curves) -> Chart:
    """Draw the training and the validation loss, each run on a scale of its own."""
    figure, panels = panel_grid(len(curves), height=2.1)
    for ax, (name, folds) in zip(panels, curves.items(), strict=True):
        for table in folds.values():
            ax.plot(table["epoch"], table["train_loss"], color=OTHER, **_pen(table, folds))
            ax.plot(table["epoch"], table["val_loss"], color=ACCENT, ls=DASHED, **_pen(table, folds))
        _finish(ax, name, folds)
    lines = [Line2D([], [], color=OTHER, label="training"), Line2D([], [], color=ACCENT, ls=DASHED, label="validation")]
    figure.legend(handles=lines, loc="outside upper left", ncols=2)
    label_grid(figure, "epoch", "loss")
    ends = "; ".join(f"{name}: {_last(folds, 'val_loss'):.3f}" for name, folds in curves.items())
    caption = f"Trainers have different losses: compare shapes, not heights. {_notes(curves)}"
    return to_chart(figure, "Loss", f"Loss by epoch. Validation loss of the last epoch: {ends}.", caption)


@styled
def pseudo_dice(curves: Curves, first: str) -> Chart:
    """Draw nnU-Net's running estimate of Dice, with the first run's curve behind that of each other run."""
    figure, panels = panel_grid(len(curves), height=2.1, sharex=True, sharey=True)
    for ax, (name, folds) in zip(panels, curves.items(), strict=True):
        for table in curves.get(first, {}).values() if name != first else ():
            ax.plot(table["epoch"], table["pseudo_dice"], color=FIRST, ls=DASHED, lw=1)
        for table in folds.values():
            ax.plot(table["epoch"], table["pseudo_dice"], color=OTHER, **_pen(table, folds))
        ax.set(ylim=(-0.02, 1.02))
        _finish(ax, name, folds)
    label_grid(figure, "epoch", "pseudo Dice")
    ends = pd.Series({name: _last(folds, "pseudo_dice") for name, folds in curves.items()})
    alt = f"Pseudo Dice by epoch. {say_extremes(ends, 'value of the last epoch')}"
    dashed = f"Dashed grey: {first}. " if first in curves and len(curves) > 1 else ""
    caption = f"nnU-Net's estimate during training, on random patches of the validation cases. {dashed}{_notes(curves)}"
    return to_chart(figure, "Pseudo Dice", alt, caption)


@styled
def loss_terms(curves: Curves) -> Chart:
    """Draw the terms of the training loss, averaged over folds."""
    figure, panels = panel_grid(len(curves), height=2.4)
    names = list(dict.fromkeys(t for folds in curves.values() for table in folds.values() for t in _terms(table)))
    colours = {term: SERIES[index % len(SERIES)] for index, term in enumerate(names)}
    dashes = {term: DASHED if index % 2 else "-" for index, term in enumerate(names)}
    for ax, (name, folds) in zip(panels, curves.items(), strict=True):
        mean = pd.concat(folds.values()).groupby("epoch").mean(numeric_only=True)
        for term in names:
            if term in mean:
                ax.plot(mean.index, mean[term], color=colours[term], ls=dashes[term], marker=".", ms=3)
        _finish(ax, name, folds)
    handles = [Line2D([], [], color=colours[term], ls=dashes[term], label=_readable(term)) for term in names]
    figure.legend(handles=handles, loc="outside upper left", ncols=min(4, len(handles)))
    label_grid(figure, "epoch", "term of the loss")
    said = ", ".join(_readable(term) for term in names)
    caption = f"Means over the folds. {_notes(curves, folds=False)}"
    return to_chart(figure, "Terms of the loss", f"Terms of the training loss by epoch: {said}.", caption)


@styled
def costs(medians: pd.DataFrame, first: str) -> Chart:
    """Draw the time of an epoch and of an iteration, and the GPU memory: one row per run, one panel per logged cost."""
    figure = Figure(figsize=(WIDTH, 0.8 + 0.27 * len(medians)), layout="constrained")
    panels = figure.subplots(1, len(medians.columns), sharey=True, squeeze=False)[0]
    places = np.arange(len(medians), 0, -1)
    colours = [FIRST if name == first else OTHER for name in medians.index]
    for ax, column in zip(panels, medians, strict=True):
        bars = ax.barh(places, medians[column].fillna(0), height=0.6, color=colours)
        ax.bar_label(bars, ["not logged" if pd.isna(value) else f"{value:.3g}" for value in medians[column]], padding=3)
        ax.margins(x=0.16)
        ax.grid(axis="y", visible=False)
        title_panel(ax, COSTS[column][0].upper() + COSTS[column][1:])
    panels[0].set_yticks(places, medians.index, color=INK)
    said = " ".join(say_extremes(medians[column], COSTS[column]) for column in medians)
    caption = (
        "Medians over the epochs of all folds, as logged; compare them only if the trainings ran on the same machine, "
        "equally busy."
    )
    return to_chart(figure, "Time and memory", said, caption)


def _medians(curves: Curves) -> pd.DataFrame:
    """Return the medians of the costs over epochs and folds, without the costs that no run logged."""
    logged = {name: pd.concat(folds.values()) for name, folds in curves.items()}
    medians = {
        name: table.assign(step=1000 * table["seconds"] / table["iterations"]).median(numeric_only=True)
        for name, table in logged.items()
    }
    return pd.DataFrame(medians).T.reindex(columns=[*COSTS]).dropna(axis=1, how="all")


def _pen(table: pd.DataFrame, folds: Mapping[str, pd.DataFrame]) -> dict[str, Any]:
    """Choose the width of a line; a single epoch is drawn as a dot."""
    return {"lw": 1.6 if len(folds) == 1 else 0.9, "marker": "o" if len(table) == 1 else None, "ms": 4}


def _finish(ax: Axes, name: str, folds: Mapping[str, pd.DataFrame]) -> None:
    """Put a title on a panel, and mark where the hard stage begins."""
    for epoch in _boundaries(folds):
        ax.axvline(epoch - 0.5, color=MUTED, lw=1.2, ls=":")
    ax.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=6, min_n_ticks=1))
    if max(len(table) for table in folds.values()) == 1:
        ax.set_xlim(-0.5, 0.5)
    title_panel(ax, name)


def _boundaries(folds: Mapping[str, pd.DataFrame]) -> set[int]:
    """Find the epochs in which the hard stage begins, after the easy stage."""
    found = set()
    for table in folds.values():
        turns = (table["stage"] == "hard") & (table["stage"].shift() == "easy")
        found.update(table.loc[turns, "epoch"])
    return found


def _notes(curves: Curves, folds: bool = True) -> str:
    """Explain the thin and the dotted lines, where there are any."""
    several = folds and any(len(tables) > 1 for tables in curves.values())
    staged = any(_boundaries(tables) for tables in curves.values())
    return " ".join([*([ONE_FOLD] if several else []), *([BOUNDARY] if staged else [])])


def _last(folds: Mapping[str, pd.DataFrame], column: str) -> float:
    """Return the mean over folds of a column's value in the last epoch."""
    return float(pd.Series([table[column].iloc[-1] for table in folds.values()]).mean())


def _terms(table: pd.DataFrame) -> list[str]:
    """Return the names of the loss terms that were logged."""
    return [column for column in table if column.startswith("loss_") and table[column].notna().any()]


def _readable(term: str) -> str:
    return term.removeprefix("loss_").replace("_", " ")
