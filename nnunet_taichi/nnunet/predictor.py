"""nnU-Net's predictor with networks that it did not build: compiled, distributed, or with several outputs."""

from types import SimpleNamespace

from nnunetv2.inference.predict_from_raw_data import nnUNetPredictor
from torch import nn
from torch._dynamo import OptimizedModule
from torch.nn.parallel import DistributedDataParallel


def unwrap(network: nn.Module) -> nn.Module:
    """Return the plain network inside a distributed or compiled one."""
    if isinstance(network, DistributedDataParallel):
        network = network.module
    return network._orig_mod if isinstance(network, OptimizedModule) else network


def expect_outputs(predictor: nnUNetPredictor, count: int) -> None:
    """Make a predictor accept a network that returns `count` outputs, concatenated along the channels."""
    heads = count * predictor.label_manager.num_segmentation_heads
    predictor.label_manager = SimpleNamespace(num_segmentation_heads=heads)  # the predictor asks only for this
