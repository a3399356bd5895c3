import numpy as np
import pytest
import torch
from batchgeneratorsv2.transforms.utils.deep_supervision_downsampling import DownsampleSegForDSTransform

from nnunet_taichi.difficulty.coding import decode_difficulty, encode_difficulty
from nnunet_taichi.difficulty.transforms import ConvertSegmentationKeepDifficulty

REGIONS = [(1, 2), 2]


def sample(shape):
    """A label map with its difficulty, as the host's loader stacks them, and the levels of each region."""
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 4, shape)  # 3 is ignored
    heads = np.stack([np.isin(labels, (1, 2)), labels == 2])
    levels = rng.integers(0, 3, heads.shape) * heads
    codes = encode_difficulty(levels == 1, levels == 2)
    return torch.from_numpy(np.stack([labels.astype(np.int16), codes])), labels, levels


@pytest.mark.parametrize("shape", [(6, 8), (3, 6, 8)])
@pytest.mark.parametrize("ignore", [False, True])
def test_regions_keep_difficulty(shape, ignore):
    segmentation, labels, levels = sample(shape)
    transform = ConvertSegmentationKeepDifficulty([*REGIONS, 3] if ignore else REGIONS)
    converted = transform(image=torch.zeros(1, *shape), segmentation=segmentation)["segmentation"]
    expected = [(labels == 1) | (labels == 2), labels == 2] + [labels == 3] * ignore
    assert converted.shape == (3 + ignore, *shape)
    assert converted.dtype == segmentation.dtype
    np.testing.assert_array_equal(converted[:-1].numpy(), np.stack(expected))
    np.testing.assert_array_equal(decode_difficulty(converted[-1][None], 2)[0].numpy(), levels)


def test_downsampling_keeps_difficulty_beside_its_regions():
    segmentation, _, _ = sample((8, 8))
    segmentation = segmentation.repeat_interleave(2, 1).repeat_interleave(2, 2)  # so that halving it is exact
    keep = ConvertSegmentationKeepDifficulty(REGIONS)(segmentation=segmentation)
    fine, coarse = DownsampleSegForDSTransform([1.0, 0.5])(**keep)["segmentation"]
    torch.testing.assert_close(fine[:, ::2, ::2], coarse)


def test_without_difficulty_there_is_none():
    segmentation, _, _ = sample((6, 8))
    converted = ConvertSegmentationKeepDifficulty(REGIONS)(segmentation=segmentation[:1])["segmentation"]
    assert converted.shape == (2, 6, 8)
