"""The two paths' deepest features, before and after C2-attention (as in the paper's figures 4 and 9)."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812
from acvl_utils.cropping_and_padding.bounding_boxes import insert_crop_into_image
from acvl_utils.cropping_and_padding.padding import pad_nd_image
from numpy.typing import NDArray
from torch import Tensor

from nnunet_taichi.architectures.taichinet import TaiChiNet
from nnunet_taichi.explanation.two_paths import PredictedCase, TwoPathModel

Maps = Mapping[str, Mapping[str, Any]]  # by path, then "before" and, if there is attention, "after"


@dataclass(frozen=True)
class Features:
    """Features of one image at the bottleneck, and where the image lies in them.

    Attributes:
        maps: Features (C, *coarse) with three spatial axes, by path and moment: "before" is F, the last output of the
            encoder; "after" is F', the output of attention for it.
        padded: Size of the padded image that went through the encoders, in pixels.
        window: Slices of the padded image in which the preprocessed image lies.
    """

    maps: Maps
    padded: tuple[int, ...]
    window: tuple[slice, ...]


@torch.inference_mode()
def deepest_features(model: TwoPathModel, case: PredictedCase) -> Features:
    """Run both encoders, and attention, on a whole preprocessed image, padded to a size that the network can divide."""
    network, device = model.network.eval(), model.predictor.device
    divisor = [int(size) for size in np.prod(network.positive.encoder.strides, 0)]
    image, window = pad_nd_image(
        torch.from_numpy(case.preprocessed),
        model.configuration.patch_size,
        return_slicer=True,
        shape_must_be_divisible_by=divisor,
    )
    network.to(device)
    if len(divisor) == 3:
        maps = _encode(network, image[None].to(device))
    else:  # a 2D network sees the slices of a volume one after the other
        maps = _stack([_encode(network, part[None].to(device)) for part in image.unbind(1)])
    return Features(maps, tuple(image.shape[1:]), window[1:])


def _encode(network: TaiChiNet, image: Tensor) -> dict[str, dict[str, Tensor]]:
    """Return F ("before") and F' ("after") by path and moment, (C, *coarse), of an image (1, C, *spatial)."""
    assert network.negative is not None
    background, lesion = network.negative.encoder(image)[-1], network.positive.encoder(image)[-1]
    moments = {"before": (lesion, background)}
    if network.attention is not None:
        background, lesion = network.attention(background, lesion)
        moments["after"] = (lesion, background)
    return {
        path: {moment: both[i][0].float().cpu() for moment, both in moments.items()}
        for i, path in enumerate(("lesion", "background"))
    }


def _stack(slices: list[dict[str, dict[str, Tensor]]]) -> dict[str, dict[str, Tensor]]:
    return {
        path: {moment: torch.stack([part[path][moment] for part in slices], 1) for moment in moments}
        for path, moments in slices[0].items()
    }


def strongest_channels(features: Features, count: int) -> dict[str, list[int]]:
    """Choose the `count` channels of each path with the highest mean over all positions, after attention if any."""
    return {
        path: list(moments.values())[-1].flatten(1).mean(1).topk(count).indices.tolist()
        for path, moments in features.maps.items()
    }


def mean_features(model: TwoPathModel, case: PredictedCase, features: Features) -> Maps:
    """Average features over the channels, and enlarge them to the size of the image file: (1, Z, Y, X)."""
    return _enlarge_all(model, case, features, lambda path, maps: maps.mean(0, keepdim=True))


def channel_features(
    model: TwoPathModel, case: PredictedCase, features: Features, channels: Mapping[str, Sequence[int]]
) -> Maps:
    """Pick channels of the features, and enlarge them to the size of the image file: (channels, Z, Y, X)."""
    return _enlarge_all(model, case, features, lambda path, maps: maps[channels[path]])


def _enlarge_all(
    model: TwoPathModel, case: PredictedCase, features: Features, pick: Callable[[str, Tensor], Tensor]
) -> Maps:
    return {
        path: {moment: _enlarge(model, case, features, pick(path, maps)) for moment, maps in moments.items()}
        for path, moments in features.maps.items()
    }


def _enlarge(model: TwoPathModel, case: PredictedCase, features: Features, maps: Tensor) -> NDArray[Any]:
    """Bring maps (M, *coarse) to the size of the image file, by the steps that nnU-Net takes with probabilities."""
    plans, configuration, properties = model.plans, model.configuration, case.properties
    maps = F.interpolate(maps[None], features.padded, mode="trilinear")[0][(slice(None), *features.window)]
    spacing = [properties["spacing"][axis] for axis in plans.transpose_forward]
    own_spacing = [*spacing[: 3 - len(configuration.spacing)], *configuration.spacing]
    cropped = properties["shape_after_cropping_and_before_resampling"]
    resampled = configuration.resampling_fn_probabilities(maps, cropped, own_spacing, spacing)
    whole = np.full((len(maps), *properties["shape_before_cropping"]), np.nan, np.float32)  # NaN outside: not seen
    whole = insert_crop_into_image(whole, np.asarray(resampled), properties["bbox_used_for_cropping"])
    return whole.transpose(0, *(axis + 1 for axis in plans.transpose_backward))
