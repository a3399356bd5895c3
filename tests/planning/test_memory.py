import torch
from saved_bytes import saved_bytes
from torch import nn

from nnunet_taichi.architectures.taichinet import paper_taichinet
from nnunet_taichi.architectures.unet import UNet
from nnunet_taichi.config import TaiChiConfig

FLOAT = 4


class Chain(nn.Module):
    def __init__(self, *layers: nn.Module) -> None:
        super().__init__()
        self.layers = nn.Sequential(*layers)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.layers(x)


def test_convolutions_keep_their_inputs_alone() -> None:
    network = Chain(nn.Conv2d(1, 3, 3, padding=1), nn.Conv2d(3, 5, 3, padding=1))
    assert saved_bytes(network, (2, 1, 8, 8)) == 2 * (1 + 3) * 8 * 8 * FLOAT


def test_what_two_layers_keep_together_counts_once() -> None:
    """A ReLU in place keeps its output, which is the next convolution's input and was the first one's output."""
    network = Chain(nn.Conv2d(1, 3, 1), nn.ReLU(inplace=True), nn.Conv2d(3, 1, 1))
    assert saved_bytes(network, (2, 1, 8, 8)) == 2 * (1 + 3) * 8 * 8 * FLOAT


def test_grows_with_the_batch_and_leaves_the_network_alone() -> None:
    network = Chain(nn.Conv2d(1, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU(), nn.Conv2d(4, 1, 1))
    before = {key: value.clone() for key, value in network.state_dict().items()}
    one, two, three = (saved_bytes(network, (batch, 1, 16, 16)) for batch in (1, 2, 3))
    maps = (1 + 4 + 4) * 16 * 16 * FLOAT  # the image, and what goes into and comes out of norm and ReLU
    assert three - two == two - one == maps
    assert all(torch.equal(value, before[key]) for key, value in network.state_dict().items())


def test_network_whose_decoder_holds_the_encoder_stays_usable() -> None:
    network = UNet(1, 2, features_per_stage=(4, 8), cpu_bf16=False)
    image = torch.rand(2, 1, 8, 8)
    before = network(image)
    saved_bytes(network, (2, 1, 8, 8))
    torch.testing.assert_close(network(image), before)


def test_what_real_tensors_keep_is_as_much() -> None:
    """TaiChiNet on real numbers, kept storages told apart by their addresses."""
    network = paper_taichinet(1, 1, TaiChiConfig(cpu_bf16=False)).train()
    kept = {}

    def keep(tensor: torch.Tensor) -> torch.Tensor:
        if not isinstance(tensor, nn.Parameter):
            kept[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage()
        return tensor

    image = torch.rand(2, 1, 32, 32)
    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        output = network(image)
    assert output is not None
    assert saved_bytes(network, (2, 1, 32, 32)) == sum(storage.nbytes() for storage in kept.values())
