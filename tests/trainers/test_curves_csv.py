"""Training curves of real, short trainings that are stopped, resumed and started anew."""

import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.distributed as dist
from mining_tools import miner_epochs, read_case, record_epochs
from nnunetv2.training.dataloading.nnunet_dataset import nnUNetDatasetBlosc2
from nnunetv2.training.nnUNetTrainer.nnUNetTrainer import nnUNetTrainer

from nnunet_taichi import trainers
from nnunet_taichi.difficulty import storage
from nnunet_taichi.losses.taichi_loss import TERMS
from nnunet_taichi.nnunet.curve_table import CURVE_COLUMNS, CURVES
from nnunet_taichi.trainers import curves
from nnunet_taichi.trainers.curves import sum_over_ranks, take_gpu_peak, write_curves

StartTrainer = Callable[..., nnUNetTrainer]
Rows = list[dict[str, str]]

TAICHI = trainers.nnUNetTrainerTaichi_4epochs_2iterations_seed0
SHORT = trainers.nnUNetTrainerTaichi_Model7_4epochs_1iterations  # needs no miner
LOSSES = [f"loss_{term}" for term in TERMS]
LOGGED = {"train_loss": "train_losses", "val_loss": "val_losses", "pseudo_dice": "mean_fg_dice", "learning_rate": "lrs"}

pytestmark = pytest.mark.filterwarnings("ignore:Mean of empty slice", "ignore:invalid value encountered")  # no lesion


def file_of(trainer: nnUNetTrainer) -> Path:
    return Path(trainer.output_folder) / CURVES


def read(file: Path) -> Rows:
    assert file.read_text().endswith("\n")
    with open(file, newline="") as stream:
        return list(csv.DictReader(stream))


def epochs_of(rows: Rows) -> list[int]:
    return [int(row["epoch"]) for row in rows]


def resume(start_trainer: StartTrainer, trainer: type[nnUNetTrainer] = SHORT) -> nnUNetTrainer:
    """Construct a trainer as `--c` does."""
    resumed = start_trainer(trainer)
    latest, final = (Path(resumed.output_folder) / f"checkpoint_{name}.pth" for name in ("latest", "final"))
    resumed.load_checkpoint(str(final if final.is_file() else latest))
    return resumed


def check_log(trainer: nnUNetTrainer, rows: Rows) -> None:
    """Compare rows with what the host logged."""
    log = trainer.logger.get_checkpoint()
    assert epochs_of(rows) == list(range(len(log["train_losses"])))
    for row, start, end in zip(rows, log["epoch_start_timestamps"], log["epoch_end_timestamps"], strict=True):
        assert float(row["seconds"]) == pytest.approx(end - start, abs=0.05)
    for column, key in LOGGED.items():
        np.testing.assert_allclose([float(row[column]) for row in rows], log[key], rtol=1e-6)


def check_terms(row: dict[str, str], off: set[str]) -> None:
    """Check that the terms that are on make up the loss, and that the others are blank."""
    off = off | {"loss_fused"}  # which no default turns on
    assert {name for name in LOSSES if not row[name]} == off
    terms = [float(row[name]) for name in LOSSES if name not in off]
    assert all(terms)
    assert sum(terms) == pytest.approx(float(row["train_loss"]), rel=2e-6)


@pytest.fixture
def interrupted(start_trainer: StartTrainer, monkeypatch: pytest.MonkeyPatch, dataset: Path) -> nnUNetTrainer:
    """A training of four epochs, killed when two are done and the third is written, but in no checkpoint yet."""
    trainer = start_trainer(SHORT)
    end = nnUNetTrainer.on_epoch_end

    def on_epoch_end(self: nnUNetTrainer) -> None:
        if self.current_epoch == 2:
            raise KeyboardInterrupt
        end(self)

    with monkeypatch.context() as patch:
        patch.setattr(nnUNetTrainer, "on_epoch_end", on_epoch_end)
        with pytest.raises(KeyboardInterrupt):
            trainer.run_training()
    return trainer


def count_shares(targets: list[torch.Tensor], regions: bool) -> dict[str, float]:
    """Count easy, hard and lesion pixels of both heads of the targets, one by one."""
    found = {1: 0, 2: 0}
    lesion = 0
    for target in targets:
        *labels, codes = (channel.ravel().astype(int) for channel in target.numpy().swapaxes(0, 1))
        heads = labels if regions else [labels[0] == 1, labels[0] == 2]
        for k, head in enumerate(heads):
            for inside, code in zip(head, codes, strict=True):
                lesion += bool(inside)
                level = code % 3 if k == 0 else code // 3
                if inside and level:
                    found[level] += 1
    return {"easy_share": found[1] / lesion, "hard_share": found[2] / lesion}


