"""`nnunet_taichi doctor`: check this machine, and say how to mend what is wrong.

A check is a function that returns what it found, or raises `CheckFailed`. The checks themselves import heavy packages,
because the doctor must also run on an installation that is too broken to import them.
"""

import argparse
import contextlib
import os
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from nnunet_taichi.commands.arguments import add_device
from nnunet_taichi.nnunet.installation import (
    SET_VARIABLES,
    CheckFailed,
    check_distutils,
    check_ext_variable,
    check_host,
    check_lookup,
    check_torch,
)
from nnunet_taichi.nnunet.variables import DATA_VARIABLES, unset_data_variables

if TYPE_CHECKING:
    import torch
    from torch import nn

WRITTEN = ("nnUNet_preprocessed", "nnUNet_results")  # training writes to these; raw data may be read-only
SWITCH_OFF_COMPILE = (
    "export nnUNet_compile=f (slower, but it works); or install what is usually missing: a C compiler (gcc), Python's "
    "headers (python3-dev or python3-devel) or triton (pip install triton)"
)
CACHES = ("TORCHINDUCTOR_CACHE_DIR", "TRITON_CACHE_DIR")


def check_folders(device: str) -> str:
    """Check that the variables of nnU-Net's three folders are set, and that the folders exist."""
    if unset := unset_data_variables(os.environ):
        raise CheckFailed(f"not set: {', '.join(unset)}", SET_VARIABLES)
    if missing := [os.environ[name] for name in DATA_VARIABLES if not os.path.isdir(os.environ[name])]:
        raise CheckFailed(
            f"no such folder: {', '.join(missing)}", "make it (mkdir -p), or point its variable elsewhere"
        )
    return ", ".join(DATA_VARIABLES)


def check_write_access(device: str) -> str:
    """Check that training can write where it has to, by trying: permission bits are unreliable on network drives."""
    for name in WRITTEN:
        if not os.environ.get(name):
            raise CheckFailed(f"not set: {name}", SET_VARIABLES)
        try:
            tempfile.TemporaryFile(dir=os.environ[name]).close()
        except OSError as error:
            cure = f"get write access and free space there, or point {name} elsewhere"
            raise CheckFailed(f"cannot write to {os.environ[name]}: {error.strerror}", cure) from None
    return ", ".join(WRITTEN)


def check_device(device: str) -> str:
    """Check that the device is available."""
    import torch

    from nnunet_taichi.architectures.precision import cpu_has_bf16

    if device == "cuda":
        if not torch.cuda.is_available():
            built = f"torch {torch.__version__} sees no CUDA device"
            raise CheckFailed(built, "train with -device cpu; or mend the driver, or install a torch built for CUDA")
        return f"cuda: {torch.cuda.get_device_name()}"
    if device == "mps" and not torch.backends.mps.is_available():
        raise CheckFailed(f"torch {torch.__version__} sees no mps device", "train with -device cpu")
    if device == "cpu":
        return f"cpu: {torch.get_num_threads()} threads, {'bf16' if cpu_has_bf16() else 'no bf16, so float32'}"
    return device


def check_training_step(device: str) -> str:
    """Check that one training step runs, that its loss is finite, and that every parameter gets a gradient."""
    return f"loss {training_step(device):.3f} on a phantom"


def check_compile(device: str) -> str:
    """Check that the network compiles, where nnU-Net compiles. This needs more than torch, and takes longest."""
    if reason := _why_not_compiled(device):
        return reason
    start = time.monotonic()
    try:
        loss = compiled_step(device)
    except Exception as error:  # from torch, triton or the C compiler
        first = " ".join(str(error).split("\n\n")[0].split())  # the rest says how to debug torch
        raise CheckFailed(f"{type(error).__name__}: {first}", SWITCH_OFF_COMPILE) from None
    return f"loss {loss:.3f} on a phantom, {time.monotonic() - start:.0f} s"


CHECKS: dict[str, Callable[[str], str]] = {
    "nnU-Net": check_host,
    "torch": check_torch,
    "python": check_distutils,
    "folders": check_folders,
    "write access": check_write_access,
    "ext folder": check_ext_variable,
    "trainer": check_lookup,
    "device": check_device,
    "training step": check_training_step,
    "torch.compile": check_compile,
}


def training_step(device: str) -> float:
    """Train the paper's network for one step on two phantoms, as nnU-Net would on that device.

    Returns:
        The loss before the step.

    Raises:
        CheckFailed: The loss is not finite, or a parameter got no gradient.
    """
    from nnunet_taichi.architectures.taichinet import paper_taichinet
    from nnunet_taichi.losses.taichi_loss import TaiChiLoss

    network = paper_taichinet(input_channels=1, num_classes=1).to(device)
    return _train_once(network, TaiChiLoss(num_heads=1, regions=True, config=network.config), device)


