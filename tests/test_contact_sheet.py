import warnings

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.colors import to_rgba
from matplotlib.text import Text
from PIL import Image

from nnunet_taichi.figures.colours import ON_GREY
from nnunet_taichi.figures.contact_sheet import Block, Panel, contact_sheet


@pytest.fixture
def picture():
    return np.linspace(0, 255, 32 * 40).reshape(32, 40).astype(np.uint8)


@pytest.fixture
def mask():
    mask = np.zeros((32, 40), bool)
    mask[:20, 10:30] = True  # touches the upper edge
    return mask


def test_as_many_panels_as_asked_and_a_picture_that_is_not_blank(picture, mask, tmp_path):
    panel = Panel(picture, outlines={"truth": mask}, caption="Dice 0.50")
    wide = Block("three cases", ["a", "b", "c"], {"image": [Panel(picture)] * 3, "truth": [panel] * 3})
    narrow = Block("one case", ["d"], {"easy / hard": [Panel(picture, areas={"easy": mask, "hard": ~mask})]})
    figure = contact_sheet([wide, narrow], "a title")
    figure.savefig(tmp_path / "sheet.png")
    assert len(figure.findobj(Axes)) == 7
    with Image.open(tmp_path / "sheet.png") as image:
        assert np.asarray(image.convert("L")).std() > 10


def test_titles_captions_and_legend_are_written(picture, mask):
    block = Block("the block", ["case 7"], {"the row": [Panel(picture, {"truth": mask}, {"easy": mask}, "Dice 0.81")]})
    texts = {text.get_text() for text in contact_sheet([block], "the sheet").findobj(Text)}
    assert {"the sheet", "the block", "case 7", "the row", "Dice 0.81", "truth", "easy"} <= texts


def test_outline_runs_around_the_mask(picture, mask):
    figure = contact_sheet([Block("", ["a"], {"r": [Panel(picture, {"truth": mask})]})])
    (ax,) = figure.subfigs[0].axes
    (contour,) = ax.collections
    x, y = contour.get_paths()[0].vertices.T
    assert (x.min(), x.max(), y.min(), y.max()) == (9.5, 29.5, -0.5, 19.5)
    assert tuple(contour.get_edgecolor()[0]) == to_rgba(ON_GREY[0])
    assert ax.get_ylim() == (31.5, -0.5)  # depth points down


def test_area_covers_exactly_the_mask(picture, mask):
    figure = contact_sheet([Block("", ["a"], {"r": [Panel(picture, areas={"easy": mask})]})])
    _, area = figure.subfigs[0].axes[0].get_images()
    np.testing.assert_array_equal(area.get_array()[..., 3] > 0, mask)


def test_empty_masks_draw_nothing_and_warn_of_nothing(picture, tmp_path):
    empty = np.zeros_like(picture, bool)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        figure = contact_sheet([Block("", ["a"], {"r": [Panel(picture, {"truth": empty}, {"easy": empty})]})])
        figure.savefig(tmp_path / "sheet.png")
    assert not figure.subfigs[0].axes[0].collections


def test_a_name_keeps_its_colour_across_panels(picture, mask):
    rows = {"r": [Panel(picture, {"truth": mask, "prediction": mask}), Panel(picture, {"prediction": mask})]}
    both, alone = contact_sheet([Block("", ["a", "b"], rows)]).subfigs[0].axes
    assert tuple(both.collections[1].get_edgecolor()[0]) == tuple(alone.collections[0].get_edgecolor()[0])


def test_a_row_that_does_not_fit_says_so(picture):
    with pytest.raises(ValueError, match=r"row 'truth' of block 'new'.*expected 2, got 1"):
        contact_sheet([Block("new", ["a", "b"], {"truth": [Panel(picture)]})])


@pytest.mark.parametrize("blocks", [[], [Block("new", [], {"truth": []})], [Block("new", ["a"], {})]])
def test_an_empty_sheet_says_so(blocks):
    with pytest.raises(ValueError, match="got an empty one"):
        contact_sheet(blocks)


def test_more_names_than_colours_says_so(picture, mask):
    panel = Panel(picture, areas={str(number): mask for number in range(7)})
    with pytest.raises(ValueError, match="has colours for 6 kinds of mask, got 7"):
        contact_sheet([Block("", ["a"], {"r": [panel]})])
