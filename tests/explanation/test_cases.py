import json

import pytest

from nnunet_taichi.explanation.cases import find_cases, validation_cases

DATASET_JSON = {"file_ending": ".nii.gz"}


def touch(*files):
    for file in files:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()


def test_channels_belong_to_their_case_though_names_begin_alike(tmp_path):
    names = ("a_0001", "a_0000", "a_b_0000", "a_b_0001", "a_1_0000", "a_1_0001")
    touch(*(tmp_path / "imagesTr" / f"{name}.nii.gz" for name in names), tmp_path / "imagesTr" / "notes.nii.gz")
    found = find_cases(["a", "a_1"], tmp_path, DATASET_JSON)
    assert list(found) == ["a", "a_1"]
    assert found["a"].images == [str(tmp_path / "imagesTr" / f"a_000{channel}.nii.gz") for channel in (0, 1)]
    assert found["a_1"].label == str(tmp_path / "labelsTr" / "a_1.nii.gz")


def test_files_that_dataset_json_lists_elsewhere_are_found(tmp_path):
    listed = {"a": {"images": ["../other/a.nii.gz"], "label": "../other/a_label.nii.gz"}}
    found = find_cases(["a"], tmp_path / "raw", DATASET_JSON | {"dataset": listed})
    assert found["a"].images == [str(tmp_path / "other" / "a.nii.gz")]
    assert found["a"].label == str(tmp_path / "other" / "a_label.nii.gz")


def test_a_raw_data_set_that_is_gone_is_named(tmp_path):
    with pytest.raises(ValueError, match=r"read from the raw data set, but .*gone has no imagesTr"):
        find_cases(["a"], tmp_path / "gone", DATASET_JSON)


def test_validated_cases_are_those_of_the_summary_wherever_it_was_written(tmp_path):
    assert validation_cases(tmp_path, ".nii.gz") == []
    (tmp_path / "validation").mkdir()
    cases = [{"prediction_file": f"/elsewhere/{name}.nii.gz", "metrics": {}} for name in ("b.1", "a")]
    (tmp_path / "validation" / "summary.json").write_text(json.dumps({"metric_per_case": cases}))
    assert validation_cases(tmp_path, ".nii.gz") == ["a", "b.1"]
