"""The doctor's checks of the installation: nnU-Net, torch, Python, and whether nnU-Net finds our trainers.

A check is a function of the device that returns what it found, or raises `CheckFailed`.
"""

import contextlib
import importlib
import importlib.metadata
import io
import os
import re
import sys
from types import ModuleType

from nnunet_taichi.nnunet.variables import EXT_FOLDER, EXT_VARIABLE, holds_ext_folder

TRAINER = "nnUNetTrainerTaichi"
SET_VARIABLES = 'in this shell, run: eval "$(nnunet_taichi env)" (other shells: nnunet_taichi env --help)'
REINSTALL_TORCH = (
    "install the two as a pair, in one command and from one index: pip uninstall -y torch torchvision, then "
    "pip install 'torch!=2.9.*' torchvision. For a CPU-only torch, name its index in that command for both"
)


class CheckFailed(Exception):  # noqa: N818 - it is a finding, not an error
    """What a check found wrong, and how to mend it."""

    def __init__(self, problem: str, cure: str) -> None:
        super().__init__(problem)
        self.cure = cure


def check_host(device: str) -> str:
    """Check that nnU-Net is >=2.8,<3: it looks for trainers outside itself, and has the interface that we extend."""
    cure = "pip install 'nnunetv2>=2.8,<3'"
    try:
        version = importlib.metadata.version("nnunetv2")
    except importlib.metadata.PackageNotFoundError:
        raise CheckFailed("nnunetv2 is not installed", cure) from None
    major, minor = re.findall(r"\d+", version)[:2]
    if int(major) != 2 or int(minor) < 8:
        raise CheckFailed(f"nnunetv2 {version} is not >=2.8,<3", cure)
    return f"nnunetv2 {version}"


def check_torch(device: str) -> str:
    """Check that torch and torchvision were built for each other: nnU-Net imports both, through timm."""
    torch = _import_or_fail("torch")
    if torch.__version__.startswith("2.9."):
        raise CheckFailed(f"torch {torch.__version__}: nnunetv2 excludes torch 2.9", REINSTALL_TORCH)
    torchvision = _import_or_fail("torchvision")
    return f"torch {torch.__version__}, torchvision {torchvision.__version__}"


def check_distutils(device: str) -> str:
    """Check that nnU-Net's preprocessing can import distutils, which only setuptools provides since Python 3.12."""
    version = ".".join(map(str, sys.version_info[:3]))
    try:
        importlib.import_module("distutils.file_util")
    except ImportError:
        raise CheckFailed(
            f"Python {version} has no distutils, which nnU-Net imports", "pip install setuptools"
        ) from None
    return f"Python {version}"


def check_ext_variable(device: str) -> str:
    """Check that nnU-Net's variable for outside trainers holds this installation's folder."""
    value = os.environ.get(EXT_VARIABLE, "")
    if not holds_ext_folder(value):
        raise CheckFailed(f"{EXT_VARIABLE} ({value or 'not set'}) does not hold {EXT_FOLDER}", SET_VARIABLES)
    return EXT_FOLDER


def check_lookup(device: str) -> str:
    """Check that nnU-Net's own look-up finds the trainer."""
    from nnunetv2.utilities.find_objects import recursive_find_trainer_class_by_name

    with contextlib.redirect_stdout(io.StringIO()):
        try:
            trainer = recursive_find_trainer_class_by_name(TRAINER)
        except RuntimeError as error:
            if "Could not find" not in str(error):  # a torchvision built for another torch raises one, too
                raise
            raise CheckFailed(f"nnU-Net does not find {TRAINER}", SET_VARIABLES) from None
    return f"{trainer.__module__}.{trainer.__name__}"


def _import_or_fail(name: str) -> ModuleType:
    try:
        return importlib.import_module(name)
    except Exception as error:  # a torchvision built for another torch: RuntimeError, OSError or ImportError
        raise CheckFailed(f"import {name}: {type(error).__name__}: {error}", REINSTALL_TORCH) from None
