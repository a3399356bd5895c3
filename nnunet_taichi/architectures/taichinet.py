"""TaiChiNet (figure 2): two U-Nets, one for the lesion and one for the normal background."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812
from dynamic_network_architectures.building_blocks.helper import convert_conv_op_to_dim
from torch import Tensor, nn

from nnunet_taichi.architectures.complementary_head import ComplementaryHead
from nnunet_taichi.architectures.cross_attention import ChannelToSpatialCrossAttention
from nnunet_taichi.architectures.paths import UNet, build_path, prune_outputs
from nnunet_taichi.architectures.precision import fast_on_cpu
from nnunet_taichi.architectures.unet import PaperUNet
from nnunet_taichi.config import TaiChiConfig

SMALLEST_BACKGROUND = 1e-6  # keeps log(1 - sum of s) finite where several classes have high probabilities s

Paths = tuple[Tensor | None, Tensor]  # logits of the negative path, if there is one, and the positive, (B, K, *spatial)


class TaiChiNet(nn.Module):
    """Two U-Nets of the plan's own class that exchange information at the bottleneck, at the outputs and in the loss.

    Each path has K sigmoid heads. The positive path gives the probability of "class k", the negative path that of "not
    class k". nnU-Net builds TaiChiNet by its dotted name, with the keyword arguments of the plan's U-Net.

    A forward pass returns the following, where z are logits and "fused" is what nnU-Net expects:

    | `return_paths` | `deep_supervision` | training | evaluation |
    |---|---|---|---|
    | no | no | fused | fused |
    | no | yes | [fused of each scale] | the same list |
    | yes | no | [fused, (z_n, z_p)] | fused |
    | yes | yes | [fused, (z_n, z_p) of each scale] | the same list |

    With a head on features (`config.head_input`, attribute `head_on_features`), the same is returned.

    Args:
        input_channels: Number of channels of the image.
        num_classes: Number of nnU-Net's segmentation heads: background and classes, or the regions.
        deep_supervision: Whether to return a list instead of one tensor, as nnU-Net's networks do.
        unet_class: Class (or its dotted name) of each path; by default nnU-Net's plain or residual U-Net, whichever
            fits `unet_kwargs`.
        regions: Whether the heads are overlapping regions, not classes.
        return_paths: Whether the list is for `TaiChiLoss`: the fused logits, then both paths' logits of each supervised
            scale. Otherwise the list holds fused logits alone, which any loss of nnU-Net takes.
        config: Configuration of the method, or a dictionary of the fields that differ from `TaiChiConfig`'s defaults.
        unet_kwargs: Keyword arguments of each U-Net.

    Raises:
        ValueError: The U-Net does not have nnU-Net's encoder and decoder.
    """

    negative: UNet | None
    positive: UNet

    def __init__(
        self,
        input_channels: int,
        num_classes: int,
        deep_supervision: bool = False,
        *,
        unet_class: type[nn.Module] | str | None = None,
        regions: bool = False,
        return_paths: bool = False,
        config: TaiChiConfig | dict[str, Any] | None = None,
        **unet_kwargs: Any,
    ) -> None:
        super().__init__()
        self.config = config if isinstance(config, TaiChiConfig) else TaiChiConfig(**(config or {}))
        self.cpu_bf16, self.regions, self.return_paths = self.config.cpu_bf16, regions, return_paths
        self.num_heads = num_classes if regions else num_classes - 1  # K
        unet_kwargs.update(input_channels=input_channels, num_classes=self.num_heads)
        self.negative = None if self.config.lesion_path_only else build_path(unet_class, **unet_kwargs)
        self.positive = build_path(unet_class, **unet_kwargs)
        self.num_scales = prune_outputs(self.paths, self._count_scales())
        channels, dim = self.positive.encoder.output_channels, convert_conv_op_to_dim(self.positive.encoder.conv_op)
        self.attention = self._build_attention(channels[-1], dim) if self.config.attention else None
        self.head_on_features = self.config.head != "none" and self.config.head_input == "features"
        if self.head_on_features:
            self.output = nn.Module()
            self.output.seg_layers = self._take_output_layers()  # the name matters to nnU-Net, as in ComplementaryHead
        self.head = None if self.config.head == "none" else self._build_head(channels[0], dim)
        self.deep_supervision = deep_supervision

    @fast_on_cpu
    def forward(self, image: Tensor) -> Tensor | list[Tensor | Paths]:
        """Return nnU-Net's logits (B, num_classes, *spatial) of images (B, C, *spatial), or a list (see the class)."""
        if self.negative is None:  # table I, model 1
            return self._answer([(None, z) for z in self._decode(self.positive.decoder, self.positive.encoder(image))])
        skips_n = self.negative.encoder(image)  # eq. 1: list of (B, C_i, *spatial_i), F_n last
        skips_p = self.positive.encoder(image)  # eq. 2: F_p last
        if self.attention is not None:
            skips_n[-1], skips_p[-1] = self.attention(skips_n[-1], skips_p[-1])  # eq. 3
        logits_n = self._decode(self.negative.decoder, skips_n)  # eq. 4: O'_n of each scale, (B, K, *spatial_i)
        logits_p = self._decode(self.positive.decoder, skips_p)  # eq. 5: O'_p
        return self._answer(self._refine(logits_n, logits_p))  # eq. 10-11

    def _answer(self, scales: Sequence[Paths]) -> Tensor | list[Tensor | Paths]:
        """Return what nnU-Net or `TaiChiLoss` needs, from the paths' logits at each scale."""
        if self.return_paths and (self.training or self.deep_supervision):
            return [self.fuse(*scales[0]), *scales]
        if self.deep_supervision:
            return [self.fuse(*paths) for paths in scales]
        return self.fuse(*scales[0])

    def _decode(self, decoder: nn.Module, skips: list[Tensor]) -> list[Tensor]:
        logits = decoder(skips)
        return logits[: self.num_scales] if isinstance(logits, list) else [logits]

    def _refine(self, negative: list[Tensor], positive: list[Tensor]) -> Sequence[Paths]:
        """Let the paths correct each other at each scale. A head on features can do so at the finest scale only."""
        if self.head is None:
            return list(zip(negative, positive, strict=True))
        if not self.head_on_features:
            return self.head.refine_scales(negative, positive)
        layers: Any = self.output.seg_layers
        n, p = self.head(negative[0], positive[0])
        finest = layers["negative"](n), layers["positive"](p)
        return [finest, *zip(negative[1:], positive[1:], strict=True)]

    def fuse(self, negative: Tensor | None, positive: Tensor, prediction: str = "") -> Tensor:
        """Return what nnU-Net expects: region logits, or log-probabilities of background and classes.

        Args:
            negative: Logits of the negative path, (B, K, *spatial), or None without this path.
            positive: Logits of the positive path, (B, K, *spatial).
            prediction: Value to use instead of the configuration's `prediction`, if not empty.
        """
        z_p = positive.to(torch.promote_types(positive.dtype, torch.float32))
        fused = z_p
        if negative is not None:
            weight_n, weight_p = self.config.fusion
            z_n = negative.to(z_p.dtype)
            joined = weight_n * z_n + weight_p * z_p
            background = z_n if self.config.mutual_learning == "consistent" else -z_n
            fused = {"fused": joined, "lesion": z_p, "background": background}[prediction or self.config.prediction]
        if self.regions:
            return fused
        if self.num_heads == 1:
            return F.logsigmoid(torch.cat((-fused, fused), 1))
        background = (1 - fused.sigmoid().sum(1, keepdim=True)).clamp_min(SMALLEST_BACKGROUND).log()
        return torch.cat((background, F.logsigmoid(fused)), 1)

    @property
    def decoder(self) -> nn.Module:
        """This network itself: nnU-Net switches deep supervision at `network.decoder.deep_supervision`."""
        return self

    @property
    def paths(self) -> list[UNet]:
        """U-Nets of this network, the negative one first."""
        return [path for path in (self.negative, self.positive) if path is not None]

    @property
    def deep_supervision(self) -> bool:
        """Whether a list is returned. Setting this also switches both decoders."""
        return self._deep_supervision

    @deep_supervision.setter
    def deep_supervision(self, enabled: bool) -> None:
        self._deep_supervision = enabled
        for path in self.paths:
            path.decoder.deep_supervision = enabled and self.num_scales > 1

    def compute_conv_feature_map_size(self, input_size: Sequence[int]) -> int:
        """Return the number of values in all feature maps for one image of `input_size` pixels (for planners).

        nnU-Net counts a convolution's output once, but training keeps it twice: before and after its normalisation.
        Maps without a normalisation are kept once, so they count half.
        """
        encoder = self.positive.encoder
        pixels = [np.prod(np.array(input_size) // stride) for stride in np.cumprod(encoder.strides, axis=0)]
        size = sum(path.compute_conv_feature_map_size(input_size) for path in self.paths)
        if self.attention is not None:  # queries, keys and values of both paths, twice; the score of each once
            channels = encoder.output_channels[-1]
            size += 4 * channels * pixels[-1] + channels**2
        if self.head is not None:
            size += self.head.channels / 2 * sum(pixels[: 1 if self.head_on_features else self.num_scales])
        return int(size)

    def _count_scales(self) -> int:
        """Return how many scales have a loss. nnU-Net's loss and `TaiChiLoss` give the coarsest scale no weight."""
        total = len(self.positive.decoder.seg_layers)
        if not self.config.deep_supervision:
            return 1
        return max(1, total - 1) if self.return_paths else total

    def _take_output_layers(self) -> nn.ModuleDict:
        """Take the finest output layers out of the decoders, so that the decoders return features."""
        layers = nn.ModuleDict()
        for name, path in zip(("negative", "positive"), self.paths, strict=True):
            layers[name] = path.decoder.seg_layers[-1]
            path.decoder.seg_layers[-1] = nn.Identity()
        return layers

    def _build_attention(self, channels: int, dim: int) -> ChannelToSpatialCrossAttention:
        config = self.config
        scaled = config.attention_scale == "sqrt_positions"
        return ChannelToSpatialCrossAttention(channels, dim, scaled, config.attention_gate, config.attention_values)

    def _build_head(self, features: int, dim: int) -> ComplementaryHead:
        config = self.config
        width, hidden = self.num_heads, config.head_logit_channels
        if self.head_on_features:
            width, hidden = features, features * config.head_expansion
        kernel_size = 3 if config.head == "conv" else 1
        consistent = config.mutual_learning == "consistent"
        return ComplementaryHead(width, hidden, dim, kernel_size, config.head_order == "positive_first", consistent)


def paper_taichinet(input_channels: int = 3, num_classes: int = 1, config: TaiChiConfig = TaiChiConfig()) -> TaiChiNet:
    """Build TaiChiNet, or the variant in `config`, around the paper's own U-Net (figure 3).

    It has `num_classes` sigmoid outputs and one scale. In training it returns the list that `TaiChiLoss` takes, in
    evaluation the fused logits (B, num_classes, H, W).
    """
    config = replace(config, deep_supervision=False)
    return TaiChiNet(input_channels, num_classes, unet_class=PaperUNet, regions=True, return_paths=True, config=config)
