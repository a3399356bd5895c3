"""What every network to compare with keeps; a network's own test file names it and inherits the rest."""

from typing import Any, ClassVar

import numpy as np
import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from small_unets import count
from torch import Tensor, nn

from nnunet_taichi.phantoms import phantom

Outputs = Tensor | list[Tensor]


class NetworkContract:
    """Inherit it and fill in the attributes.

    Attributes:
        network_class: built with (input_channels, num_classes, cpu_bf16=False, **kwargs).
        kwargs: for the tests, as to make a network of adjustable width small.
        published: arguments and the number of parameters of the network as published.
        odd_size: an image size with no divisor.
        learning_rate: with which 50 steps of Adam learn four phantoms.
    """

    network_class: type[nn.Module]
    kwargs: ClassVar[dict[str, Any]] = {}
    published: tuple[dict[str, Any], int]
    odd_size = (45, 70)
    learning_rate = 1e-3

    def build(self, input_channels: int = 1, num_classes: int = 2) -> nn.Module:
        return self.network_class(input_channels, num_classes, cpu_bf16=False, **self.kwargs)

    def final(self, outputs: Outputs) -> Tensor:
        """The logits that the host scores."""
        return outputs[0] if isinstance(outputs, list) else outputs

    def loss(self, outputs: Outputs, truth: Tensor) -> Tensor:
        """Cross-entropy and Dice, as the host's, on labels (B, H, W)."""
        logits = self.final(outputs)
        return F.cross_entropy(logits, truth) - soft_dice(logits.softmax(1)[:, 1], truth)

    def test_number_of_parameters(self) -> None:
        arguments, expected = self.published
        assert count(self.network_class(**arguments)) == expected

    @pytest.mark.parametrize(("input_channels", "num_classes"), [(1, 2), (3, 1), (2, 4)])
    def test_evaluation_shape(self, input_channels: int, num_classes: int) -> None:
        network = self.build(input_channels, num_classes).eval()
        for size in ((64, 64), self.odd_size):
            with torch.no_grad():
                output = network(torch.randn(1, input_channels, *size))
            assert output.shape == (1, num_classes, *size)
            assert output.dtype == torch.float32

    def test_every_parameter_gets_a_gradient(self) -> None:
        network = self.build(3).train()
        truth = torch.randint(0, 2, (2, *self.odd_size))
        self.loss(network(torch.randn(2, 3, *self.odd_size)), truth).backward()
        for name, parameter in network.named_parameters():
            assert parameter.grad is not None, f"No gradient for {name}"
            assert parameter.grad.isfinite().all(), f"Gradient of {name} is not finite"
            assert parameter.ndim == 1 or parameter.grad.any(), f"Gradient of {name} is zero"

    def test_layers_of_other_classes_are_known_to_the_host(self) -> None:
        """Its -pretrained_weights compares shapes for every key without `.seg_layers.`."""
        two, three = (self.build(num_classes=n).state_dict() for n in (2, 3))
        different = [key for key in two if two[key].shape != three[key].shape]
        assert different
        assert [key for key in different if ".seg_layers." not in key] == []

    def test_trained_weights_load_strictly(self) -> None:
        trained, predicting = self.build().eval(), self.build().eval()
        predicting.load_state_dict(trained.state_dict(), strict=True)
        image = torch.randn(1, 1, *self.odd_size)
        with torch.no_grad():
            torch.testing.assert_close(predicting(image), trained(image))

    def test_learns_four_phantoms(self) -> None:
        image, truth = four_phantoms()
        network = self.build().train()
        optimizer = torch.optim.Adam(network.parameters(), self.learning_rate)
        for _ in range(50):
            optimizer.zero_grad()
            self.loss(network(image), truth).backward()
            optimizer.step()
        with torch.no_grad():
            found = self.final(network(image)).argmax(1)  # with the statistics of this very batch
        assert soft_dice(found, truth) > 0.8


def four_phantoms(size: int = 64) -> tuple[Tensor, Tensor]:
    """Images (4, 1, size, size) around 0, and labels (4, size, size)."""
    drawn = [phantom(np.random.default_rng(seed), size) for seed in range(4)]
    image = torch.tensor(np.stack([i for i, _ in drawn])[:, None] / 128 - 1, dtype=torch.float32)
    return image, torch.tensor(np.stack([m for _, m in drawn]), dtype=torch.long)


def soft_dice(probability: Tensor, truth: Tensor) -> Tensor:
    return 2 * (probability * truth).sum() / (probability.sum() + truth.sum())
