"""Excerpts of real logs: nnU-Net 2.8.1 and this package, phantoms and BUSI on a CPU; paths and long lines cut."""

import pytest

from nnunet_taichi.nnunet.progress import LogReader, planned_epochs

TAICHI = """\
Using trainer 'nnUNetTrainerTaichi_4epochs_2iterations' from: nnunet_taichi/ext
Using device: cpu

2026-11-27 21:56:02.439124: Configuration of nnUNetTrainerTaichi_4epochs_2iterations: {'lesion_path_only': False}
2026-11-27 21:56:02.439215: Stage 1 (easy): 1 epochs, stage 2 (hard): 3 epochs.
2026-11-27 21:56:02.449167: This split has 10 training and 3 validation cases.
2026-11-27 21:56:02.503948: Easy-to-hard: nnUNetTrainerUNetPlusPlus_2epochs_2iterations trains 2 epochs first \
(checkpoints of 35 MB), then 10 maps of about 0.0 MB in all are written to fold_0/difficulty.
2026-11-27 21:56:02.505292: Configuration of nnUNetTrainerUNetPlusPlus_2epochs_2iterations: {'cpu_bf16': True}
2026-11-27 21:56:02.558374: This split has 10 training and 3 validation cases.
2026-11-27 21:56:02.955459: Epoch 0
2026-11-27 21:56:02.955614: Current learning rate: 0.01
2026-11-27 21:56:03.710073: Epoch time: 0.75 s
2026-11-27 21:56:03.771839: Yayy! New best EMA pseudo Dice: 0.07819999754428864
2026-11-27 21:56:05.310827: Epoch 1
2026-11-27 21:56:05.534954: Epoch time: 0.22 s
2026-11-27 21:56:07.199636: Training done.
perform_everything_on_device=True is only supported for cuda devices! Setting this to False
\reasy/hard maps:   0%|          | 0/10 [00:00<?, ?it/s]\
\reasy/hard maps:  10%|█         | 1/10 [00:00<00:01,  8.02it/s]\
\reasy/hard maps:  70%|███████   | 7/10 [00:00<00:00, 21.41it/s]\
\reasy/hard maps: 100%|██████████| 10/10 [00:00<00:00, 21.60it/s]\
\reasy/hard maps: 100%|██████████| 10/10 [00:00<00:00, 19.48it/s]
2026-11-27 21:56:07.734092: Head 0: 48.8% easy, 17.7% hard, 33.5% missed.
2026-11-27 21:56:07.908293: This split has 10 training and 3 validation cases.
2026-11-27 21:56:08.256862: Epoch 0
2026-11-27 21:56:08.257139: Stage: easy
2026-11-27 21:56:09.178090: Epoch time: 0.93 s
2026-11-27 21:56:10.869127: Epoch 1
2026-11-27 21:56:10.869467: Stage: hard
2026-11-27 21:56:11.488635: Epoch time: 0.62 s
2026-11-27 21:56:12.452664: Epoch 2
2026-11-27 21:56:13.171266: Epoch time: 0.72 s
2026-11-27 21:56:14.848993: Epoch 3
2026-11-27 21:56:15.499003: Epoch time: 0.65 s
2026-11-27 21:56:16.717321: Training done.
2026-11-27 21:56:16.728689: This split has 10 training and 3 validation cases.
2026-11-27 21:56:16.728759: predicting benign_001
2026-11-27 21:56:16.732099: benign_001, shape torch.Size([1, 1, 32, 32]), rank 0
2026-11-27 21:56:16.914210: predicting malignant_002
2026-11-27 21:56:17.870907: predicting malignant_004
2026-11-27 21:56:38.498559: Validation complete
2026-11-27 21:56:38.498713: Mean Validation Dice:  0.0
"""
TAICHI_STEPS = [
    "",
    "U-Net++, epoch 1 of 2",
    "U-Net++, epoch 2 of 2, 0:01 left",  # 0.75 s
    "",
    "easy/hard maps, 0 of 10",
    "easy/hard maps, 1 of 10, 0:01 left",
    "easy/hard maps, 7 of 10, 0:00 left",
    "",
    "epoch 1 of 4",
    "epoch 2 of 4, 0:03 left",  # 3 * 0.93 s = 2.8 s, nothing of U-Net++ in it
    "epoch 3 of 4, 0:02 left",  # 2 * (0.93 + 0.62) / 2 s
    "epoch 4 of 4, 0:01 left",  # (0.93 + 0.62 + 0.72) / 3 s
    "",
    "validating, case 1 of 3",
    "validating, case 2 of 3",
    "validating, case 3 of 3",
]

MINER = """\
2026-11-27 21:49:36.823862: Easy-to-hard: nnUNetTrainerUNetPlusPlus_20epochs trains 20 epochs first (checkpoints of 145
2026-11-27 21:49:37.234445: Epoch 0
2026-11-27 21:50:03.387103: Epoch time: 26.16 s
2026-11-27 21:50:04.324398: Epoch 1
2026-11-27 21:50:28.543615: Epoch time: 24.22 s
2026-11-27 21:50:29.348145: Epoch 2
"""

