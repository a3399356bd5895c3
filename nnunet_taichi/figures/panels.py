"""A figure as wide as a journal's page: rows of panels with the image's proportions, and rows of colour bars."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patheffects import withStroke

from nnunet_taichi.figures.colours import ORANGE, SKY
from nnunet_taichi.figures.drawing import Array, outline_mask

Limits = tuple[float, float]
TO_BE_SEEN = [withStroke(linewidth=1.7, foreground="black")]  # a black rim, so that outlines can be seen on any colour
OUTLINES = {"truth": SKY, "fused mask": ORANGE}
PANELS_A_ROW = 5
WIDTH, MARGIN, GAP, HEADLINE, LINE, BAR = 7.2, 0.2, 0.07, 0.27, 0.16, 0.07  # inches; LINE: one line of text
SMALL = {"fontsize": 7, "parse_math": False}


class Page:
    """A figure with axes at fixed places, so that all panels are aligned and of one size.

    Args:
        shape: Height and width of the images, in pixels.
        spacing: Spacing of both axes, (Y, X), in one unit.
        rows: Content of each row from the top, "panels" or "bars".
        headline: Title of the figure.
    """

    def __init__(
        self,
        shape: Sequence[int],
        spacing: Sequence[float],
        rows: Sequence[str],
        headline: str,
    ) -> None:
        self.shape, self.aspect = tuple(shape), spacing[0] / spacing[1]
        self.width = (WIDTH - 2 * MARGIN - (PANELS_A_ROW - 1) * GAP) / PANELS_A_ROW
        self.height = self.width * shape[0] / shape[1] * self.aspect
        heights = {"panels": self.height + 2 * LINE, "bars": BAR + 2.2 * LINE}
        self.tops = HEADLINE + np.cumsum([0, *(heights[row] for row in rows)])
        self.figure = Figure(figsize=(WIDTH, self.tops[-1] + 0.3 * LINE))
        self.figure.suptitle(headline, y=1 - 0.06 / self.tops[-1], fontsize=8, fontweight="bold", parse_math=False)

    def panel(
        self,
        row: int,
        column: int,
        values: Array,
        cmap: str,
        limits: Limits | None = None,
        outlines: Mapping[str, Array] | None = None,
        title: str = "",
    ) -> Any:
        """Draw a map (Y, X), outlines of masks (Y, X) over it, and return its axes."""
        ax = self._add(self.tops[row] + LINE, column, self.width, self.height)
        ax.imshow(values, cmap=cmap, norm=Normalize(*limits) if limits else None, interpolation="nearest")
        for name, mask in (outlines or {}).items():
            outline_mask(ax, mask, OUTLINES[name], 0.9, path_effects=TO_BE_SEEN)
        height, width = self.shape
        ax.set(xlim=(-0.5, width - 0.5), ylim=(height - 0.5, -0.5), xticks=[], yticks=[], aspect=self.aspect)
        ax.set_title(title, pad=2, **SMALL)
        return ax

    def bar(self, row: int, columns: range, cmap: str, limits: Limits, label: str) -> None:
        """Draw the colour bar of the panels above."""
        width = len(columns) * (self.width + GAP) - GAP
        inset = 0.1 * self.width  # else numbers at the ends of neighbouring bars would touch
        ax = self._add(self.tops[row], columns.start, width - 2 * inset, BAR, inset)
        bar = self.figure.colorbar(ScalarMappable(Normalize(*limits), cmap), cax=ax, orientation="horizontal")
        bar.set_label(label, fontsize=7, labelpad=1)
        ax.tick_params(labelsize=6, length=2, pad=1)

    def legend(self, row: int, column: int, note: str = "") -> None:
        """Draw the legend of the outlines in the place of a panel, with a note above it."""
        ax = self._add(self.tops[row] + LINE, column, self.width, self.height)
        ax.axis("off")
        handles = [Line2D([], [], color=colour, label=name) for name, colour in OUTLINES.items()]
        ax.legend(handles=handles, loc="center", title=note or None, title_fontsize=7, fontsize=7, frameon=False)

    def _add(self, top: float, column: int, width: float, height: float, inset: float = 0) -> Any:
        left, (whole_width, whole_height) = MARGIN + column * (self.width + GAP) + inset, self.figure.get_size_inches()
        return self.figure.add_axes(
            (left / whole_width, 1 - (top + height) / whole_height, width / whole_width, height / whole_height)
        )
