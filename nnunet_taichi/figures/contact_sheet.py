"""One picture of many cases: images in rows and columns, with masks drawn over them.

The sheet knows nothing of data sets, models or folders: it takes arrays and titles. A mask's name gives it its colour
and its entry in the legend, the same in all panels.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from matplotlib.colors import to_rgba
from matplotlib.figure import Figure, SubFigure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from numpy.typing import NDArray

from nnunet_taichi.figures.colours import ON_GREY
from nnunet_taichi.figures.drawing import outline_mask

Masks = Mapping[str, NDArray[Any]]


@dataclass(frozen=True)
class Panel:
    """One picture.

    Attributes:
        image: Image, grey (Y, X) or colour (Y, X, 3); grey values are stretched from the smallest to the largest.
        outlines: Masks (Y, X) to draw as contours, by name.
        areas: Masks (Y, X) to draw as half-transparent areas, by name.
        caption: Line of text below the picture.
    """

    image: NDArray[Any]
    outlines: Masks = field(default_factory=dict)
    areas: Masks = field(default_factory=dict)
    caption: str = ""


@dataclass(frozen=True)
class Block:
    """A grid of pictures under one title.

    Attributes:
        title: Title that says what cases these are.
        columns: Titles of the columns, one per case.
        rows: Panels by the title of their row, one per column.
    """

    title: str
    columns: Sequence[str]
    rows: Mapping[str, Sequence[Panel]]


def contact_sheet(blocks: Sequence[Block], title: str = "", inches: float = 1.6) -> Figure:
    """Draw the blocks below one another.

    Args:
        blocks: Blocks, at least one, each with at least one row and one column.
        title: Title of the whole sheet.
        inches: Edge of a panel, inches.

    Returns:
        A figure to save with `savefig(path)`. It has one matplotlib axes per panel.

    Raises:
        ValueError: There is nothing to draw, a row does not have one panel per column, or there are more names of masks
            than colours.
    """
    _check(blocks)
    columns = max(len(block.columns) for block in blocks)
    heights = [(inches + 0.2) * len(block.rows) + 0.5 for block in blocks]  # one caption per row, two titles per block
    figure = Figure(figsize=(inches * columns + 0.5, sum(heights) + 0.7), layout="constrained")
    figure.suptitle(title, fontsize=11, fontweight="bold")
    colours = _colours(blocks)
    parts = figure.subfigures(len(blocks), 1, height_ratios=heights, squeeze=False)[:, 0]
    for part, block in zip(parts, blocks, strict=True):
        _draw_block(part, block, columns, colours)
    if colours:
        figure.legend(handles=_legend(blocks, colours), loc="outside lower center", ncols=len(colours), fontsize=8)
    return figure


def _check(blocks: Sequence[Block]) -> None:
    """Raise a ValueError if there is nothing to draw, or if a row does not have one panel per column."""
    if not blocks or not all(block.rows and block.columns for block in blocks):
        raise ValueError("a contact sheet needs blocks with rows and columns, got an empty one: leave it out")
    for block in blocks:
        for name, panels in block.rows.items():
            if len(panels) != len(block.columns):
                raise ValueError(
                    f"row {name!r} of block {block.title!r} must have one panel per column: "
                    f"expected {len(block.columns)}, got {len(panels)}"
                )


def _names(blocks: Sequence[Block], kind: str) -> list[str]:
    """List the names of all `outlines` or `areas` (`kind`), in order of appearance."""
    panels = [panel for block in blocks for row in block.rows.values() for panel in row]
    return list(dict.fromkeys(name for panel in panels for name in getattr(panel, kind)))


def _colours(blocks: Sequence[Block]) -> dict[str, str]:
    """Choose a colour for each name of a mask."""
    names = dict.fromkeys(_names(blocks, "outlines") + _names(blocks, "areas"))
    if len(names) > len(ON_GREY):
        problem = f"a contact sheet has colours for {len(ON_GREY)} kinds of mask, got {len(names)}: {list(names)}"
        raise ValueError(f"{problem}; leave some out")
    return dict(zip(names, ON_GREY, strict=False))


def _legend(blocks: Sequence[Block], colours: Mapping[str, str]) -> list[Line2D | Patch]:
    """Make the entries of the legend: a line for each outline, a patch for each area."""
    lines = [Line2D([], [], color=colours[name], label=name) for name in _names(blocks, "outlines")]
    return [*lines, *(Patch(color=colours[name], label=name) for name in _names(blocks, "areas"))]


def _draw_block(part: SubFigure, block: Block, columns: int, colours: Mapping[str, str]) -> None:
    """Fill a part of the figure with a block. If it has fewer than `columns`, the places to its right stay empty."""
    part.suptitle(block.title, fontsize=9, x=0.01, ha="left")
    axes = part.subplots(len(block.rows), columns, squeeze=False)
    for ax in axes[:, len(block.columns) :].flat:
        ax.remove()
    axes = axes[:, : len(block.columns)]
    for row, (name, panels) in zip(axes, block.rows.items(), strict=True):
        row[0].set_ylabel(name, fontsize=8)
        for ax, panel in zip(row, panels, strict=True):
            _draw_panel(ax, panel, colours)
    for ax, name in zip(axes[0], block.columns, strict=True):
        ax.set_title(name, fontsize=8, parse_math=False)


def _draw_panel(ax: Any, panel: Panel, colours: Mapping[str, str]) -> None:
    """Draw the image, the areas over it, and the outlines on top."""
    height, width = panel.image.shape[:2]
    ax.imshow(panel.image, cmap="gray", interpolation="nearest")
    for name, mask in panel.areas.items():
        ax.imshow(mask.astype(bool)[..., None] * to_rgba(colours[name], alpha=0.55), interpolation="nearest")
    for name, mask in panel.outlines.items():
        outline_mask(ax, mask, colours[name], 1.3)
    ax.set(xlim=(-0.5, width - 0.5), ylim=(height - 0.5, -0.5), xticks=[], yticks=[])
    ax.set_xlabel(panel.caption, fontsize=7, labelpad=2, parse_math=False)
