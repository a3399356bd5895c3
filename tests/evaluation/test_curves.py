"""Curves from our trainers' table and from logs as the host writes them."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from nnunet_taichi.nnunet.curve_files import read_curves
from nnunet_taichi.nnunet.curve_table import CURVE_COLUMNS

HEAD = """
#######################################################################
Please cite the following paper when using nnU-Net:
#######################################################################

2026-09-30 23:50:45.695268: Using splits from existing split file: splits_final.json 
2026-09-30 23:50:45.695606: Desired fold for training: 0 
 {'batch_size': 4, 'note': 'Epoch 7'} 
2026-09-30 23:50:45.939566: Stage 1 (easy): 1 epochs, stage 2 (hard): 4 epochs. 
"""  # noqa: W291  the host ends its lines with a space


def epoch(number: int, loss: object, dice: str = "[np.float32(0.5)]", stage: str = "") -> str:
    lines = ["", f"Epoch {number}", "Current learning rate: 0.0001", *([f"Stage: {stage}"] if stage else [])]
    lines += [f"train_loss {loss}", "val_loss -0.25", f"Pseudo dice {dice}", "Epoch time: 21.5 s", "Yayy! New best"]
    return "".join(f"2026-09-30 23:51:07.411653: {line} \n" for line in lines)


def write_log(folder: Path, time: str, *parts: str) -> None:
    (folder / f"training_log_{time}.txt").write_text(HEAD + "".join(parts))


def test_a_log_of_the_host(tmp_path: Path) -> None:
    write_log(tmp_path, "2026_9_30_23_50_45", epoch(0, 1.5, stage="easy"), epoch(1, 0.75, stage="hard"))
    curves = read_curves(tmp_path)
    assert list(curves.columns) == list(CURVE_COLUMNS)
    assert curves["epoch"].tolist() == [0, 1]
    assert curves["stage"].tolist() == ["easy", "hard"]
    assert curves["train_loss"].tolist() == [1.5, 0.75]
    assert (
        curves[["val_loss", "learning_rate", "seconds", "pseudo_dice"]].to_numpy().tolist()
        == [[-0.25, 0.0001, 21.5, 0.5]] * 2
    )
    assert curves[["iterations", "gpu_peak_gib", "easy_share"]].isna().all(axis=None)


@pytest.mark.parametrize(
    ("logged", "expected"),
    [
        ("[np.float32(0.4), np.float32(0.8)]", 0.6),
        ("[np.float32(nan), np.float64(0.8)]", 0.8),
        ("[nan]", np.nan),
        ("[0.25, 0.75]", 0.5),
    ],
)
def test_dice_of_several_classes(tmp_path: Path, logged: str, expected: float) -> None:
    write_log(tmp_path, "2026_9_30_23_50_45", epoch(0, 1.0, logged))
    assert read_curves(tmp_path)["pseudo_dice"].tolist() == pytest.approx([expected], nan_ok=True)


def test_a_diverged_loss_and_a_time_without_fraction(tmp_path: Path) -> None:
    write_log(tmp_path, "2026_9_30_23_50_45", epoch(0, "nan").replace("07.411653", "07"))
    assert read_curves(tmp_path)["train_loss"].isna().tolist() == [True]


def test_a_resumed_training_is_read_in_the_order_of_time(tmp_path: Path) -> None:
    write_log(tmp_path, "2026_10_1_08_00_00", epoch(2, 20.0), epoch(3, 30.0))  # sorts first by its letters
    write_log(tmp_path, "2026_9_30_23_50_45", epoch(0, 0.0), epoch(1, 1.0), epoch(2, 2.0))
    assert read_curves(tmp_path)["train_loss"].tolist() == [0, 1, 20, 30]


def test_what_a_training_went_back_behind_does_not_count(tmp_path: Path) -> None:
    write_log(tmp_path, "2026_9_30_23_50_45", *(epoch(number, number) for number in range(5)))
    write_log(tmp_path, "2026_10_1_08_00_00", epoch(0, 10), epoch(1, 11))  # begun anew, and not as far yet
    write_log(tmp_path, "2026_10_1_09_00_00")  # validation alone
    assert read_curves(tmp_path)["train_loss"].tolist() == [10, 11]


def test_an_epoch_that_was_cut_off_is_left_out(tmp_path: Path) -> None:
    torn = epoch(1, 1.0)
    write_log(tmp_path, "2026_9_30_23_50_45", epoch(0, 0.5), torn[: torn.index("val_loss")])
    assert read_curves(tmp_path)["epoch"].tolist() == [0]


def test_our_own_table_comes_before_the_logs(tmp_path: Path) -> None:
    write_log(tmp_path, "2026_9_30_23_50_45", epoch(0, 9.0), epoch(1, 9.0), epoch(2, 9.0))
    header = ",".join([*CURVE_COLUMNS, "loss_difficulty"])
    lines = ["0,easy,40,21.5,0.01,1.5,0.9,0.5,1.25,0.1,0.7,0.25", "1,hard,40,20,0.009,1.2,0.8,,,0.1,0.7,"]
    (tmp_path / "taichi_curves.csv").write_text("\n".join([header, *lines, lines[1].replace("1.2", "1.1")]) + "\n")
    curves = read_curves(tmp_path)
    assert list(curves.columns) == [*CURVE_COLUMNS, "loss_difficulty"]
    assert curves["epoch"].tolist() == [0, 1]
    assert curves["train_loss"].tolist() == [1.5, 1.1]
    assert curves["loss_difficulty"].tolist() == pytest.approx([0.25, np.nan], nan_ok=True)


def test_a_table_without_stages(tmp_path: Path) -> None:
    (tmp_path / "taichi_curves.csv").write_text("epoch,stage,train_loss\n0,,1.5\n")
    assert read_curves(tmp_path)["stage"].tolist() == [""]


def test_no_log_at_all(tmp_path: Path) -> None:
    curves = read_curves(tmp_path)
    assert curves.empty
    assert isinstance(curves, pd.DataFrame)
    assert list(curves.columns) == list(CURVE_COLUMNS)


@pytest.mark.parametrize(
    "content", [b"", b"\n\n", b"\xff\xfe\x00\x81", b"epoch,stage\n0,easy\n1,a,b,c,d\n", b"no,curves\n1,2\n"]
)
def test_a_table_that_cannot_be_read_is_no_curves(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "taichi_curves.csv").write_bytes(content)
    curves = read_curves(tmp_path)
    assert curves.empty
    assert list(curves.columns[: len(CURVE_COLUMNS)]) == list(CURVE_COLUMNS)


def test_what_is_no_number_in_a_table_is_not_logged(tmp_path: Path) -> None:
    lines = ["epoch,stage,train_loss,seconds,loss_difficulty", "0,easy,None,20,0.5", "1,hard,0.75,2O,?", "x,hard,1,1,1"]
    (tmp_path / "taichi_curves.csv").write_text("\n".join(lines))
    curves = read_curves(tmp_path)
    assert curves["epoch"].tolist() == [0, 1]
    for name, expected in {
        "train_loss": [np.nan, 0.75],
        "seconds": [20, np.nan],
        "loss_difficulty": [0.5, np.nan],
    }.items():
        assert curves[name].tolist() == pytest.approx(expected, nan_ok=True)


def test_what_is_no_number_in_a_log_is_not_logged(tmp_path: Path) -> None:
    write_log(tmp_path, "2026_9_30_23_50_45", epoch(0, None, "[]"), epoch(1, 0.5, "[None, 0.5]"))
    curves = read_curves(tmp_path)
    assert curves["train_loss"].tolist() == pytest.approx([np.nan, 0.5], nan_ok=True)
    assert curves["pseudo_dice"].tolist() == pytest.approx([np.nan, 0.5], nan_ok=True)
