"""Trainings whose data come slowly, by a clock that only the test moves."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from batchgenerators.dataloading.single_threaded_augmenter import SingleThreadedAugmenter
from mining_tools import record_epochs
from nnunetv2.training.nnUNetTrainer.nnUNetTrainer import nnUNetTrainer

from nnunet_taichi import trainers
from nnunet_taichi.trainers import loading_watch
from nnunet_taichi.trainers.loading_watch import LoadingWatch, advise

StartTrainer = Callable[..., nnUNetTrainer]

SHORT = trainers.nnUNetTrainerUNet_4epochs_2iterations
FAST, SLOW = 0.5, 3.0  # seconds for a batch, beside one second for a step

pytestmark = pytest.mark.filterwarnings("ignore:Mean of empty slice", "ignore:invalid value encountered")  # no lesion


@dataclass
class Clock:
    """Seconds so far, and seconds for a batch."""

    seconds: float = 0.0
    batch: float = 0.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """A clock that batches and steps move on."""
    clock = Clock()
    load, step = SingleThreadedAugmenter.__next__, nnUNetTrainer.train_step

    def slow_load(self: SingleThreadedAugmenter) -> Any:
        clock.seconds += clock.batch
        return load(self)

    def slow_step(self: nnUNetTrainer, batch: dict[str, Any]) -> dict[str, Any]:
        clock.seconds += 1
        return step(self, batch)

    monkeypatch.setattr(SingleThreadedAugmenter, "__next__", slow_load)
    monkeypatch.setattr(nnUNetTrainer, "train_step", slow_step)
    monkeypatch.setattr(loading_watch, "perf_counter", clock)
    return clock


def advice_in(trainer: nnUNetTrainer) -> list[str]:
    return re.findall(r"Data loading limits this training: (.*)", Path(trainer.log_file).read_text())


def test_slow_data_are_reported_once_a_run(start_trainer: StartTrainer, dataset: Path, clock: Clock) -> None:
    """The first epoch does not count, and neither do validations, which wait as well."""
    clock.batch = SLOW
    trainer = start_trainer(SHORT)
    trainer.run_training()
    (line,) = advice_in(trainer)
    assert line.startswith("75% of epoch 1's training time was spent waiting for batches.")
    assert "Augmenting processes (nnUNet_n_proc_DA): 0; cores: " in line


def test_a_resumed_training_reports_again(
    start_trainer: StartTrainer, dataset: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock.batch = SLOW
    trainer = start_trainer(SHORT)
    with monkeypatch.context() as patch:
        record_epochs(patch, stop_before=2)
        with pytest.raises(KeyboardInterrupt):
            trainer.run_training()
    resumed = start_trainer(SHORT)
    resumed.load_checkpoint(str(Path(trainer.output_folder) / "checkpoint_latest.pth"))
    resumed.log_file += ".resumed"  # both are of the same second, or nearly
    resumed.run_training()
    (line,) = advice_in(resumed)
    assert "of epoch 3's" in line


def test_fast_data_are_not_reported(start_trainer: StartTrainer, dataset: Path, clock: Clock) -> None:
    clock.batch = FAST
    trainer = start_trainer(SHORT)
    trainer.run_training()
    assert advice_in(trainer) == []


def test_only_rank_0_reports(
    start_trainer: StartTrainer, dataset: Path, clock: Clock, capsys: pytest.CaptureFixture[str]
) -> None:
    clock.batch = SLOW
    trainer = start_trainer(SHORT)
    trainer.local_rank = 1
    trainer.run_training()
    assert "Data loading" not in capsys.readouterr().out


def test_a_step_is_nnunets_own(start_trainer: StartTrainer, dataset: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    batch, result = {"data": None}, {"loss": None}
    monkeypatch.setattr(nnUNetTrainer, "train_step", lambda self, got: result if got is batch else None)
    assert start_trainer(SHORT).train_step(batch) is result


def test_later_epochs_are_watched_until_one_is_slow(clock: Clock) -> None:
    watch = LoadingWatch(processes=12, cores=16)
    said = []
    for epoch, wait in enumerate((SLOW, FAST, FAST, SLOW, SLOW)):
        watch.start_epoch()
        for _ in range(2):
            clock.seconds += wait
            with watch.step():
                clock.seconds += 1
        said.append(watch.end_epoch(epoch))
    assert [line is not None for line in said] == [False, False, False, True, False]
    assert "75% of epoch 3's" in str(said[3])


class TestAdvice:
    def test_with_cores_to_spare(self) -> None:
        assert advise(1, waiting=48, seconds=100, processes=12, cores=16) == (
            "Data loading limits this training: 48% of epoch 1's training time was spent waiting for batches. "
            "Augmenting processes (nnUNet_n_proc_DA): 12; cores: 16. Set nnUNet_n_proc_DA to as many cores as are "
            "free, or use a smaller patch."
        )

    @pytest.mark.parametrize("processes", [16, 20])
    def test_with_all_cores_at_work(self, processes: int) -> None:
        line = str(advise(1, waiting=48, seconds=100, processes=processes, cores=16))
        cure = "Every core has one already: a smaller patch or more cores would help."
        assert line.endswith(
            f"waiting for batches. Augmenting processes (nnUNet_n_proc_DA): {processes}; cores: 16. {cure}"
        )

    @pytest.mark.parametrize(("processes", "spare"), [(7, True), (8, False)])
    def test_each_gpu_has_its_processes(self, processes: int, spare: bool) -> None:
        line = str(advise(1, waiting=48, seconds=100, processes=processes, cores=16, gpus=2))
        assert f"(nnUNet_n_proc_DA): {processes} for each GPU; cores: 16." in line
        assert ("Set nnUNet_n_proc_DA to as many cores as are free for each GPU" in line) == spare

    @pytest.mark.parametrize(("waiting", "limits"), [(0.0, False), (33.0, False), (34.0, True), (100.0, True)])
    def test_limit_is_a_third(self, waiting: float, limits: bool) -> None:
        assert (advise(1, waiting, 100.0, processes=12, cores=16) is not None) == limits

    def test_an_epoch_without_time_waits_for_nothing(self) -> None:
        assert advise(1, waiting=0, seconds=0, processes=12, cores=16) is None
