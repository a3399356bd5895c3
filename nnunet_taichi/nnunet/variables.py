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
    """Refuse to go on where nnU-Net would fail later, and less clearly.

    Raises:
        ValueError: one of these environment variables is not set.
    """
    if missing := [name for name in names if not os.environ.get(name)]:
        raise ValueError(f'{", ".join(missing)} not set. Run: eval "$(nnunet_taichi env)"')


def with_ext_folder(current: str) -> str:
    """Add the trainers' folder to a value of nnUNet_extTrainer, behind the folders it holds and only once."""
    folders = [folder for folder in current.split(os.pathsep) if folder.strip()]
    if not holds_ext_folder(current):
        folders.append(EXT_FOLDER)
    return os.pathsep.join(folders)


def holds_ext_folder(current: str) -> bool:
    """Say whether a value of nnUNet_extTrainer holds this installation's trainers' folder."""
    return any(
        os.path.normcase(os.path.realpath(folder)) == os.path.normcase(EXT_FOLDER)
        for folder in current.split(os.pathsep)
        if folder.strip()
    )


def unset_data_variables(environ: Mapping[str, str]) -> list[str]:
    """Name the host's data variables that are unset or empty."""
    return [name for name in DATA_VARIABLES if not environ.get(name)]
