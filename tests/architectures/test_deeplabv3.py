import pytest
import torch
from network_contract import NetworkContract

from nnunet_taichi.architectures.deeplabv3 import DeepLabV3


class TestDeepLabV3(NetworkContract):
    network_class = DeepLabV3
    published = (
        {"input_channels": 3, "num_classes": 21},
        39_638_869,
    )  # torchvision prints 42,004,074 with the auxiliary head

    def test_first_convolution_is_torchvisions_but_for_the_channels(self) -> None:
        three, one = (self.build(channels).backbone.conv1 for channels in (3, 1))
        assert three.weight.shape == (64, 3, 7, 7)
        assert one.weight.shape == (64, 1, 7, 7)
        assert (one.stride, one.padding, one.bias) == (three.stride, three.padding, three.bias)

    def test_one_image_in_training(self) -> None:
        with pytest.raises(ValueError, match=r"trains on 2 images or more .* raise batch_size in the plans"):
            self.build().train()(torch.randn(1, 1, 64, 64))
