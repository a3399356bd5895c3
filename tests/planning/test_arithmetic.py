"""Operations by hand: two for each weight at each position."""

import torch
from torch import nn

from nnunet_taichi.planning.arithmetic import forward_flops


class Squares(nn.Module):
    def forward(self, image: torch.Tensor) -> torch.Tensor:
        with torch.autocast(image.device.type, enabled=False):
            return image @ image.transpose(-1, -2)


def test_a_convolution_and_one_that_goes_up() -> None:
    def build() -> nn.Module:
        return nn.Sequential(nn.Conv2d(3, 4, 3, padding=1, bias=False), nn.ReLU(), nn.ConvTranspose2d(4, 5, 2, 2))

    assert forward_flops(build, (3, 8, 6)) == 2 * 48 * 9 * 3 * 4 + 2 * 48 * 4 * 4 * 5


def test_a_convolution_in_3d_that_goes_down() -> None:
    assert forward_flops(lambda: nn.Conv3d(1, 2, 3, 2, 1), (1, 8, 8, 4)) == 2 * (4 * 4 * 2) * 27 * 2


def test_matrix_products_outside_autocast() -> None:
    assert forward_flops(Squares, (2, 3, 5)) == 2 * 2 * 3 * 3 * 5


def test_no_memory_is_needed() -> None:
    def build() -> nn.Module:
        return nn.Sequential(nn.Conv3d(1, 1 << 14, 1), nn.Conv3d(1 << 14, 1 << 14, 3))  # 29 GB of weights

    assert forward_flops(build, (1, 512, 512, 512)) > 1e15
