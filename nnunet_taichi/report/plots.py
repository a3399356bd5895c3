"""The report's figures of the scores: their spread, their differences, and what lesion size has to do with them.

Their tables have one row per case and one column per run. The other runs are compared with the first.
"""

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

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
from nnunet_taichi.figures.colours import ACCENT, FIRST, INK, MUTED, OTHER

MOST_POINTS = 4000  # more points become a bitmap: as vectors they would be the largest part of the page
FEWEST_FOR_MEDIAN = 10
ONE_MAGNITUDE = 20  # ratio of sizes below which an axis may hold no power of ten


@styled
def box_plots(dice: pd.DataFrame, title: str) -> Chart:
    """Draw the spread of each run's Dice."""
    names = list(dice.columns)
    values = [dice[name].dropna().to_numpy() for name in names]
    places = np.arange(len(names), 0, -1)  # the first run on top
    figure = Figure(figsize=(WIDTH, 0.7 + 0.42 * len(names)), layout="constrained")
    ax = figure.subplots()
    rng = np.random.default_rng(0)
    for place, name, scores in zip(places, names, values, strict=True):
        colour = FIRST if name == names[0] else OTHER
        heights = place + rng.uniform(-0.16, 0.16, len(scores))
        ax.scatter(scores, heights, **_dots(dice, s=8, color=colour, alpha=0.3))
    lines: dict[str, Any] = {f"{part}props": {"color": MUTED} for part in ("box", "whisker", "cap")}
    ax.boxplot(
        values,
        positions=places,
        orientation="horizontal",
        widths=0.56,
        showfliers=False,
        showmeans=True,
        medianprops={"color": ACCENT, "linewidth": 2},
        meanprops={"marker": "D", "markerfacecolor": "white", "markeredgecolor": INK, "markersize": 4.5},
        **lines,
    )
    ax.set_yticks(places, names, color=INK)
    ax.grid(axis="y", visible=False)
    ax.set(xlim=_limits(dice), ylim=(0.4, len(names) + 0.6), xlabel="Dice")
    alt = f"Box plots of Dice by run. {say_extremes(dice.median(), 'median')}"
    caption = (
        "The box holds the middle half of the cases, the line in it is the median, the diamond the mean; "
        "whiskers reach at most 1.5 box lengths. A dot is a case."
    )
    return to_chart(figure, title, alt, caption)


@styled
def difference_plots(dice: pd.DataFrame, title: str) -> Chart:
    """Draw, for each run but the first, its difference from the first against the mean of both (Bland and Altman)."""
    first, *others = dice.columns
    said, dots = [], _dots(dice, alpha=0.45)
    figure, panels = panel_grid(len(others), height=2.4, sharex=True, sharey=True)
    for ax, name in zip(panels, others, strict=True):
        both = dice[[first, name]].dropna()
        difference = both[name] - both[first]
        mean, reach = difference.mean(), 1.96 * difference.std()
        ax.axhline(0, color=MUTED, lw=0.8)
        ax.scatter(both.mean(axis=1), difference, **dots)
        ax.axhline(mean, color=ACCENT, lw=1.8)
        for limit in (mean - reach, mean + reach):
            ax.axhline(limit, color=ACCENT, lw=1, ls=DASHED)
        title_panel(ax, name)
        better, worse = int((difference > 0).sum()), int((difference < 0).sum())
        said.append(f"{name}: {mean:+.3f} on average, {better} cases better, {worse} worse")
        box = {"facecolor": "white", "linewidth": 0, "alpha": 0.85, "pad": 2}
        # the text is on the line, at the right edge
        at: dict[str, Any] = {"transform": ax.get_yaxis_transform(), "ha": "right", "va": "center"}
        ax.text(0.99, mean, f"mean {mean:+.3f}", color=INK, bbox=box, **at)
    label_grid(figure, "mean Dice of the two", "difference in Dice")
    caption = (
        f"A dot is a case; above 0 the run is better than {first}. The line is the mean difference, "
        "the dashed ones are the limits of agreement (mean ± 1.96 SD)."
    )
    return to_chart(figure, title, f"Dice of each run less that of {first}. {'; '.join(said)}.", caption)


@styled
def size_plots(dice: pd.DataFrame, sizes: pd.Series, title: str) -> Chart:
    """Draw Dice against the size of the lesion in pixels, with a running median."""
    first, sizes = dice.columns[0], sizes.reindex(dice.index)
    medians, dots, limits = {name: _running_median(sizes, dice[name]) for name in dice}, _dots(dice), _limits(dice)
    figure, panels = panel_grid(len(dice.columns), height=2.3, sharex=True, sharey=True)
    for ax, name in zip(panels, dice.columns, strict=True):
        ax.scatter(sizes, dice[name], **dots)
        if name != first:
            ax.plot(*medians[first], color=FIRST, ls=DASHED)
        ax.plot(*medians[name], color=ACCENT, lw=2)
        ax.set(xscale="log", ylim=limits)
        if sizes.max() < ONE_MAGNITUDE * sizes.min():  # there may be no power of ten
            ax.xaxis.set_major_locator(MaxNLocator(4))
        ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
        ax.xaxis.set_minor_formatter("")
        title_panel(ax, name)
    label_grid(figure, "pixels of the lesion", "Dice")
    small, large = (dice[third].median() for third in (sizes <= sizes.quantile(1 / 3), sizes >= sizes.quantile(2 / 3)))
    said = "; ".join(f"{name}: {small[name]:.2f} and {large[name]:.2f}" for name in dice.columns)
    alt = f"Dice against lesion size. Median Dice of the smallest and of the largest third of the lesions: {said}."
    caption = f"A dot is a case. Solid line: running median of the run; dashed grey: that of {first}."
    return to_chart(figure, title, alt, caption)


def _running_median(x: pd.Series, y: pd.Series) -> tuple[Any, Any]:
    """Return x and the median of y over neighbours in x, about a sixth of all; nothing if there are few points."""
    both = pd.DataFrame({"x": x, "y": y}).dropna().sort_values("x")
    if len(both) < FEWEST_FOR_MEDIAN:
        return [], []
    window = max(5, len(both) // 6)
    return both["x"], both["y"].rolling(window, center=True, min_periods=window // 2).median()


def _limits(dice: pd.DataFrame) -> tuple[float, float]:
    """Return the ends of the Dice axis: from the tenth below all values to 1, with space for the dots."""
    low = min(0.9, np.floor(10 * np.nanmin(dice)) / 10)
    room = 0.02 * (1 - low)
    return low - room, 1 + room


def _dots(dice: pd.DataFrame, **style: Any) -> dict[str, Any]:
    """Choose how dots are drawn, one dot per case."""
    return {"s": 10, "color": OTHER, "alpha": 0.4, "lw": 0, "rasterized": dice.size > MOST_POINTS} | style
