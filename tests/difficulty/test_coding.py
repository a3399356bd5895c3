import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from nnunet_taichi.difficulty import split_by_difficulty
from nnunet_taichi.difficulty.coding import check_heads, decode_difficulty, encode_difficulty, shares

# the eight ways in which a pixel can be seen: level 1, level 4, ground truth -> easy, hard
TRUTH_TABLE = {
    (0, 0, 0): (0, 0),
    (0, 0, 1): (0, 0),  # missed by both
    (0, 1, 0): (0, 0),
    (0, 1, 1): (0, 1),
    (1, 0, 0): (0, 0),
    (1, 0, 1): (1, 0),
    (1, 1, 0): (0, 0),
    (1, 1, 1): (1, 0),  # the easy ones are not hard
}


@pytest.mark.parametrize("library", [np.array, torch.tensor])
def test_split(library):
    seen = [library(column) > 0 for column in zip(*TRUTH_TABLE, strict=True)]
    easy, hard = split_by_difficulty(*seen)
    assert type(easy) is type(hard) is type(seen[0])
    assert [tuple(map(int, pair)) for pair in zip(easy, hard, strict=True)] == list(TRUTH_TABLE.values())


@given(arrays(bool, (3, 4, 5)))
def test_split_in_sets(seen):
    """Easy and hard share no pixel, lie in the lesion, and together are what of it any level found."""
    level1, level4, truth = seen
    easy, hard = split_by_difficulty(level1, level4, truth)
    pixels = [set(map(tuple, np.argwhere(part))) for part in (easy, hard, truth, level1, level4)]
    assert pixels[0].isdisjoint(pixels[1])
    assert pixels[0] | pixels[1] == pixels[2] & (pixels[3] | pixels[4])


@settings(deadline=None)
@given(st.data(), st.integers(1, 9), st.sampled_from([(4, 3), (1, 5, 2), (2, 3, 4)]))
def test_round_trip(data, heads, spatial):
    levels = data.draw(arrays(np.int64, (heads, *spatial), elements=st.integers(0, 2)))
    codes = encode_difficulty(levels == 1, levels == 2)
    assert codes.dtype == np.int16
    assert codes.shape == spatial
    for dtype in (torch.int16, torch.float32):  # as stored, and as it may come out of a batch
        decoded = decode_difficulty(torch.from_numpy(codes).to(dtype)[None], heads)
        assert decoded.shape == (1, heads, *spatial)
        np.testing.assert_array_equal(decoded[0].numpy(), levels)


def test_codes_by_hand():
    easy, hard = np.array([[1, 0, 0], [0, 0, 1]]) > 0, np.array([[0, 1, 0], [0, 1, 0]]) > 0
    assert encode_difficulty(easy, hard).tolist() == [1, 2 + 3 * 2, 3 * 1]


def test_nine_heads_fill_int16():
    everything = np.ones((9, 1), bool)
    assert encode_difficulty(~everything, everything).item() == 3**9 - 1


def test_ten_heads_are_refused():
    assert np.iinfo(np.int16).max < 3**10 - 1
    check_heads(9)
    with pytest.raises(NotImplementedError, match=r"9 classes or regions .* has 10\. Train a variant"):
        encode_difficulty(*np.zeros((2, 10, 4), bool))
    with pytest.raises(NotImplementedError, match="merge classes"):
        check_heads(10)


def test_shares_by_hand():
    levels = np.array([[[1, 1, 2, 0]], [[0, 0, 1, 0]]])
    truth = np.array([[[1, 1, 1, 1]], [[0, 0, 1, 0]]]) > 0
    counted = shares(encode_difficulty(levels == 1, levels == 2), truth)
    assert counted == {"easy": [2, 1], "hard": [1, 0], "lesion": [4, 1]}


def test_shares_of_nothing():
    assert shares(np.zeros((1, 2, 2), np.int16), np.zeros((1, 1, 2, 2), bool)) == {
        "easy": [0],
        "hard": [0],
        "lesion": [0],
    }