@pytest.mark.parametrize("dataset", ["labels", "regions"], indirect=True)
def test_easy_to_hard(dataset: Path, start_trainer: StartTrainer) -> None:
    trainer = start_trainer(TAICHI)
    rng = np.random.default_rng(0)
    folder = Path(trainer.mine())
    for case in (file.stem for file in folder.glob("*.b2nd")):  # so short a miner may find nothing
        lesion = np.maximum(read_case(dataset, case)[1], 0) > 0
        (folder / f"{case}.b2nd").unlink()
        nnUNetDatasetBlosc2.save_seg((rng.integers(0, 9, lesion.shape) * lesion).astype(np.int16), str(folder / case))
    targets: list[list[torch.Tensor]] = [[] for _ in range(4)]
    step = trainer.train_step

    def train_step(batch: dict[str, Any]) -> dict[str, Any]:
        targets[trainer.current_epoch].append(batch["target"][0].clone())
        return step(batch)

    trainer.train_step = train_step
    trainer.run_training()

    rows = read(file_of(trainer))
    check_log(trainer, rows)
    assert list(rows[0]) == [*CURVE_COLUMNS, *LOSSES]
    assert [row["stage"] for row in rows] == ["easy", "hard", "hard", "hard"]
    assert {row["iterations"] for row in rows} == {"2"}
    for row, seen in zip(rows, targets, strict=True):
        check_terms(row, off={"loss_complementary"} if row["stage"] == "easy" else set())
        expected = count_shares(seen, trainer.label_manager.has_regions)
        assert 0.1 < expected["hard_share"] < 0.5
        assert {name: float(row[name]) for name in expected} == pytest.approx(expected, rel=1e-6)
        assert row["gpu_peak_gib"] == ""

    miner = read(folder.parent / CURVES)
    assert epochs_of(miner) == list(range(miner_epochs(4)))
    assert list(miner[0]) == list(CURVE_COLUMNS)
    assert {(row["stage"], row["easy_share"], row["hard_share"]) for row in miner} == {("", "", "")}


def test_without_maps(dataset: Path, start_trainer: StartTrainer) -> None:
    trainer = start_trainer(trainers.nnUNetTrainerTaichi_Model1_Paper_2epochs_1iterations)
    trainer.run_training()
    rows = read(file_of(trainer))
    check_log(trainer, rows)
    for row in rows:
        off = {"loss_negative_dice", "loss_negative_bce", "loss_difficulty", "loss_complementary"}
        check_terms(row, off)
        assert (row["stage"], row["easy_share"], row["hard_share"]) == ("whole", "", "")


def test_resumed_run_repeats_no_row(interrupted: nnUNetTrainer, start_trainer: StartTrainer) -> None:
    before = read(file_of(interrupted))
    assert epochs_of(before) == [0, 1, 2]
    resumed = resume(start_trainer)
    resumed.on_train_start()
    assert read(file_of(resumed)) == before[:2]
    resumed.run_training()
    after = read(file_of(resumed))
    check_log(resumed, after)
    assert epochs_of(after) == [0, 1, 2, 3]
    assert after[:2] == before[:2]
    assert after[2]["train_loss"] != before[2]["train_loss"]
    for row in after:
        check_terms(row, off={"loss_difficulty"})


def test_finished_run_stays_as_it_is(dataset: Path, start_trainer: StartTrainer) -> None:
    """`--c` and `--val` both load a finished training, for its validation."""
    one_epoch = trainers.nnUNetTrainerTaichi_Model7_1epochs_1iterations
    trainer = start_trainer(one_epoch)
    trainer.run_training()
    before = file_of(trainer).read_text()
    stamp = file_of(trainer).stat().st_mtime_ns
    finished = resume(start_trainer, one_epoch)  # all that happens before the validation of `--val`
    assert file_of(trainer).stat().st_mtime_ns == stamp
    finished.run_training()
    assert file_of(trainer).read_text() == before


def test_missing_rows_come_from_the_log(interrupted: nnUNetTrainer, start_trainer: StartTrainer) -> None:
    """The file is empty, torn in its header, or in the row before which the training goes on; or it is gone."""
    file = file_of(interrupted)
    before, whole = read(file), file.read_text()[: -len(file.read_text().splitlines()[-1]) - 1]
    for end, lost in ((0, [0, 1]), (100, [0, 1]), (-1, [1]), (-12, [1])):
        file.write_text(whole[:end])
        resume(start_trainer).on_train_start()
        for row, expected in zip(read(file), before[:2], strict=True):
            blank = LOSSES if int(row["epoch"]) in lost else []
            seconds = {"seconds": row["seconds"]} if blank else {}  # by the host's clock, which it reads a bit later
            assert row == {**expected, **dict.fromkeys(blank, ""), **seconds}
    file.unlink()
    resumed = resume(start_trainer)
    resumed.run_training()
    rows = read(file)
    check_log(resumed, rows)
    assert [row["stage"] for row in rows] == ["whole"] * 4
    assert {row[name] for row in rows[:2] for name in LOSSES} == {""}
    for row in rows[2:]:
        check_terms(row, off={"loss_difficulty"})


