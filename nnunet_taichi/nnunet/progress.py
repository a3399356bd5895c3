"""What a command is doing now, read from its log: the epoch of a training, the state of a progress bar, the case."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import fmean

from nnunet_taichi.config import PAPER

STOCK_EPOCHS = 1000  # of nnU-Net's trainers, which set the number only in their constructor
_TIME = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(?:\.\d+)?: "  # time stamp of each line that rank 0 logs


def planned_epochs(arguments: Sequence[str]) -> int:
    """Return how many epochs `nnUNetv2_train` trains with these arguments, judging by the trainer's name.

    >>> planned_epochs(["101", "2d", "0"]), planned_epochs(["101", "2d", "0", "-tr", "nnUNetTrainer_8epochs_seed1"])
    (1000, 8)
    """
    trainer = arguments[arguments.index("-tr") + 1] if "-tr" in arguments[:-1] else ""
    if found := re.search(r"_(\d+)ep(?:ochs?)?(?:_|$)", trainer):  # nnU-Net's own names: _1epoch, _1500ep
        return int(found[1])
    return PAPER.epochs if trainer.endswith("_Paper") or "_Paper_" in trainer else STOCK_EPOCHS


def clock(seconds: float) -> str:
    """Write a duration in seconds as minutes and seconds, with hours if there are any.

    >>> clock(42), clock(453.4), clock(7322)
    ('0:42', '7:33', '2:02:02')
    """
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"


@dataclass
class Epochs:
    """The epochs of one network.

    Attributes:
        total: Number of epochs planned.
        name: Text before the epoch that says which network it is.
        seconds: Duration of each finished epoch in seconds; epochs before a resumption are missing.
    """

    total: int
    name: str = ""
    seconds: list[float] = field(default_factory=list)

    def describe(self, epoch: int) -> str:
        """Say which epoch runs (`epoch` counts from 0), and how long it and all later ones will take."""
        if epoch >= self.total:  # a trainer whose name does not say its length
            return f"{self.name}epoch {epoch + 1}"
        left = f", {clock(fmean(self.seconds) * (self.total - epoch))} left" if self.seconds else ""
        return f"{self.name}epoch {epoch + 1} of {self.total}{left}"


class LogReader:
    """Follows a log as it grows.

    A training of `nnUNetTrainerTaichi` logs two networks. The epochs of U-Net++ come between the line that announces it
    and the line "Training done.".

    Args:
        epochs: Number of epochs, if the command trains.

    Attributes:
        text: What the command is doing now; "" where the log does not tell.
    """

    def __init__(self, epochs: int = STOCK_EPOCHS) -> None:
        self.text = ""
        self._rest = b""  # the last line, still incomplete
        self._own = Epochs(epochs)
        self._miner: Epochs | None = None  # set while U-Net++ is trained
        self._case, self._cases = 0, ""  # this case's number, and how many there are ("": unknown)

    def feed(self, new: bytes) -> None:
        """Read new bytes of the log. They may end anywhere, even inside a character."""
        *lines, self._rest = re.split(rb"[\r\n]", self._rest + new)
        for line in lines:
            self._read(line)
        if b"%|" in self._rest:  # a bar ends its line only when it is full
            self._read(self._rest)

    def _read(self, line: bytes) -> None:
        text = line.decode(errors="replace")
        for pattern, act in _ACTIONS:
            if found := pattern.match(text):
                act(self, *found.groups())
                return

    def _set_epochs(self, easy: str, hard: str) -> None:
        self._own.total = int(easy) + int(hard)

    def _begin_miner(self, epochs: str) -> None:
        self._miner = Epochs(int(epochs), "U-Net++, ")

    def _begin_epoch(self, epoch: str) -> None:
        self.text = (self._miner or self._own).describe(int(epoch))

    def _end_epoch(self, seconds: str) -> None:
        (self._miner or self._own).seconds.append(float(seconds))

    def _end_training(self) -> None:
        self._miner, self.text = None, ""

    def _expect_cases(self, cases: str) -> None:
        self._cases = cases

    def _validate(self) -> None:
        self._show_case("validating")

    def _predict(self) -> None:
        self._show_case("predicting")

    def _show_case(self, what: str) -> None:
        self._case += 1
        self.text = f"{what}, case {self._case}" + (f" of {self._cases}" if self._cases else "")

    def _show_bar(self, what: str, done: str, total: str, left: str) -> None:
        if self._case and not what:  # a bar of the patches of one case
            return
        parts = [what, f"{done} of {total}", "" if "?" in left else f"{left.removeprefix('0')} left"]
        self.text = "" if done == total else ", ".join(filter(None, parts))  # after the last step, other work begins


_ACTIONS = [
    (re.compile(pattern), act)
    for pattern, act in (
        # by tqdm; only printable ASCII, since a terminal may lack other characters or draw them wide
        (r"([ -~]*?)(?:: )? *\d+%\|[^|]*\| *(\S+)/(\S+) \[[\d:]+<([\d:?]+)[\],]", LogReader._show_bar),
        # by nnUNetTrainerTaichi
        (_TIME + r"Stage 1 \(easy\): (\d+) epochs, stage 2 \(hard\): (\d+) epochs", LogReader._set_epochs),
        (_TIME + r"Easy-to-hard: \S+ trains (\d+) epochs first", LogReader._begin_miner),
        # by nnU-Net's trainer
        (_TIME + r"Epoch (\d+) *$", LogReader._begin_epoch),
        (_TIME + r"Epoch time: ([\d.]+) s", LogReader._end_epoch),
        (_TIME + r"Training done\.", LogReader._end_training),
        (_TIME + r"This (?:random 80:20 )?split has \d+ training and (\d+) validation cases", LogReader._expect_cases),
        (rf"(?:{_TIME})?predicting ", LogReader._validate),  # every rank has cases of its own
        # by nnUNetv2_predict
        (r"There are (\d+) cases that I would like to predict", LogReader._expect_cases),
        (r"Predicting .*:$", LogReader._predict),
    )
]
