"""nnU-Net's environment variables: its three folders, and where it looks for outside trainers.

Standard library only: `nnunet_taichi env` sits in shell start-up files, so it must be instant.
"""

import os
from collections.abc import Mapping
from pathlib import Path

EXT_FOLDER = str(Path(__file__).resolve().parents[1] / "ext")
EXT_VARIABLE = "nnUNet_extTrainer"
DATA_VARIABLES = ("nnUNet_raw", "nnUNet_preprocessed", "nnUNet_results")


def require_variables(*names: str) -> None:
    """Check that environment variables are set: without them, nnU-Net would fail later, and less clearly.

    Raises:
        ValueError: One of these variables is not set.
    """
    if missing := [name for name in names if not os.environ.get(name)]:
        raise ValueError(f'{", ".join(missing)} not set. Run: eval "$(nnunet_taichi env)"')


def with_ext_folder(current: str) -> str:
    """Append the folder of our trainers to a value of nnUNet_extTrainer, unless the value holds it already."""
    folders = [folder for folder in current.split(os.pathsep) if folder.strip()]
    if not holds_ext_folder(current):
        folders.append(EXT_FOLDER)
    return os.pathsep.join(folders)


def holds_ext_folder(current: str) -> bool:
    """Tell whether a value of nnUNet_extTrainer holds the folder of this installation's trainers."""
    return any(
        os.path.normcase(os.path.realpath(folder)) == os.path.normcase(EXT_FOLDER)
        for folder in current.split(os.pathsep)
        if folder.strip()
    )


def unset_data_variables(environ: Mapping[str, str]) -> list[str]:
    """Return the names of nnU-Net's folder variables that are unset or empty."""
    return [name for name in DATA_VARIABLES if not environ.get(name)]
