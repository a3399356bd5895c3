"""Labels and regions as they are typed."""

from collections.abc import Sequence

import numpy as np
import pytest
from nnunetv2.utilities.label_handling.label_handling import LabelManager

from nnunet_taichi.dataset_conversion.labels import parse_labels, parse_regions

LABELS = {"background": 0, "rim": 1, "cup": 2}


@pytest.mark.parametrize(
    ("texts", "labels", "codes"),
    [
        (["lesion=1"], {"background": 0, "lesion": 1}, {0: 0, 1: 1}),
        (["rim=128", "cup=0", "background=255"], LABELS, {255: 0, 128: 1, 0: 2}),
        (["rim=7,9", "cup=65535"], LABELS, {0: 0, 7: 1, 9: 1, 65535: 2}),
        (["rim=#ff0000", "cup=#808080,#0000FF"], LABELS, {0: 0, 0x1FF0000: 1, 128: 2, 0x10000FF: 2}),
        (["background=0,5", "a=1"], {"background": 0, "a": 1}, {0: 0, 5: 0, 1: 1}),
        (["ignore=9", "a=1", "b=2"], {"background": 0, "a": 1, "b": 2, "ignore": 3}, {0: 0, 1: 1, 2: 2, 9: 3}),
    ],
)
def test_labels(texts: Sequence[str], labels: dict[str, int], codes: dict[int, int]) -> None:
    parsed = parse_labels(texts)
    assert parsed == (labels, codes)
    assert list(parsed[0]) == list(labels)


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        (["lesion"], "expected NAME=VALUE[,VALUE...], got 'lesion'"),
        (["=1"], "expected NAME=VALUE[,VALUE...], got '=1'"),
        (["a=1,"], "expected NAME=VALUE[,VALUE...], got 'a=1,'"),
        (["a=1", "a=2"], "a is given twice; write a=1,2"),
        (["a=red"], "expected a grey value from 0 to 65535, or a colour as #rrggbb, got 'red'"),
        (["a=#ff00"], "expected a grey value from 0 to 65535, or a colour as #rrggbb, got '#ff00'"),
        (["a=65536"], "expected a grey value from 0 to 65535, or a colour as #rrggbb, got '65536'"),
        (["a=-1"], "expected a grey value from 0 to 65535, or a colour as #rrggbb, got '-1'"),
        (["a=1", "b=2,1"], "1 stands for a and for b; give each value one label"),
        (["a=0"], "0 stands for background and for a; give each value one label (background is 0 unless you name"),
        (["background=0"], "expected a label beside the background, found none; add NAME=VALUE"),
    ],
)
def test_says_what_is_wrong_with_labels(texts: Sequence[str], message: str) -> None:
    with pytest.raises(ValueError, match=r"^--labels: ") as error:
        parse_labels(texts)
    assert message in str(error.value)


@pytest.mark.parametrize(
    ("labels", "texts", "regions", "order"),
    [
        (LABELS, ["disc=rim+cup", "cup=cup"], {"background": 0, "disc": (1, 2), "cup": 2}, (1, 2)),
        (LABELS, ["disc=cup+rim+cup", "rim=rim"], {"background": 0, "disc": (1, 2), "rim": 1}, (2, 1)),
        (LABELS, ["b=cup", "a=rim"], {"background": 0, "b": 2, "a": 1}, (2, 1)),
        (
            {"background": 0, "edema": 1, "necrosis": 2, "enhancing": 3},
            ["whole=edema+necrosis+enhancing", "core=necrosis+enhancing", "enhancing=enhancing"],
            {"background": 0, "whole": (1, 2, 3), "core": (2, 3), "enhancing": 3},
            (1, 2, 3),
        ),
        (  # regions that overlap, none inside another
            {"background": 0, "left": 1, "both": 2, "right": 3, "ignore": 4},
            ["a=left+both", "b=both+right", "c=both"],
            {"background": 0, "a": (1, 2), "b": (2, 3), "c": 2, "ignore": 4},
            (1, 3, 2),
        ),
    ],
)
def test_regions_give_back_the_labels(
    labels: dict[str, int], texts: Sequence[str], regions: dict[str, object], order: tuple[int, ...]
) -> None:
    parsed, written = parse_regions(texts, labels)
    assert (parsed, written) == (regions, order)
    manager = LabelManager(dict(parsed), list(written))
    label = np.arange(max(manager.all_labels) + 1)  # every value once
    if manager.has_regions:
        probabilities = np.stack([np.isin(label, region).astype(float) for region in manager.foreground_regions])
    else:
        probabilities = (label == label[:, None]).astype(float)
    np.testing.assert_array_equal(manager.convert_probabilities_to_segmentation(probabilities), label)


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        (["disc"], "expected NAME=LABEL[+LABEL...], got 'disc'"),
        (["disc=rim+"], "expected NAME=LABEL[+LABEL...], got 'disc=rim+'"),
        (["a=rim", "a=cup"], "a is given twice; write a=rim+cup"),
        (["disc=rim+macula", "cup=cup"], "expected labels (rim, cup) in disc, found macula"),
        (["disc=background", "cup=cup"], "expected labels (rim, cup) in disc, found background"),
        (["background=rim", "cup=cup"], "background is always there; leave it out"),
        (["cup=cup"], "rim is in no region; add it to one, or make its value background"),
        (["cup=cup", "disc=rim+cup"], "later regions hold all of cup; order them from the outer to the inner"),
        (
            ["disc=rim+cup"],
            "disc is the last to hold rim and cup, so that nothing tells them apart; add a region of one",
        ),
    ],
)
def test_says_what_is_wrong_with_regions(texts: Sequence[str], message: str) -> None:
    with pytest.raises(ValueError, match=r"^--regions: ") as error:
        parse_regions(texts, LABELS)
    assert message in str(error.value)