PREDICT = """\
There are 13 cases in the source folder
I am process 0 out of 1 (max process ID is 0, we start counting with 0!)
There are 13 cases that I would like to predict

Predicting benign_001:
perform_everything_on_device: False
\r  0%|          | 0/1 [00:00<?, ?it/s]\r100%|██████████| 1/1 [00:00<00:00, 18.78it/s]
sending off prediction to background worker for resampling and export
done with benign_001

Predicting Müller_1:
\r  0%|          | 0/4 [00:00<?, ?it/s]\r 25%|██▌       | 1/4 [00:00<00:09,  9.26it/s]"""

FINGERPRINT = """\
Using <class 'nnunetv2.imageio.natural_image_reader_writer.NaturalImage2DIO'> as reader/writer
\rExtracting dataset fingerprint:   0%|          | 0/647 [00:00<?, ?it/s]\
\rExtracting dataset fingerprint:   0%|          | 1/647 [00:03<36:46,  3.42s/it]\
\rExtracting dataset fingerprint:   4%|▍         | 27/647 [00:03<00:47, 13.05it/s]"""


def read(log: str, **settings: int) -> str:
    reader = LogReader(**settings)
    reader.feed(log.encode())
    return reader.text


def steps(log: str, length: int) -> list[str]:
    """What a reader says, one after another, if it gets so many bytes at a time."""
    reader, content = LogReader(), log.encode()
    said = [reader.text]
    for start in range(0, len(content), length):
        reader.feed(content[start : start + length])
        if reader.text != said[-1]:
            said.append(reader.text)
    return said


@pytest.mark.parametrize("length", [1, 2, 7])  # ends of pieces lie within bars, numbers and letters
def test_a_taichi_training_from_its_miner_to_its_validation(length):
    assert steps(TAICHI, length) == TAICHI_STEPS


def test_a_log_read_in_one_go_says_the_last():
    assert read(TAICHI) == TAICHI_STEPS[-1]


def test_the_time_left_is_the_mean_epochs_times_those_to_come():
    assert read(MINER) == "U-Net++, epoch 3 of 20, 7:33 left"  # 18 * (26.16 + 24.22) / 2 = 453.4 s


def test_a_miner_that_is_there_already_leaves_only_the_trainings_own_epochs():
    log = MINER.replace("trains 20 epochs first (checkpoints of 145", "is trained already, then 518 maps")
    assert read(log, epochs=40) == "epoch 3 of 40, 15:57 left"  # 38 * 25.19 s = 957.2 s


def test_a_resumed_training_counts_from_where_it_was():
    log = MINER.partition("\n")[2].replace("Epoch 0", "Epoch 30").replace("Epoch 1", "Epoch 31")
    assert read(log.replace("Epoch 2", "Epoch 32"), epochs=40) == "epoch 33 of 40, 3:22 left"  # 8 * 25.19 s = 201.5 s


def test_a_training_longer_than_its_name_says_has_no_end():
    assert read(MINER.partition("\n")[2], epochs=2) == "epoch 3"


def test_other_ranks_of_a_distributed_training_repeat_the_epochs_without_a_time():
    assert read("2026-11-27 21:49:37: Epoch 4\nEpoch 4\nEpoch time: 3.0 s\n", epochs=8) == "epoch 5 of 8"


def test_a_prediction_counts_cases_not_the_patches_of_one():
    assert steps(PREDICT, 1) == ["", "predicting, case 1 of 13", "predicting, case 2 of 13"]


def test_a_validation_of_unknown_length_counts_cases():
    assert read("2026-11-27 21:56:16.728759: predicting a\n2026-11-27 21:56:16.9: predicting b\n") == (
        "validating, case 2"
    )


def test_a_bar_tells_its_state_and_time_left():
    assert read(FINGERPRINT) == "Extracting dataset fingerprint, 27 of 647, 0:47 left"
    assert read("\r 25%|██▌       | 1/4 [00:50<1:02:03,  50s/it]") == "1 of 4, 1:02:03 left"


def test_after_the_last_of_a_bar_something_unknown_goes_on():
    full = "\rExtracting dataset fingerprint: 100%|██████████| 647/647 [00:09<00:00, 71.9it/s]\n"
    assert read(FINGERPRINT + full + "Experiment planning...\n") == ""


def test_other_logs_say_nothing():
    assert read("647 cases in nnUNet_raw\nEpoch 1 was good\npredictions: 3\n") == ""


@pytest.mark.parametrize(
    ("trainer", "epochs"),
    [
        ("nnUNetTrainer", 1000),
        ("nnUNetTrainerTaichi_16epochs_50iterations_seed1", 16),
        ("nnUNetTrainerTaichi_50iterations", 1000),
        ("nnUNetTrainerTaichi_Model1_Paper", 40),
        ("nnUNetTrainerFATNet_Paper_5epochs_40iterations", 5),
        ("nnUNetTrainer_Paper_seed1", 40),
        ("nnUNetTrainer_1epoch", 1),
        ("nnUNetTrainer_250epochs_NoMirroring", 250),
    ],
)
def test_the_trainers_name_says_the_epochs(trainer, epochs):
    assert planned_epochs(["101", "2d", "0", "-tr", trainer, "-p", "Plans_7epochs"]) == epochs


@pytest.mark.parametrize("arguments", [[], ["-tr"], ["-p", "nnUNetTrainer_7epochs"]])
def test_without_a_trainer_it_is_nnunets_default(arguments):
    assert planned_epochs(arguments) == 1000
