"""The figure of scaling.py."""

from collections.abc import Callable, Sequence
from pathlib import Path

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from nnunet_taichi.figures.charts import STYLE
from nnunet_taichi.figures.colours import ACCENT, FIRST, MUTED, OTHER

Rows = Sequence[dict[str, str]]  # of scaling.csv

LABELS = {
    "side": "side of the image (pixels)",
    "batch": "images of a batch",
    "attention": "positions of the bottleneck",
    "epochs": "epoch",
}
TITLES = {
    "side": "Larger images (batch of 2)",
    "batch": "Larger batches (64 x 64 pixels)",
    "attention": "Larger bottlenecks: C2-attention alone",
    "epochs": "Longer trainings (64 x 64 pixels, batch of 2)",
}
SERIES = {  # network, plans -> name, colour
    ("nnU-Net", "stock"): ("nnU-Net", FIRST),
    ("TaiChiNet", "stock"): ("TaiChiNet, stock plans", OTHER),
    ("TaiChiNet", "slim"): ("TaiChiNet, slim plans", ACCENT),
    ("C2-attention", ""): ("C2-attention", OTHER),
}
TIME = {"linestyle": "-", "marker": "o", "markersize": 4.5}
MEMORY = {"linestyle": (0, (4, 2.5)), "marker": "s", "markersize": 5, "markerfacecolor": "white"}
NOTE = """Solid, circles: time, left axis. Dashed, squares: memory, right axis. TaiChiNet: steps of its second stage.
x^: power law through the three largest. Epochs: change an epoch after the first quarter, and its 95% interval."""
FITTED = 3  # points: where there is little to compute, what does not grow weighs
ROOM = 0.25  # decades around and between the lines


def draw(rows: Rows, path: Path) -> None:
    """Draw a panel for each question that has rows; of those of steps, time in the upper part, memory in the lower."""
    with matplotlib.rc_context(STYLE | {"figure.facecolor": "white"}):
        figure = Figure(figsize=(11, 9.5), layout=ConstrainedLayoutEngine(h_pad=0.1, w_pad=0.1))
        for ax, what in zip(figure.subplots(2, 2).flat, LABELS, strict=True):
            ax.set_xlabel(LABELS[what])
            measured = [row for row in rows if row["what"] == what]
            if measured and what == "epochs":
                _draw_epochs(ax, measured, [row for row in rows if row["what"].startswith("epochs slope")])
            elif measured:
                _draw_growth(ax, measured)
            place = {"loc": "lower left", "bbox_to_anchor": (-0.02, 1), "alignment": "left"}
            legend = ax.legend(handles=ax.get_lines(), title=TITLES[what], **place)
            legend.get_title().set_fontweight("bold")
        figure.supxlabel(NOTE, fontsize=9, color=MUTED)
        figure.savefig(path, dpi=130)


def _draw_growth(ax: Axes, rows: Rows) -> None:
    """Draw time and kept memory over what grows, both axes of as many decades, so that equal slopes look equal."""
    right = _twin(ax, "time (s)", "kept for the backward pass (GiB)")
    for key, (name, colour) in SERIES.items():
        x, seconds, gib = _columns(rows, key, "seconds", "kept_gib")
        if len(x):
            label = f"{name}: time x^{_power(x, seconds):.2f}, memory x^{_power(x, gib):.2f}"
            ax.plot(x, seconds, color=colour, label=label, **TIME)
            right.plot(x, gib, color=colour, **MEMORY)
    time, gib = (np.log10([_extreme(rows, name, f) for f in (min, max)]) for name in ("seconds", "kept_gib"))
    ax.set(xscale="log", yscale="log", ylim=(10 ** (time[0] - np.ptp(gib) - 2 * ROOM), 10 ** (time[1] + ROOM)))
    right.set(yscale="log", ylim=(10 ** (gib[0] - ROOM), 10 ** (gib[1] + np.ptp(time) + 2 * ROOM)))
    ax.xaxis.set_major_locator(FixedLocator(sorted({float(row["x"]) for row in rows})))
    ax.xaxis.set_minor_locator(NullLocator())
    for axis in (ax.xaxis, ax.yaxis, right.yaxis):
        axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))


def _draw_epochs(ax: Axes, rows: Rows, slopes: Rows) -> None:
    """Draw time and memory of each epoch, with the slopes that were fitted."""
    right = _twin(ax, "time (s)", "resident memory (GiB)")
    for key, (_, colour) in SERIES.items():
        x, seconds, gib = _columns(rows, key, "seconds", "resident_gib")
        if len(x):
            _, time, memory = _columns(slopes, key, "seconds", "resident_gib")
            label = f"{key[0]}: {_interval(1000 * time)} ms, {_interval(1024 * memory)} MiB"
            ax.plot(x, seconds, color=colour, label=label, **TIME | {"marker": ""})
            right.plot(x, gib, color=colour, **MEMORY | {"marker": ""})
    ax.set_ylim(0, 2.2 * _extreme(rows, "seconds", max))
    right.set_ylim(0, 1.1 * _extreme(rows, "resident_gib", max))


def _twin(ax: Axes, left: str, right: str) -> Axes:
    """Add the axis of the memory."""
    twin = ax.twinx()
    ax.set_ylabel(left)
    twin.set_ylabel(right)
    twin.grid(False)
    return twin


def _columns(rows: Rows, key: tuple[str, str], *names: str) -> list[np.ndarray]:
    """Return x and other columns of one network and kind of plans."""
    chosen = [row for row in rows if (row["network"], row["plans"]) == key]
    return [np.array([float(row[name] or "nan") for row in chosen]) for name in ("x", *names)]


def _power(x: np.ndarray, y: np.ndarray) -> float:
    return float(np.polyfit(np.log(x[-FITTED:]), np.log(y[-FITTED:]), 1)[0])


def _extreme(rows: Rows, name: str, function: Callable[..., float]) -> float:
    return function(float(row[name]) for row in rows)


def _interval(slope: np.ndarray) -> str:
    """Write a slope and its limits."""
    value, low, high = slope
    return f"{value:+.1f} [{low:+.1f}, {high:+.1f}]"
