"""nnU-Net's predictor around networks that it did not build: compiled, distributed, or with several outputs."""

from types import SimpleNamespace

from nnunetv2.inference.predict_from_raw_data import nnUNetPredictor
from torch import nn
from torch._dynamo import OptimizedModule
from torch.nn.parallel import DistributedDataParallel


def unwrap(network: nn.Module) -> nn.Module:
    """Return the network inside what distributes and what compiles it."""
    if isinstance(network, DistributedDataParallel):
        network = network.module
    return network._orig_mod if isinstance(network, OptimizedModule) else network


def expect_outputs(predictor: nnUNetPredictor, count: int) -> None:
    """Let a predictor's network return `count` outputs, side by side in the channels."""
    heads = count * predictor.label_manager.num_segmentation_heads
    predictor.label_manager = SimpleNamespace(num_segmentation_heads=heads)  # asked how many channels to add up
