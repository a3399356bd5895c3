"""`nnunet_taichi demo`: all steps on phantoms, from images to a table of Dice, in minutes on two CPU cores."""

import argparse
import shlex
from collections.abc import Mapping
from pathlib import Path

from nnunet_taichi.commands.arguments import add_device, choose_device
from nnunet_taichi.nnunet.runner import CommandRunner, Cost, isolated_environment
from nnunet_taichi.runtime.files import whole

DATASET_ID, DATASET_NAME = 900, "Phantoms"
NEW_ID, NEW_NAME = 901, "NewPhantoms"
PLANNER = "nnUNetPlannerTaichiSlim"
PLANS = {"nnUNetTrainer": "nnUNetPlans", "nnUNetTrainerTaichi": "nnUNetTaichiSlimPlans"}  # of equal cost
EPOCHS, ITERATIONS = 4, 40  # EPOCHS is a multiple of four: the first stage takes a quarter of them
SIZE = 80
MAP_COLUMNS = 8  # training cases on the contact sheet

# Starting a worker would take longer than all of the work.
PLANNING_WORKERS, PREDICTION_WORKERS = ("-npfp", 1, "-np", 1), ("-npp", 1, "-nps", 1)
SETTINGS = {
    "nnUNet_def_n_proc": "1",
    "nnUNet_n_proc_DA": "2",
    "nnUNet_compile": "f",  # compiling would take longer than the training
    "OMP_WAIT_POLICY": "PASSIVE",  # spinning threads would starve the data workers
}

NOTES = """\
Dice: mean over the images with a lesion. False alarms: images without a lesion in which something was found.
Training: elapsed seconds of nnUNetv2_train. CPU: its CPU seconds on all cores together. Both include start and
validation.
This shows that everything runs, what it costs, and that both learn. It does not show which is better: that takes real
images, all folds, full-length trainings and several seeds."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `nnunet_taichi demo`."""
    parser.add_argument(
        "--out",
        type=Path,
        default=Path("nnunet_taichi_demo"),
        metavar="DIR",
        help="a new or empty folder for all that the demo makes (default: ./nnunet_taichi_demo); your own nnUNet_* "
        "variables and folders are neither used nor touched",
    )
    add_device(parser)


def run(args: argparse.Namespace) -> int:
    """Run the demo; return 1 if a command failed or the folder is in use."""
    out = args.out.expanduser().resolve()
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise ValueError(f"{out} is not an empty folder: remove it, or choose another with --out")
    device = choose_device(args.device)
    out.mkdir(parents=True, exist_ok=True)
    environment = isolated_environment(out) | SETTINGS
    _print_settings(out, environment)
    command = CommandRunner(environment, out / "logs")
    _prepare(command, out)
    costs = _train_and_predict(command, out, device)
    which = ("-d", DATASET_ID, "-c", "2d", "-f", 0, "-tr", *map(_recipe, PLANS), "-p", *PLANS.values())
    command("nnunet_taichi", "compare", *which, "-o", out / "comparison", "-np", 1)
    _report(out, costs)
    return 0


def _print_settings(out: Path, environment: Mapping[str, str]) -> None:
    """Print where everything goes, and the settings as shell lines, so that users can repeat each command by hand."""
    print(f"Everything goes to {out}; your own nnUNet_* variables are not used. The commands run with:")
    for name in sorted(name for name in environment if name.startswith("nnUNet_") or name in SETTINGS):
        print(f"export {name}={shlex.quote(environment[name])}")
    print("\nAll this takes about five minutes on two CPU cores.\n", flush=True)


def _prepare(command: CommandRunner, out: Path) -> None:
    """Draw phantoms, convert them into a data set to train on and one of new images, and plan and preprocess."""
    from nnunet_taichi.phantoms import write_phantoms

    known = write_phantoms(out / "phantoms", benign=20, malignant=12, normal=8, size=SIZE, seed=0)
    new = write_phantoms(out / "new_phantoms", benign=4, malignant=2, normal=2, size=SIZE, seed=1)
    command("nnunet_taichi", "convert", "busi", known, "-d", DATASET_ID, "-n", DATASET_NAME, "--with-normal", "-np", 2)
    command("nnunet_taichi", "convert", "busi", new, "-d", NEW_ID, "-n", NEW_NAME, "--with-normal", "-np", 2)
    command(
        "nnUNetv2_plan_and_preprocess", "-d", DATASET_ID, "-c", "2d", "--verify_dataset_integrity", *PLANNING_WORKERS
    )
    command("nnunet_taichi", "plan", "-d", DATASET_ID, "-c", "2d", "-pl", PLANNER, "-npfp", 1)


