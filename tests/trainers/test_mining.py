import json
import os
import shutil
import subprocess
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import blosc2
import numpy as np
import pytest
import torch
from filelock import FileLock
from mining_tools import (
    checkpoint_of,
    compute_expected,
    miner_epochs,
    read_case,
    read_maps,
    record_epochs,
    retrain,
    times,
)
from nnunetv2.training.dataloading.nnunet_dataset import nnUNetDatasetBlosc2
from nnunetv2.training.nnUNetTrainer.nnUNetTrainer import nnUNetTrainer
from tiny_dataset import CASES, SPLITS

from nnunet_taichi import trainers
from nnunet_taichi.cli import main
from nnunet_taichi.nnunet.runner import find_command
from nnunet_taichi.trainers import mining

StartTrainer = Callable[..., nnUNetTrainer]

TRAINING, VALIDATION = SPLITS[0]["train"], SPLITS[0]["val"]
TAICHI = trainers.nnUNetTrainerTaichi_2epochs_2iterations_seed0
LONG = trainers.nnUNetTrainerTaichi_40epochs_1iterations_seed0  # its U-Net++ trains for several
BOTH_KINDS = pytest.mark.parametrize("dataset", ["labels", "regions"], indirect=True)


@BOTH_KINDS
def test_maps_are_equations_23_and_24_on_the_training_cases_alone(dataset: Path, start_trainer: StartTrainer) -> None:
    trainer = start_trainer(LONG)
    folder = trainer.mine()
    maps = read_maps(folder)
    assert sorted(maps) == sorted(TRAINING)
    seen = np.zeros(9, int)
    for case, codes in maps.items():
        assert codes.dtype == np.int16
        assert codes.shape == (1, 32, 32)
        expected, clear = compute_expected(dataset, trainer, checkpoint_of(folder), case)
        assert clear.mean() > 0.6
        np.testing.assert_array_equal(codes[0][clear], expected[clear])
        seen += np.bincount(codes.ravel(), minlength=9)
    assert (seen[1:] > 0).sum() >= 2  # something was found, or the comparison says little


def test_what_is_there_is_reused(dataset: Path, start_trainer: StartTrainer) -> None:
    folder = start_trainer(TAICHI).mine()
    checkpoint, before = checkpoint_of(folder).stat().st_mtime_ns, times(folder)
    assert start_trainer(TAICHI).mine() == folder
    assert checkpoint_of(folder).stat().st_mtime_ns == checkpoint
    assert times(folder) == before


def test_interrupted_writing_goes_on(dataset: Path, start_trainer: StartTrainer) -> None:
    folder = start_trainer(TAICHI).mine()
    maps, before = read_maps(folder), times(folder)
    lost = {f"{case}.b2nd" for case in TRAINING[2:4]}
    for name in (*lost, "difficulty.json"):
        (Path(folder) / name).unlink()
    (Path(folder) / "partial").mkdir(exist_ok=True)
    (Path(folder) / "partial" / f"{TRAINING[2]}.b2nd").write_bytes(b"torn")
    start_trainer(TAICHI).mine()
    after = times(folder)
    assert {name for name in after if after[name] != before[name]} == lost
    assert all(np.array_equal(maps[case], codes) for case, codes in read_maps(folder).items())
    assert (Path(folder) / "difficulty.json").is_file()


@pytest.mark.parametrize("interrupted", [False, True])
def test_maps_of_another_model_are_replaced(dataset: Path, start_trainer: StartTrainer, interrupted: bool) -> None:
    trainer = start_trainer(LONG)
    folder = trainer.mine()
    before = times(folder)
    retrain(checkpoint_of(folder))
    if interrupted:
        (Path(folder) / "difficulty.json").unlink()
    start_trainer(LONG).mine()
    assert all(time != before[name] for name, time in times(folder).items())
    for case, codes in read_maps(folder).items():
        expected, clear = compute_expected(dataset, trainer, checkpoint_of(folder), case)
        np.testing.assert_array_equal(codes[0][clear], expected[clear])


def test_changed_split_is_refused(dataset: Path, start_trainer: StartTrainer) -> None:
    """The old U-Net++ has learned from cases that now validate."""
    folder = start_trainer(TAICHI).mine()
    (dataset / "splits_final.json").write_text(json.dumps(SPLITS[::-1]))
    with pytest.raises(RuntimeError, match="split of fold 0 changed"):
        start_trainer(TAICHI).mine()
    shutil.rmtree(Path(folder).parent)
    start_trainer(TAICHI).mine()
    assert sorted(read_maps(folder)) == sorted(SPLITS[-1]["train"])


