"""What a conversion prints at its end."""

import shlex
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from nnunetv2.paths import nnUNet_preprocessed

from nnunet_taichi.dataset_conversion.case import Case
from nnunet_taichi.dataset_conversion.findings import Findings
from nnunet_taichi.dataset_conversion.new_images import find_fit
from nnunet_taichi.dataset_conversion.raw_dataset import RawDataset
from nnunet_taichi.dataset_conversion.splits import FOLDS


def report(dataset: RawDataset, findings: Findings, target: Path, dataset_id: int, *, random_splits: bool) -> None:
    """Print what was written, what was tolerated, and the next command."""
    count = f"{len(dataset.training)} cases" + (f" and {len(dataset.test)} for testing" if dataset.test else "")
    print(f"{count} in {target}")
    kept = "; no fold divides one" if dataset.folds and not findings.folds else ""
    _print_composition([*dataset.training, *dataset.test], kept)
    _print_tolerated(dataset.tolerated)
    if findings.left_out:
        shown = ", ".join(findings.left_out[:3]) + (", ..." if findings.left_out[3:] else "")
        print(f"Left out ({len(findings.left_out)}): {shown}")
    if dataset.twins:
        print(f"Twins: {sum(map(len, dataset.twins))} images in {len(dataset.twins)} groups{kept}")
    if nnUNet_preprocessed.is_set() and (outdated := Path(nnUNet_preprocessed) / target.name).exists():
        print(f"First delete {outdated}: it was preprocessed from an earlier copy.")
    if findings.folds and dataset.folds:
        print("Folds: 1, the data set's own partition; train -f 0, no other")
    elif 0 < len(dataset.folds) < FOLDS:
        print(f"Folds: {len(dataset.folds)}, for there are no more groups; train no other (nnU-Net would make it up)")
    elif not dataset.folds and not random_splits:
        print("Folds: none, for twins or patients join all images; nnU-Net would divide them at random")
    print(f"Next: nnUNetv2_plan_and_preprocess -d {dataset_id} -c 2d --verify_dataset_integrity")


def _print_composition(cases: Sequence[Case], kept: str) -> None:
    """Print the classes, which the folds balance, and the patients, whose images they keep together."""
    classes = Counter(case.stratum for case in cases if case.stratum)
    patients = {case.group for case in cases if case.group}
    if classes:
        print(f"Classes: {', '.join(f'{count} {name}' for name, count in sorted(classes.items()))}")
    if patients:
        print(f"Patients: {len(patients)}{kept}")


def report_new_images(count: int, tolerated: Mapping[str, Sequence[str]], target: Path, dataset_id: int) -> None:
    """Print how many new images were written, what was tolerated, and how to predict them."""
    print(f"{count} images in {target}")
    if not find_fit(dataset_id).is_size_known:
        print("Sizes are kept: dataset.json does not say whether the data set was resized")
    _print_tolerated(tolerated)
    options = f"-i {shlex.quote(str(target))} -o OUT -d {dataset_id} -c 2d -f 0 -tr nnUNetTrainerTaichi"
    print(f"Next: nnUNetv2_predict {options}   (with your -tr, -p and -f; without a GPU also -device cpu)")


def _print_tolerated(tolerated: Mapping[str, Sequence[str]]) -> None:
    """Print each note on what was tolerated, with the first of the files that it is about."""
    for note, names in tolerated.items():
        files = f" ({len(names)}: {', '.join(names[:3])}{', ...' if names[3:] else ''})" if names else ""
        print(f"Tolerated: {note}{files}")
