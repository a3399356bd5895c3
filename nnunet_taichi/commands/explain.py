"""`nnunet_taichi explain`: the outputs of a trained TaiChiNet's two paths, and how well disagreement tells errors."""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

import torch
from nnunetv2.paths import nnUNet_preprocessed, nnUNet_raw
from nnunetv2.utilities.file_path_utilities import get_output_folder
from tqdm import tqdm

from nnunet_taichi.commands.arguments import add_fold_of_a_model, choose_device
from nnunet_taichi.config import OUTPUTS
from nnunet_taichi.explanation.cases import CaseFiles, find_cases, validation_cases
from nnunet_taichi.explanation.measures import SHOWN_SCORES, Measures
from nnunet_taichi.explanation.pictures import PANELS
from nnunet_taichi.explanation.training_maps import find_maps
from nnunet_taichi.explanation.two_paths import TwoPathModel
from nnunet_taichi.explanation.writing import choose_cases, write_pictures
from nnunet_taichi.nnunet.folds import read_state, train_command
from nnunet_taichi.nnunet.variables import DATA_VARIABLES, EXT_VARIABLE, require_variables
from nnunet_taichi.runtime.files import without_nan, write_whole
from nnunet_taichi.runtime.markdown import markdown_table

PICTURES = 12  # number of cases to draw if the user names none


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `nnunet_taichi explain`, named as in nnU-Net."""
    add_fold_of_a_model(parser, "trainer")
    parser.add_argument(
        "-chk",
        default="checkpoint_final.pth",
        metavar="CHECKPOINT",
        help="file name of the checkpoint in the fold's folder (default: %(default)s)",
    )
    output_help = "folder to write to (default: explanation/ in the fold's folder)"
    parser.add_argument("-o", type=Path, metavar="OUT", help=output_help)
    parser.add_argument(
        "cases",
        nargs="*",
        metavar="CASE",
        help="cases of the data set to measure and draw; without any, all validation cases of the fold are measured, "
        f"and {PICTURES} of them are drawn: half the most, half the least uncertain",
    )


def run(args: argparse.Namespace) -> int:
    """Explain the model of a fold, print the results and the paths of the files, and return the exit code."""
    require_variables(*DATA_VARIABLES, EXT_VARIABLE)
    folder = _explain(args)
    explanation = json.loads((folder / "explanation.json").read_text())
    print("\n".join(describe(explanation)))
    for file in ("explanation.json", "explanation.csv", *(figure["file"] for figure in explanation["figures"])):
        print(folder / file)
    print(f"{folder / 'cases'}: {len(explanation['cases'])} pictures")
    return 0


def _explain(args: argparse.Namespace) -> Path:
    """Measure all cases, draw some, write everything, and return the folder."""
    model_folder = Path(get_output_folder(args.d, args.tr, args.p, args.c))
    fold_folder = model_folder / f"fold_{args.f}"
    folder = args.o or fold_folder / "explanation"
    model = TwoPathModel(model_folder, args.f, args.chk, torch.device(choose_device(args.device)))
    files = _find_files(args, model, fold_folder)
    measures = Measures()
    for file in tqdm(files.values(), desc="cases"):
        measures.add(model.predict(file))
    drawn = [files[name] for name in (files if args.cases else choose_cases(measures.images, PICTURES))]
    (folder / "explanation.json").unlink(missing_ok=True)  # an old one beside new pictures would mislead
    preprocessed = Path(nnUNet_preprocessed) / model.plans.dataset_name / model.configuration.data_identifier
    explanation = {
        **{"trainer": args.tr, "plans": args.p, "configuration": args.c, "fold": args.f, "checkpoint": args.chk},
        **measures.summary(),
        **write_pictures(model, drawn, measures, find_maps(fold_folder), preprocessed, folder),
    }
    write_whole(folder / "explanation.csv", measures.table.to_csv(index=False, lineterminator="\n"))
    write_whole(folder / "explanation.json", json.dumps(without_nan(explanation), indent=1))
    return folder


def _find_files(args: argparse.Namespace, model: TwoPathModel, fold_folder: Path) -> dict[str, CaseFiles]:
    """Return the files of the named cases, or else of all validation cases; warn if training may have seen some.

    Raises:
        ValueError: No case was named, and the validation cases of the fold are not known.
    """
    validated = validation_cases(fold_folder, model.dataset_json["file_ending"])
    names = args.cases or validated
    if not names:
        state = read_state(fold_folder)
        command = train_command(args.d, args.tr, args.p, args.c, args.f, state.flag)
        raise ValueError(
            f"{fold_folder} {state.text}, so its validation cases are not known. Run {command}, or name the cases to "
            "explain."
        )
    files = find_cases(names, Path(nnUNet_raw) / model.plans.dataset_name, model.dataset_json)
    if args.f == "all" or not files.keys() <= set(validated):
        print(
            "warning: the model may have been trained on some of these cases, and so may know their ground truth",
            file=sys.stderr,
        )
    return files


def describe(explanation: dict[str, Any]) -> list[str]:
    """Summarise explanation.json in lines of text."""
    outputs, risk = explanation["outputs"], explanation["risk_coverage"]
    scores = {OUTPUTS[name]: [outputs[name][f"{metric}_mean"] for metric in SHOWN_SCORES] for name in PANELS}
    worth = {
        "disagreement": [*_aurocs(explanation["auroc"]), risk["aurc"]],
        "fused probability": [*_aurocs(explanation["auroc_baseline"]), risk["aurc_baseline"]],
    }
    better, defined = explanation["auroc"]["better_than_baseline"], explanation["auroc"]["n"]
    return [
        _table(
            f"mean over {outputs['fused']['n']} cases with a lesion",
            [metric.capitalize() for metric in SHOWN_SCORES],
            scores,
        ),
        "",
        _table("how well errors are told by", ["AUROC of all pixels", "AUROC per image", "AURC"], worth),
        "",
        f"AURC at random {risk['random']:.3f}, at best {risk['oracle']:.3f}. Disagreement has a higher AUROC than "
        f"the fused probability in {better} of {defined}.",
        *explanation["notes"],
        "",
    ]


def _aurocs(auroc: dict[str, Any]) -> list[float | None]:
    return [auroc["pixels"], auroc["per_case_mean"]]


def _table(corner: str, columns: list[str], rows: dict[str, list[float | None]]) -> str:
    """Return a Markdown table of numbers, with a dash for each undefined one."""
    cells = [[name, *("-" if value is None else f"{value:.3f}" for value in values)] for name, values in rows.items()]
    return markdown_table([[corner, *columns], *cells])
