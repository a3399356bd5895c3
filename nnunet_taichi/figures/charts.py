"""What all figures of the report have in common: one style, panels in rows, and conversion to SVG for the page."""

import io
import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import Any, ParamSpec, TypeVar

import matplotlib
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine

from nnunet_taichi.figures.colours import GRID, INK, LINE, MUTED
from nnunet_taichi.figures.drawing import data_uri

P = ParamSpec("P")
R = TypeVar("R")

DASHED = (0, (4, 2.5))
WIDTH = 11.0  # inches: 1056 pixels of the page
PANELS_A_ROW = 3  # at most
LONGEST_TITLE = 34  # letters that fit over a panel
STYLE: dict[Any, Any] = {
    "figure.facecolor": "none",
    "axes.facecolor": "none",
    "axes.edgecolor": LINE,
    "axes.labelcolor": MUTED,
    "axes.labelsize": 9,
    "axes.titlesize": 9.5,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.titlecolor": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": GRID,
    "grid.linewidth": 0.8,
    "xtick.color": LINE,
    "ytick.color": LINE,
    "xtick.labelcolor": MUTED,
    "ytick.labelcolor": MUTED,
    "font.size": 9,
    "legend.frameon": False,
    "legend.labelcolor": INK,
    "lines.linewidth": 1.5,
    "savefig.dpi": 200,  # of bitmaps inside the SVG
    "text.parse_math": False,  # a name is text, not a formula
    "svg.fonttype": "none",
    "svg.hashsalt": "nnunet_taichi",  # so that the same figure gives the same bytes
}


@dataclass(frozen=True)
class Chart:
    """A figure to embed.

    Attributes:
        title: Title of the figure.
        picture: Data URI of the SVG or of another picture.
        alt: Description of what the figure shows, for readers who cannot see it.
        caption: Explanation of how to read the figure.
        width: Width in CSS pixels.
        height: Height in CSS pixels.
    """

    title: str
    picture: str
    alt: str
    caption: str
    width: int
    height: int


def styled(draw: Callable[P, R]) -> Callable[P, R]:
    """Make a function draw in the report's style, whatever style the user has set."""

    @wraps(draw)
    def drawn(*args: P.args, **kwargs: P.kwargs) -> R:
        with matplotlib.rc_context():
            matplotlib.rcdefaults()
            matplotlib.rcParams.update(STYLE)
            return draw(*args, **kwargs)

    return drawn


def to_chart(figure: Figure, title: str, alt: str, caption: str) -> Chart:
    """Turn a figure into an SVG that uses the font of the page."""
    buffer = io.StringIO()
    figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None, "Format": None, "Type": None})
    svg = buffer.getvalue()
    svg = svg[svg.index("<svg") :]  # the header before it names a file on the web
    svg = re.sub(r"<!--.*?-->\s*", "", svg, flags=re.DOTALL)
    svg = re.sub(r"<[^>]*>", lambda tag: re.sub(r"(\.\d\d)\d+", r"\1", tag[0]).replace(" \n", " "), svg)
    svg = re.sub(r"font-family: [^;\"]*", "font-family: system-ui, sans-serif", svg)
    width, height = (round(96 * inches) for inches in figure.get_size_inches())
    return Chart(title, data_uri(svg.encode(), "image/svg+xml"), alt, caption, width, height)


def panel_grid(count: int, height: float, **share: Any) -> tuple[Figure, list[Axes]]:
    """Make a figure of `count` panels, row by row; a row's `height` is in inches, `share` goes to `subplots`."""
    columns = count if count < PANELS_A_ROW else 2 if count == 4 else PANELS_A_ROW  # 4: two and two, not three and one
    rows = math.ceil(count / columns)
    width = WIDTH if columns > 1 else WIDTH * 2 / PANELS_A_ROW
    figure = Figure(figsize=(width, 0.35 + height * rows), layout=ConstrainedLayoutEngine(h_pad=0.07))
    axes = figure.subplots(rows, columns, squeeze=False, **share)
    for ax in axes.flat[count:]:
        ax.remove()
    for ax in axes.flat[max(0, count - columns) : count]:
        ax.tick_params(labelbottom=True)  # the lowest panel of its column, in whatever row
    return figure, list(axes.flat[:count])


def label_grid(figure: Figure, x: str, y: str) -> None:
    """Label the axes of all panels at once."""
    figure.supxlabel(x, fontsize=9, color=MUTED)
    figure.supylabel(y, fontsize=9, color=MUTED)


def title_panel(ax: Axes, name: str) -> None:
    """Put a run's name above its panel, smaller if it is long."""
    ax.set_title(name, fontsize=9.5 * min(1, LONGEST_TITLE / max(1, len(name))))


def say_extremes(values: pd.Series, what: str) -> str:
    """Say which run has the highest and which the lowest value, and which value the first run has."""
    values = values.dropna()
    if len(values) < 2:
        return "".join(f"The {what} is {value:.3g}." for value in values)
    high, low, first = values.idxmax(), values.idxmin(), values.index[0]
    text = f"The {what} is highest for {high} ({values[high]:.3g}) and lowest for {low} ({values[low]:.3g})"
    return text + ("." if first in (high, low) else f"; {first}, the first, has {values[first]:.3g}.")