def test_torn_last_line(interrupted: nnUNetTrainer, start_trainer: StartTrainer) -> None:
    file = file_of(interrupted)
    whole = file.read_text()
    for torn in ("3,whole,1", whole.splitlines()[1][:-3]):  # of an epoch to come, and a shortened twin of the first
        file.write_text(whole + torn)
        resume(start_trainer).on_train_start()
        assert file.read_text() == "".join(whole.splitlines(keepends=True)[:3])


def test_fresh_start_begins_anew(
    interrupted: nnUNetTrainer, start_trainer: StartTrainer, monkeypatch: pytest.MonkeyPatch
) -> None:
    record_epochs(monkeypatch, stop_before=1)
    fresh = start_trainer(SHORT)
    fresh.on_train_start()
    assert file_of(fresh).read_text() == ",".join([*CURVE_COLUMNS, *LOSSES]) + "\n"
    with pytest.raises(KeyboardInterrupt):
        fresh.run_training()
    assert epochs_of(read(file_of(fresh))) == [0]


def test_only_rank_0_writes(start_trainer: StartTrainer, dataset: Path) -> None:
    trainer = start_trainer(trainers.nnUNetTrainerUNet_1epochs_1iterations)
    trainer.local_rank = 1
    trainer.run_training()
    assert not file_of(trainer).exists()


class TestFile:
    def write(self, file: Path, past: list[float], new: dict[str, Any] | None = None) -> Rows:
        logged = [{"epoch": epoch, "train_loss": loss} for epoch, loss in enumerate(past)]
        write_curves(file, ("epoch", "train_loss", "loss_a"), logged, [new] if new else [])
        return read(file)

    def test_rows_of_another_training_are_not_kept(self, tmp_path: Path) -> None:
        """Started anew, killed at once, and continued from the checkpoint of the training before."""
        self.write(tmp_path / CURVES, [], {"epoch": 0, "train_loss": 0.75, "loss_a": 0.5})
        assert self.write(tmp_path / CURVES, [0.75])[0]["loss_a"] == "0.5"
        assert self.write(tmp_path / CURVES, [0.25])[0] == {"epoch": "0", "train_loss": "0.25", "loss_a": ""}

    def test_diverged_training_is_no_gap(self, tmp_path: Path) -> None:
        self.write(tmp_path / CURVES, [], {"epoch": 0, "train_loss": float("nan"), "loss_a": 0.5})
        assert self.write(tmp_path / CURVES, [float("nan")])[0] == {"epoch": "0", "train_loss": "nan", "loss_a": "0.5"}

    def test_columns_of_another_version(self, tmp_path: Path) -> None:
        (tmp_path / CURVES).write_text("loss_b,train_loss,epoch\n0.1,0.75,0\n")
        assert self.write(tmp_path / CURVES, [0.75])[0] == {"epoch": "0", "train_loss": "0.75", "loss_a": ""}

    def test_killed_while_writing(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        before = self.write(tmp_path / CURVES, [], {"epoch": 0, "train_loss": 0.75, "loss_a": 0.5})

        def replace(*_: Any) -> None:
            raise KeyboardInterrupt

        with monkeypatch.context() as patch:
            patch.setattr(storage.os, "replace", replace)
            with pytest.raises(KeyboardInterrupt):
                self.write(tmp_path / CURVES, [0.75], {"epoch": 1, "train_loss": 0.5})
        assert read(tmp_path / CURVES) == before


def test_gpu_peak_is_of_each_epoch(monkeypatch: pytest.MonkeyPatch) -> None:
    peaks = [3 * 2**29]
    monkeypatch.setattr(torch.cuda, "max_memory_allocated", lambda device: peaks[-1])
    monkeypatch.setattr(torch.cuda, "reset_peak_memory_stats", lambda device: peaks.append(2**28))
    assert take_gpu_peak(torch.device("cpu")) is None
    assert [take_gpu_peak(torch.device("cuda")) for _ in range(2)] == [1.5, 0.25]


@pytest.mark.gpu
def test_gpu_peak() -> None:
    device = torch.device("cuda")
    take_gpu_peak(device)
    tensor = torch.empty(2**28, device=device)  # 1 GiB
    del tensor
    peak = take_gpu_peak(device)
    assert peak is not None
    assert peak >= 1
    assert take_gpu_peak(device) == pytest.approx(peak - 1, abs=0.01)


def test_sums_of_all_ranks(monkeypatch: pytest.MonkeyPatch) -> None:
    assert sum_over_ranks({"steps": 2}) == {"steps": 2}

    def all_gather_object(box: list, mine: dict[str, float]) -> None:
        box[:] = [mine, {"steps": 2.0, "difficulty": 0.25}]

    monkeypatch.setattr(dist, "is_initialized", lambda: True)
    monkeypatch.setattr(dist, "get_world_size", lambda: 2)
    monkeypatch.setattr(curves.dist, "all_gather_object", all_gather_object)
    assert sum_over_ranks({"steps": 2.0, "difficulty": 0.5}) == {"steps": 4.0, "difficulty": 0.75}
