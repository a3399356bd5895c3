"""A transform that takes difficulty codes through nnU-Net's augmentation."""

import torch
from batchgeneratorsv2.transforms.utils.seg_to_regions import ConvertSegmentationToRegionsTransform
from torch import Tensor


class ConvertSegmentationKeepDifficulty(ConvertSegmentationToRegionsTransform):
    """Turn channel 0 into regions and keep the channels after it, which nnU-Net's transform drops."""

    def _apply_to_segmentation(self, segmentation: Tensor, **params: object) -> Tensor:
        regions = super()._apply_to_segmentation(segmentation, **params)
        return torch.cat((regions.to(segmentation.dtype), segmentation[1:]))