def _train_and_predict(command: CommandRunner, out: Path, device: str) -> dict[str, Cost]:
    """Train each trainer on fold 0, score it on the new images, and return the cost of each training."""
    new, costs = _raw(out, NEW_ID, NEW_NAME), {}
    for base, plans in PLANS.items():
        trainer = _recipe(base)
        which = ("-tr", trainer, "-p", plans, "-device", device)
        costs[base] = command("nnUNetv2_train", DATASET_ID, "2d", 0, *which)
        predictions = out / "predictions" / trainer
        images = ("-i", new / "imagesTr", "-o", predictions)
        command("nnUNetv2_predict", *images, "-d", DATASET_ID, "-c", "2d", "-f", 0, *which, *PREDICTION_WORKERS)
        command("nnUNetv2_evaluate_simple", new / "labelsTr", predictions, "-l", 1)
    return costs


def _recipe(trainer: str) -> str:
    """Return the name of a trainer's short version."""
    return f"{trainer}_{EPOCHS}epochs_{ITERATIONS}iterations"


def _report(out: Path, costs: Mapping[str, Cost]) -> None:
    """Print the table and the paths, and draw the contact sheet."""
    from nnunet_taichi.figures.contact_sheet import contact_sheet
    from nnunet_taichi.report.demo_report import (
        Result,
        format_table,
        mining_line,
        new_cases_block,
        read_scores,
        training_cases_block,
    )

    dataset = _raw(out, DATASET_ID, DATASET_NAME).name
    models = out / "nnUNet_results" / dataset
    predictions = {trainer: out / "predictions" / _recipe(trainer) for trainer in PLANS}
    results = {
        _recipe(trainer): Result(
            plans=PLANS[trainer],
            cost=costs[trainer],
            scores={
                "validation": read_scores(models / _model(trainer) / "fold_0" / "validation" / "summary.json"),
                "new": read_scores(folder / "summary.json"),
            },
        )
        for trainer, folder in predictions.items()
    }
    maps = next(models.glob("nnUNetTrainerUNetPlusPlusMiner*/fold_0/difficulty"))
    blocks = [
        new_cases_block(_raw(out, NEW_ID, NEW_NAME), predictions),
        training_cases_block(out / "nnUNet_preprocessed" / dataset / "nnUNetPlans_2d", maps, _choose_cases(maps)),
    ]
    title = f"nnunet_taichi demo: phantoms, {EPOCHS} epochs of {ITERATIONS} iterations"
    with whole(out / "contact_sheet.png") as partial:
        contact_sheet(blocks, title).savefig(partial, dpi=110)
    print(f"\n{format_table(results)}\n\n{mining_line(maps)}\n{NOTES}\n")
    print(f"comparison:    {out / 'comparison' / 'report.html'}\ncontact sheet: {out / 'contact_sheet.png'}")
    print(f"models:        {models}\npredictions:   {out / 'predictions'}")


def _raw(out: Path, dataset_id: int, name: str) -> Path:
    """Return the folder of a raw data set."""
    return out / "nnUNet_raw" / f"Dataset{dataset_id:03d}_{name}"


def _model(trainer: str) -> str:
    """Return the name of a trained model, as nnU-Net spells it."""
    return f"{_recipe(trainer)}__{PLANS[trainer]}__2d"


def _choose_cases(maps: Path) -> list[str]:
    """Choose some training cases with a lesion, benign and malignant, that have easy/hard maps."""
    cases = [path.stem for path in sorted(maps.glob("*.b2nd")) if not path.name.startswith("normal")]
    return cases[:: max(1, len(cases) // MAP_COLUMNS)][:MAP_COLUMNS]