def compiled_step(device: str) -> float:
    """Train a small network for one step with torch.compile, as the trainer does, and return the loss.

    The network has all parts of TaiChiNet but only two narrow levels, so that it compiles fast. The caches are empty,
    because a cached result would not test the compiler.
    """
    import torch

    from nnunet_taichi.architectures.taichinet import TaiChiNet
    from nnunet_taichi.architectures.unet import PaperUNet
    from nnunet_taichi.config import TaiChiConfig
    from nnunet_taichi.losses.taichi_loss import TaiChiLoss

    config = TaiChiConfig(deep_supervision=False, cpu_bf16=False)
    size: dict[str, Any] = {"features_per_stage": (4, 8), "cpu_bf16": False}
    network = TaiChiNet(1, 1, unet_class=PaperUNet, regions=True, return_paths=True, config=config, **size)
    objective = TaiChiLoss(num_heads=1, regions=True, config=config)
    objective.measure = torch.compile(objective.measure)  # type: ignore[method-assign]
    compiled: Any = torch.compile(network.to(device))
    with _empty_caches():
        return _train_once(compiled, objective, device)


def _train_once(network: "nn.Module", objective: "nn.Module", device: str) -> float:
    import torch

    optimizer = torch.optim.SGD(network.parameters(), lr=1e-2)
    images, masks = (batch.to(device) for batch in _phantom_batch())
    with torch.autocast("cuda", enabled=device == "cuda"):
        loss = objective(network(images), [masks])
    loss.backward()
    optimizer.step()
    cure = "reinstall torch for this device, or train with -device cpu; if that fails too, report it as a bug"
    if not torch.isfinite(loss):
        raise CheckFailed(f"the loss is {loss.item()}", cure)
    if dead := [name for name, parameter in network.named_parameters() if parameter.grad is None]:
        raise CheckFailed(f"no gradient for {', '.join(dead)}", cure)
    return loss.item()


def _why_not_compiled(device: str) -> str | None:
    """Return why nnU-Net does not compile here, or None if it does."""
    import torch
    from nnunetv2.training.nnUNetTrainer.nnUNetTrainer import nnUNetTrainer

    asking = SimpleNamespace(device=torch.device(device), print_to_log_file=lambda text: None)
    if nnUNetTrainer._do_i_compile(asking):
        return None if torch.cuda.is_available() else "not tried: there is no CUDA device"
    if device == "cuda" and os.name != "nt":
        return f"switched off by nnUNet_compile={os.environ['nnUNet_compile']}"
    return f"not tried: nnU-Net does not compile on {device if device != 'cuda' else 'Windows'}"


@contextlib.contextmanager
def _empty_caches() -> Iterator[None]:
    """Give torch and triton a temporary folder for what they compile."""
    before = {name: os.environ[name] for name in CACHES if name in os.environ}
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        os.environ.update(dict.fromkeys(CACHES, folder))
        try:
            yield
        finally:
            for name in CACHES:
                os.environ.pop(name, None)
            os.environ.update(before)


def diagnose(name: str, check: Callable[[str], str], device: str) -> bool:
    """Run one check, print its result (and, if it failed, the cure on a second line), and return whether it passed."""
    try:
        print(f"ok      {name}: {check(device)}", flush=True)
        return True
    except CheckFailed as failure:
        problem, cure = str(failure), failure.cure
    except Exception as error:  # a broken installation can raise anything, and the other checks still have to run
        problem, cure = (
            f"{type(error).__name__}: {error}",
            "mend what failed above; if nothing did, report this as a bug",
        )
    print(f"failed  {name}: {problem}\n        cure: {cure}", flush=True)
    return False


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `nnunet_taichi doctor`."""
    add_device(parser, "mps")


def run(args: argparse.Namespace) -> int:
    """Run every check, and return 1 if any failed."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # users cannot mend deprecations inside torch and timm
        device = args.device or _default_device()
        passed = [diagnose(name, check, device) for name, check in CHECKS.items()]
    return 0 if all(passed) else 1


def _default_device() -> str:
    with contextlib.suppress(Exception):  # check_torch reports a torch that cannot be imported
        import torch

        return "cuda" if torch.cuda.is_available() else "cpu"
    return "cpu"


def _phantom_batch() -> "tuple[torch.Tensor, torch.Tensor]":
    """Draw images and masks as two float32 tensors (2, 1, 64, 64), images in [0, 1]."""
    import numpy as np
    import torch

    from nnunet_taichi.phantoms import phantom

    rng = np.random.default_rng(0)
    pairs = zip(*(phantom(rng, size=64) for _ in range(2)), strict=True)
    images, masks = (torch.from_numpy(np.stack(arrays)[:, None].astype(np.float32)) for arrays in pairs)
    return images / 255, masks
