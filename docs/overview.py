"""Draw the picture of the README: what both paths of a trained TaiChiNet say of a phantom.

python -c "from nnunet_taichi.phantoms import write_phantoms; write_phantoms('P', 60, 40, 20, size=128)"
nnunet_taichi convert busi P -d 910 -n Phantoms --with-normal
nnUNetv2_plan_and_preprocess -d 910 -c 2d && nnunet_taichi plan -d 910 -c 2d -pl nnUNetPlannerTaichiSlim
nnUNetv2_train 910 2d 0 -tr nnUNetTrainerTaichi_AdamW_16epochs_50iterations_seed1 -p nnUNetTaichiSlimPlans
python docs/overview.py MODEL_FOLDER CASE

The training has 128 x 128 pixels and takes some minutes on a CPU (`-device cpu`); CASE is one of its validation cases.
The picture that is there shows malignant_002, by `-chk checkpoint_best.pth` after 7 of the 16 epochs.
"""

import argparse
from pathlib import Path

import torch
from nnunetv2.paths import nnUNet_raw

from nnunet_taichi.config import OUTPUTS
from nnunet_taichi.explanation.cases import find_cases
from nnunet_taichi.explanation.two_paths import PredictedCase, TwoPathModel
from nnunet_taichi.figures.panels import Page

FILE = Path(__file__).with_name("overview.png")


def draw(case: PredictedCase) -> Page:
    """Draw image, lesion path, background path, fused output and disagreement, side by side."""
    page = Page(case.image.shape[2:], case.spacing[1:], ["panels", "bars"], "")
    truth = {"truth": case.truth[0, 0]}
    page.panel(0, 0, case.image[0, 0], "gray", outlines=truth, title="image, and the true outline")
    for column, output in enumerate(("lesion", "background", "fused"), 1):
        probability = case.probabilities[output][0, 0]
        page.panel(0, column, probability, "viridis", (0, 1), truth, OUTPUTS[output])
    largest = float(case.disagreement.max())
    page.panel(0, 4, case.disagreement[0, 0], "inferno", (0, largest), truth, "disagreement")
    page.bar(1, range(1, 4), "viridis", (0, 1), "probability of the lesion")
    page.bar(1, range(4, 5), "inferno", (0, largest), "of the two paths")
    return page


def main() -> None:
    """Predict the case and write the picture."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path)
    parser.add_argument("case")
    parser.add_argument("-chk", default="checkpoint_final.pth")
    args = parser.parse_args()
    model = TwoPathModel(args.model, "0", args.chk, torch.device("cpu"))
    files = find_cases([args.case], Path(nnUNet_raw, model.plans.dataset_name), model.dataset_json)
    draw(model.predict(files[args.case])).figure.savefig(FILE, dpi=160, bbox_inches="tight")
    print(FILE)


if __name__ == "__main__":
    main()
