"""Score the finished trainings of a benchmark on another data set, which no fold saw; `per_case.csv` grows by them.

    nnunet_taichi convert tn-scui SRC -d 165 --resize 64 -n DDTI64
    python benchmarks/protocol/outside.py benchmarks/protocol/primary.yaml -d 165 -o benchmarks/results/tn-scui/small

Each fold's model predicts every image, by nnUNetv2_predict. `table.py` then tells how they compare.
"""

import argparse
import subprocess
import tempfile
from pathlib import Path

from collect import add, finished, write_groups
from nnunetv2.paths import nnUNet_raw
from nnunetv2.utilities.dataset_name_id_conversion import maybe_convert_to_dataset_name

from nnunet_taichi.evaluation.runs import folder_runs
from nnunet_taichi.evaluation.scoring import CASE_COLUMNS, score


def main() -> None:
    """Add the trainings that are not there yet."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("plan", type=Path, help="PLAN.yaml of nnunet_taichi benchmark")
    parser.add_argument("-d", type=int, required=True, help="id of the other data set")
    parser.add_argument("-o", type=Path, required=True, help="folder of the results")
    args = parser.parse_args()
    args.o.mkdir(parents=True, exist_ok=True)
    dataset = maybe_convert_to_dataset_name(args.d)
    raw = Path(str(nnUNet_raw)) / dataset
    for cell, fold_folder in finished(args.plan, args.o / "per_case.csv"):
        trainer, plans, configuration, fold = cell
        model = ["-d", fold_folder.parent.parent.name, "-tr", trainer, "-p", plans, "-c", configuration, "-f", fold]
        with tempfile.TemporaryDirectory() as folder:
            command = ["nnUNetv2_predict", "-i", str(raw / "imagesTr"), "-o", folder, *model, "-device", "cpu"]
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
            cases = score(folder_runs([(trainer, Path(folder))], raw / "labelsTr"), 1)[list(CASE_COLUMNS)]
        add(args.o / "per_case.csv", cases.assign(plans=plans, configuration=configuration, fold=fold))
        write_groups(dataset, args.o / "groups.csv")
        print(*cell, f"{cases['dice'].mean():.4f}")


if __name__ == "__main__":
    main()
