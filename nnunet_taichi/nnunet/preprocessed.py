"""Which preprocessed data of a data set are complete, and which of them other plans use too."""

from collections.abc import Sequence
from pathlib import Path

from nnunetv2.paths import nnUNet_preprocessed
from nnunetv2.utilities.dataset_name_id_conversion import convert_id_to_dataset_name
from nnunetv2.utilities.plans_handling.plans_handler import PlansManager

from nnunet_taichi.nnunet.json_files import read_json


def is_complete(folder: Path, data_identifier: str) -> bool:
    """Tell whether all cases are preprocessed: an interruption leaves only some.

    Args:
        folder: Folder of the data set in nnUNet_preprocessed.
        data_identifier: Name of the folder in it that plans give for a configuration.
    """
    fingerprint = read_json(folder / "dataset_fingerprint.json")
    spacings = fingerprint.get("spacings") if isinstance(fingerprint, dict) else None
    cases = len(spacings) if isinstance(spacings, list) else 0
    # nnU-Net writes the properties of a case last, and copies the ground truth when all cases are written
    written = len(list((folder / data_identifier).glob("*.pkl"))), len(list((folder / "gt_segmentations").glob("*")))
    return 0 < cases <= min(written)


def find_shared(dataset_id: int, plans: str, configurations: Sequence[str]) -> dict[str, str]:
    """Find the complete data that these plans share with other plans.

    Trainings with the other plans may be reading the data, and nnU-Net deletes a folder before it fills it anew.

    Args:
        dataset_id: Number of the data set.
        plans: Name of the plans.
        configurations: Names of the configurations to look at.

    Returns:
        Names of the folders, by configuration. A folder named after these plans is not shared, and is left out.
    """
    folder = Path(nnUNet_preprocessed, convert_id_to_dataset_name(dataset_id))
    manager = PlansManager(str(folder / f"{plans}.json"))
    identifiers = {name: manager.get_configuration(name).data_identifier for name in configurations}
    return {
        name: identifier
        for name, identifier in identifiers.items()
        if not identifier.startswith(f"{plans}_") and is_complete(folder, identifier)
    }
