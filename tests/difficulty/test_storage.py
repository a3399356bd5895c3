import hashlib
import json

import numpy as np
import pytest
from nnunetv2.training.dataloading.nnunet_dataset import nnUNetDatasetBlosc2, nnUNetDatasetNumpy

from nnunet_taichi.difficulty.storage import MapFolder
from nnunet_taichi.runtime.files import digest

CASES = ["busi_001", "busi_002"]


def codes(seed=0, shape=(1, 6, 5)):
    return np.random.default_rng(seed).integers(0, 9, shape).astype(np.int16)


@pytest.fixture
def checkpoint(tmp_path):
    path = tmp_path / "checkpoint_final.pth"
    path.write_bytes(b"weights")
    return path


@pytest.fixture
def maps(tmp_path):
    return MapFolder(tmp_path / "fold_0" / "difficulty", nnUNetDatasetBlosc2)


def fill(maps, checkpoint, cases=CASES):
    maps.open(checkpoint)
    for case in cases:
        maps.save(case, codes())
    maps.close(checkpoint, {"easy": [3], "hard": [1], "lesion": [5]})


def test_finished_folder_is_complete(maps, checkpoint):
    assert not maps.is_complete(CASES, checkpoint)
    fill(maps, checkpoint)
    assert maps.is_complete(CASES, checkpoint)
    record = json.loads((maps.folder / "difficulty.json").read_text())
    assert record["pixels"] == {"easy": [3], "hard": [1], "lesion": [5]}


def test_incomplete_is_not_complete(maps, checkpoint):
    maps.open(checkpoint)
    maps.save(CASES[0], codes())
    assert not maps.is_complete(CASES[:1], checkpoint)  # all there, but never closed
    fill(maps, checkpoint, CASES[:1])
    assert maps.is_complete(CASES[:1], checkpoint)
    assert not maps.is_complete(CASES, checkpoint)  # closed, but a case is missing
    maps.open(checkpoint)
    assert not maps.is_complete(CASES[:1], checkpoint)  # opened again


def test_torn_record_is_not_complete(maps, checkpoint):
    fill(maps, checkpoint)
    record = maps.folder / "difficulty.json"
    record.write_text(record.read_text()[:-9])
    assert not maps.is_complete(CASES, checkpoint)


@pytest.mark.parametrize("foreign", ["[]", "{}", "null", '{"checkpoint": ""}'])
def test_foreign_record_is_not_complete(maps, checkpoint, foreign):
    fill(maps, checkpoint)
    (maps.folder / "difficulty.json").write_text(foreign)
    assert not maps.is_complete(CASES, checkpoint)


def test_empty_file_is_no_map(maps, checkpoint):
    fill(maps, checkpoint)
    (maps.folder / f"{CASES[0]}.b2nd").write_bytes(b"")
    assert not maps.is_complete(CASES, checkpoint)


def test_interrupted_run_keeps_its_maps(maps, checkpoint):
    maps.open(checkpoint)
    maps.save(CASES[0], codes())
    maps.open(checkpoint)
    assert maps.has(CASES[0])
    assert not maps.has(CASES[1])


def test_other_model_clears_the_maps(maps, checkpoint):
    fill(maps, checkpoint)
    checkpoint.write_bytes(b"other weights")
    assert not maps.is_complete(CASES, checkpoint)
    maps.open(checkpoint)
    assert not any(maps.has(case) for case in CASES)


def test_other_data_clear_the_maps(maps, checkpoint):
    fill(maps, checkpoint)
    preprocessed_again = MapFolder(maps.folder, nnUNetDatasetBlosc2, data="another fingerprint")
    assert not preprocessed_again.is_complete(CASES, checkpoint)
    preprocessed_again.open(checkpoint)
    assert not any(maps.has(case) for case in CASES)


def test_deleted_model_is_no_other_model(maps, checkpoint):
    fill(maps, checkpoint)
    checkpoint.unlink()
    assert maps.is_complete(CASES, checkpoint)
    assert not maps.is_complete([*CASES, "busi_003"], checkpoint)


def test_map_is_whole_or_not_there(maps, checkpoint, monkeypatch):
    maps.open(checkpoint)

    def power_cut(array, name):
        with open(name + ".b2nd", "wb") as file:
            file.write(b"half a map")
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(nnUNetDatasetBlosc2, "save_seg", staticmethod(power_cut))
        with pytest.raises(KeyboardInterrupt):
            maps.save(CASES[0], codes())
    assert not maps.has(CASES[0])
    maps.open(checkpoint)
    maps.save(CASES[0], codes())
    assert maps.has(CASES[0])


@pytest.mark.parametrize("name", ["benign (1)", "case.1", "case[1]", "case*", "räder"])
@pytest.mark.parametrize("dataset_class", [nnUNetDatasetBlosc2, nnUNetDatasetNumpy])
def test_host_reads_what_was_saved(tmp_path, checkpoint, dataset_class, name):
    maps = MapFolder(tmp_path / "maps", dataset_class)
    maps.open(checkpoint)
    maps.save(name, codes(1))
    assert maps.has(name)
    preprocessed = tmp_path / "preprocessed"
    preprocessed.mkdir()
    image, segmentation = np.zeros((2, 1, 6, 5), np.float32), codes(2)[None]
    blocks = {} if dataset_class is nnUNetDatasetNumpy else {"chunks": image.shape, "blocks": image.shape}
    blocks |= {"chunks_seg": segmentation.shape, "blocks_seg": segmentation.shape} if blocks else {}
    dataset_class.save_case(image, segmentation, {}, str(preprocessed / name), **blocks)
    loaded, truth = maps.load(name, str(preprocessed))
    assert loaded.dtype == np.int16
    np.testing.assert_array_equal(loaded, codes(1))
    np.testing.assert_array_equal(truth, codes(2))


def test_half_a_map_of_a_longer_name_stays_behind(maps, checkpoint):
    """Where one name starts another, an interrupted map of the longer must not slip in with the shorter."""
    maps.open(checkpoint)
    (maps.folder / "partial").mkdir()
    (maps.folder / "partial" / "case.1.b2nd").write_bytes(b"half a map")
    maps.save("case", codes())
    assert maps.has("case")
    assert not maps.has("case.1")


def test_digest(tmp_path):
    big = tmp_path / "big"
    big.write_bytes(b"x" * (3 << 20) + b"y")
    assert digest(big) == hashlib.sha256(big.read_bytes()).hexdigest()
    assert digest(tmp_path / "missing") == ""
    small = tmp_path / "small"
    small.write_bytes(b"z")
    assert digest(big, tmp_path / "missing", small) == hashlib.sha256(big.read_bytes() + b"z").hexdigest()
