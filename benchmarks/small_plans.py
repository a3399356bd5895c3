"""Plans of a small scale: those of a data set with half the widths and batches of 8, and Slim plans like them.

    nnunet_taichi convert busi SRC -d 164 --resize 64 -n BUSI64
    nnUNetv2_plan_and_preprocess -d 164 -c 2d
    python benchmarks/small_plans.py -d 164

`nnUNetPlansSmall` and `nnUNetTaichiSlimPlansSmall` use the preprocessed data of `nnUNetPlans`.
"""

import argparse
import json
import subprocess
from pathlib import Path

from nnunetv2.paths import nnUNet_preprocessed
from nnunetv2.utilities.dataset_name_id_conversion import maybe_convert_to_dataset_name

SOURCE, SMALL, SLIM = "nnUNetPlans", "nnUNetPlansSmall", "nnUNetTaichiSlimPlansSmall"
BATCH_SIZE = 8


def main() -> None:
    """Write both plans of a data set."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-d", type=int, required=True, help="dataset id")
    dataset = parser.parse_args().d
    folder = Path(str(nnUNet_preprocessed)) / maybe_convert_to_dataset_name(dataset)
    plans = json.loads((folder / f"{SOURCE}.json").read_text())
    configuration = plans["configurations"]["2d"]
    kwargs = configuration["architecture"]["arch_kwargs"]
    kwargs["features_per_stage"] = [width // 2 for width in kwargs["features_per_stage"]]
    configuration["batch_size"] = BATCH_SIZE
    plans["configurations"], plans["plans_name"] = {"2d": configuration}, SMALL
    (folder / f"{SMALL}.json").write_text(json.dumps(plans, indent=4) + "\n")
    planner = ["-pl", "nnUNetPlannerTaichiSlim", "--like", SMALL, "-overwrite_plans_name", SLIM]
    subprocess.run(["nnunet_taichi", "plan", "-d", str(dataset), "-c", "2d", *planner], check=True)


if __name__ == "__main__":
    main()