def test_corrected_labels_are_mined_again(dataset: Path, start_trainer: StartTrainer) -> None:
    folder = start_trainer(LONG).mine()
    for case in TRAINING:
        blosc2.open(str(dataset / "tiny" / f"{case}_seg.b2nd"), mode="a")[:] = 0
    trained = checkpoint_of(folder).stat().st_mtime_ns
    start_trainer(LONG).mine()
    assert not any(codes.any() for codes in read_maps(folder).values())
    assert checkpoint_of(folder).stat().st_mtime_ns == trained


@pytest.mark.parametrize("name", ["nnUNetTrainer", "nnUNetTrainerUNetPlusPlus"])
def test_a_trainer_without_maps_is_refused(dataset: Path, capsys: pytest.CaptureFixture[str], name: str) -> None:
    arguments = ["mine", "-d", "1", "-c", "2d", "-f", "0", "-device", "cpu", "-tr", name]
    assert main(arguments) == 1
    assert f"{name} is not trained from easy to hard" in capsys.readouterr().err


def test_started_miner_is_resumed(dataset: Path, start_trainer: StartTrainer, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        record_epochs(patch, stop_before=1)
        with pytest.raises(KeyboardInterrupt):
            start_trainer(LONG).mine()
    assert not list(Path(os.environ["nnUNet_results"]).rglob("difficulty"))
    epochs = record_epochs(monkeypatch)
    folder = start_trainer(LONG).mine()
    last = miner_epochs(40)
    assert last > 1
    assert epochs == list(range(1, last))
    assert torch.load(checkpoint_of(folder), weights_only=False)["current_epoch"] == last
    assert sorted(read_maps(folder)) == sorted(TRAINING)


@pytest.mark.parametrize(
    ("checkpoints", "trained"),
    [
        (("final",), []),
        (("final", "best"), []),
        (("final", "latest"), list(range(12))),  # begun anew, by hand
        ((), list(range(12))),
    ],
)
def test_the_miner_goes_on_as_its_files_say(
    dataset: Path,
    start_trainer: StartTrainer,
    monkeypatch: pytest.MonkeyPatch,
    checkpoints: tuple[str, ...],
    trained: list[int],
) -> None:
    trainer = start_trainer(LONG)
    folder = Path(trainer.mine())
    final = checkpoint_of(folder).rename(folder.parent / "kept.pth")
    for file in folder.parent.glob("checkpoint_*.pth"):
        file.unlink()
    for name in checkpoints:
        shutil.copy(final, folder.parent / f"checkpoint_{name}.pth")
    epochs = record_epochs(monkeypatch)
    assert Path(start_trainer(LONG).mine()) == folder
    assert epochs == []  # the maps are usable, without the miner too
    shutil.rmtree(folder)
    start_trainer(LONG).mine()
    assert epochs == trained


def test_mining_opens_no_validation_case(
    dataset: Path, start_trainer: StartTrainer, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = start_trainer(TAICHI).mine()
    shutil.rmtree(folder)
    for case in VALIDATION:
        for file in (dataset / "tiny").glob(f"{case}*"):
            file.write_bytes(b"not readable")
    opened = set()

    def load_case(self: nnUNetDatasetBlosc2, case: str) -> tuple:
        opened.add(case)
        return load(self, case)

    load = nnUNetDatasetBlosc2.load_case
    monkeypatch.setattr(nnUNetDatasetBlosc2, "load_case", load_case)
    start_trainer(TAICHI).mine()
    assert opened == set(TRAINING)


def test_validation_cases_have_no_influence(dataset: Path, start_trainer: StartTrainer) -> None:
    """U-Net++ is scored on them while it trains, by the host; what it learns does not depend on them."""
    folder = Path(start_trainer(TAICHI).mine())
    maps = read_maps(folder)
    shutil.rmtree(folder.parent)
    for case in VALIDATION:
        image = blosc2.open(str(dataset / "tiny" / f"{case}.b2nd"), mode="a")
        image[:] = np.random.default_rng(1).normal(size=image.shape)
    start_trainer(TAICHI).mine()
    assert any(codes.any() for codes in maps.values())
    assert all(np.array_equal(maps[case], codes) for case, codes in read_maps(folder).items())


@BOTH_KINDS
def test_training_batches_carry_the_maps(dataset: Path, start_trainer: StartTrainer) -> None:
    trainer = start_trainer(TAICHI)
    trainer.on_train_start()
    training, validation = trainer.get_tr_and_val_datasets()
    assert training.folder_with_segs_from_previous_stage == trainer.difficulty_folder
    assert validation.folder_with_segs_from_previous_stage is None
    own = 2 if trainer.label_manager.has_regions else 1
    target = next(trainer.dataloader_train)["target"]
    assert [scale.shape[1] for scale in target] == [own + 1] * len(target)
    assert [scale.shape[1] for scale in next(trainer.dataloader_val)["target"]] == [own] * len(target)


@BOTH_KINDS
def test_maps_move_with_their_images(dataset: Path, start_trainer: StartTrainer) -> None:
    """Augmentation turns image, truth and difficulty alike: easy and hard pixels stay lesion pixels."""
    trainer = start_trainer(TAICHI)
    folder = Path(trainer.mine())
    for case in TRAINING:  # all that belongs to a head is easy for it, so that the truth says what the codes must be
        segmentation = read_case(dataset, case)[1]
        has_regions = trainer.label_manager.has_regions
        codes = np.choose(np.maximum(segmentation, 0), (0, 1, 4) if has_regions else (0, 1, 3)).astype(np.int16)
        (folder / f"{case}.b2nd").unlink()
        nnUNetDatasetBlosc2.save_seg(codes, str(folder / case))
    trainer.on_train_start()
    for _ in range(10):
        target = next(trainer.dataloader_train)["target"][0].long()
        truth = target[:, 0] + 3 * target[:, 1] if has_regions else torch.tensor([0, 1, 3])[target[:, 0]]
        assert (target[:, -1] == truth).float().mean() > 0.98  # resampling may decide borders differently
        assert target[:, -1].any()


@pytest.mark.slow
def test_several_processes_at_once(dataset: Path, host_folders: Path) -> None:
    """Two folds, and one of them twice: each process ends well, and each fold is trained and mined once."""
    processes = [
        subprocess.Popen(
            [*find_command("nnunet_taichi"), *f"mine -d 1 -c 2d -f {fold} -tr {TAICHI.__name__} -device cpu".split()],
            env=dict(os.environ),
            stdout=subprocess.PIPE,
            text=True,
        )
        for fold in (0, 1, 0)
    ]
    outputs = [process.communicate(timeout=300)[0] for process in processes]
    assert [process.returncode for process in processes] == [0, 0, 0]
    assert ["epochs first" in output for output in outputs].count(True) == 2
    for fold, output in zip((0, 1, 0), outputs, strict=True):
        assert sorted(read_maps(output.splitlines()[-1])) == sorted(SPLITS[fold]["train"])


def test_fold_all_mines_every_case(dataset: Path, start_trainer: StartTrainer) -> None:
    assert sorted(read_maps(start_trainer(TAICHI, fold="all").mine())) == CASES


def test_second_training_of_a_fold_waits(
    dataset: Path, start_trainer: StartTrainer, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    trainer = start_trainer(TAICHI)
    fold_folder = Path(mining.Mining(trainer).fold_folder)
    fold_folder.mkdir(parents=True)
    epochs = record_epochs(monkeypatch)
    thread = threading.Thread(target=trainer.mine, daemon=True)
    with FileLock(fold_folder / "mining.lock"):
        thread.start()
        thread.join(1)
        assert thread.is_alive()
        assert not epochs
    thread.join(60)
    assert not thread.is_alive()
    assert f"Waiting for another process that holds {fold_folder}" in capfd.readouterr().out
    assert sorted(read_maps(fold_folder / "difficulty")) == sorted(TRAINING)


def test_nearly_empty_sets_are_warned_about(dataset: Path, start_trainer: StartTrainer) -> None:
    trainer = start_trainer(LONG)
    folder = trainer.mine()
    checkpoint = checkpoint_of(folder)
    content = torch.load(checkpoint, weights_only=False)
    for name, weight in content["network_weights"].items():
        if "seg_layers" in name and name.endswith("bias"):
            weight.copy_(torch.tensor([1000.0, 0, 0]))  # background everywhere
    torch.save(content, checkpoint)
    log_file = Path(trainer.log_file)
    log_file.unlink()
    trainer.mine()
    pixels = json.loads((Path(folder) / "difficulty.json").read_text())["pixels"]
    assert pixels["easy"] == pixels["hard"] == [0, 0]
    assert min(pixels["lesion"]) > 0
    assert "WARNING: the easy set of head 0 is nearly empty" in log_file.read_text()


@pytest.mark.parametrize(
    ("config", "miner"),
    [
        ({}, "nnUNetTrainerUNetPlusPlusMiner_4epochs"),
        ({"miner_width": 0.3}, "nnUNetTrainerUNetPlusPlusMiner_Width30_4epochs"),
        ({"miner_width": 1.0, "miner_fraction": 0.5}, "nnUNetTrainerUNetPlusPlus_6epochs"),
    ],
)
def test_the_configuration_names_the_miner(
    dataset: Path, start_trainer: StartTrainer, config: dict, miner: str
) -> None:
    trainer = start_trainer(trainers.nnUNetTrainerTaichi_12epochs)
    found = mining.find_miner(type(trainer), replace(trainer.config, **config), trainer.num_epochs)
    assert found.__name__ == miner
    assert found is getattr(trainers, miner)


class Before(trainers.nnUNetTrainerTaichi_3epochs_1iterations_seed0):
    """The trainer as it was when the full U-Net++ mined."""

    config = replace(trainers.nnUNetTrainerTaichi.config, miner_width=1.0, miner_fraction=0.5)


def start_before(start_trainer: StartTrainer, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Begin a training as it was then, interrupt it, and return its folder."""
    Before.__name__ = trainers.nnUNetTrainerTaichi_3epochs_1iterations_seed0.__name__
    trainer = start_trainer(Before)
    trainer.mine()
    with monkeypatch.context() as patch:
        record_epochs(patch, stop_before=1)
        with pytest.raises(KeyboardInterrupt):
            trainer.run_training()
    folder = Path(trainer.output_folder)
    record = json.loads((folder / "taichi_config.json").read_text())
    del record["miner_width"]  # which had no name
    (folder / "taichi_config.json").write_text(json.dumps(record))
    return folder


@pytest.mark.parametrize("goes_on", [True, False])
def test_a_training_goes_on_with_the_miner_that_it_began_with(
    dataset: Path, start_trainer: StartTrainer, monkeypatch: pytest.MonkeyPatch, goes_on: bool
) -> None:
    folder = start_before(start_trainer, monkeypatch)
    old = folder.parents[1] / "nnUNetTrainerUNetPlusPlus_2epochs_1iterations_seed0__nnUNetPlans__2d" / "fold_0"
    before = times(old / "difficulty")
    assert len(before) == len(TRAINING)
    trainer = start_trainer(trainers.nnUNetTrainerTaichi_3epochs_1iterations_seed0, goes_on=goes_on)
    if goes_on:
        trainer.load_checkpoint(str(folder / "checkpoint_latest.pth"))
    trainer.run_training()
    assert (trainer.difficulty_folder == str(old / "difficulty")) == goes_on
    assert times(old / "difficulty") == before
    names = {path.name.split("__")[0] for path in folder.parents[1].iterdir()}
    new = "nnUNetTrainerUNetPlusPlusMiner_1epochs_1iterations_seed0"
    assert (new in names) == (not goes_on)
    again = start_trainer(trainers.nnUNetTrainerTaichi_3epochs_1iterations_seed0, goes_on=True)
    assert mining.Mining(again).fold_folder == str(Path(trainer.difficulty_folder).parent)  # however often it goes on


def test_repeating_a_validation_keeps_the_record_of_the_maps(dataset: Path, start_trainer: StartTrainer) -> None:
    """`--c` of a finished training writes nnU-Net's debug.json anew, where `explain` finds the folder."""
    name = trainers.nnUNetTrainerTaichi_1epochs_1iterations
    trainer = start_trainer(name)
    trainer.run_training()
    again = start_trainer(name, goes_on=True)
    again.load_checkpoint(str(Path(trainer.output_folder) / "checkpoint_final.pth"))
    again.run_training()
    assert again.difficulty_folder == trainer.difficulty_folder is not None
