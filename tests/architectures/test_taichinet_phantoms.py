"""Every model of tables I to III learns: 50 steps on four phantoms."""

from dataclasses import replace

import pytest
import torch
from network_contract import four_phantoms, soft_dice

from nnunet_taichi import trainers
from nnunet_taichi.architectures.taichinet import TaiChiNet
from nnunet_taichi.architectures.unet import PaperUNet
from nnunet_taichi.curriculum import Stage
from nnunet_taichi.losses.taichi_loss import TaiChiLoss

NAMES = [name for name in trainers.__all__ if "Taichi" in name]


@pytest.mark.parametrize("name", NAMES)
def test_learns_four_phantoms(name: str) -> None:
    config = replace(getattr(trainers, name).config, cpu_bf16=False, deep_supervision=False)
    widths = {"features_per_stage": (8, 16, 32, 32)}
    network = TaiChiNet(1, 2, True, unet_class=PaperUNet, return_paths=True, config=config, **widths).train()
    loss = TaiChiLoss(1, config=config)
    loss.stage = Stage.WHOLE  # no maps here
    image, truth = four_phantoms()
    optimizer = torch.optim.Adam(network.parameters(), 3e-3)
    for _ in range(50):
        optimizer.zero_grad()
        loss(network(image), [truth[:, None]]).backward()
        optimizer.step()
    with torch.no_grad():
        found = network(image)[0].argmax(1)
    assert soft_dice(found, truth) > 0.8
