"""Which cases are shown, and what is drawn and said of them."""

import base64
import io
import re
from pathlib import Path

import numpy as np
import pytest
import SimpleITK
from case_rows import dice_rows, row, table
from matplotlib.path import Path as Polygon
from nnunetv2.imageio.simpleitk_reader_writer import SimpleITKIO
from PIL import Image
from report_example import alarming, make_runs, shifted
from results_tree import ResultsTree

from nnunet_taichi.evaluation.mask_files import MaskReader
from nnunet_taichi.evaluation.predictions import Prediction
from nnunet_taichi.evaluation.runs import find_runs
from nnunet_taichi.evaluation.scoring import score
from nnunet_taichi.figures.drawing import embed_pixels, fullest_slice, grey_levels
from nnunet_taichi.report.gallery import GalleryCase, build_gallery, gallery_cases, gallery_data, group_of
from nnunet_taichi.report.overlay import outline, read_overlay


def decode(uri: str) -> Image.Image:
    head, _, content = uri.partition(";base64,")
    picture = Image.open(io.BytesIO(base64.b64decode(content)))
    assert head == f"data:image/{picture.format.lower()}"
    return picture


def fill(path: str, shape: tuple[int, int], scale: float = 1.0) -> np.ndarray:
    """Fill an SVG path by the even-odd rule, sampled at the pixels' centres of a picture of `scale`."""
    y, x = np.mgrid[0 : shape[0], 0 : shape[1]]
    centres = np.stack([x.ravel() + 0.5, y.ravel() + 0.5], 1) * scale
    inside = np.zeros(len(centres), bool)
    for part in re.findall(r"M([^MZ]*)Z", path):
        inside ^= Polygon(np.array(part.split(), float).reshape(-1, 2)).contains_points(centres)
    return inside.reshape(shape)


def ring(size: int = 60) -> np.ndarray:
    distance = np.hypot(*(np.mgrid[0:size, 0:size] - size / 2))
    return (distance < 24) & (distance > 9)


# Which cases


def test_half_wins_and_half_losses_over_all_other_runs() -> None:
    first, second, third = [0.5] * 6, [0.9, 0.5, 0.5, 0.1, 0.4, 0.6], [0.5, 0.8, 0.5, 0.5, 0.2, 0.5]
    per_case = table(dice_rows("a", first), dice_rows("b", second), dice_rows("c", third))
    assert gallery_cases(per_case, 4) == ["case_0", "case_1", "case_3", "case_4"]
    assert gallery_cases(per_case, 3) == ["case_0", "case_1", "case_3"]
    assert sorted(gallery_cases(per_case, 99)) == [f"case_{number}" for number in range(6)]
    assert gallery_cases(per_case, 0) == []


def test_false_alarms_on_normal_images_are_losses() -> None:
    lesion = [row(run, "lesion", 8, 2, 2, 88) for run in "ab"]
    quiet = [row(run, "quiet", 0, 0, 0, 100) for run in "ab"]
    alarm = [row("a", "alarm", 0, 0, 0, 100), row("b", "alarm", 0, 7, 0, 93)]
    assert gallery_cases(table(lesion, quiet, alarm), 2)[-1] == "alarm"


def test_a_single_run_shows_its_best_and_its_worst_cases() -> None:
    assert gallery_cases(table(dice_rows("a", [0.5, 0.9, 0.6, 0.1])), 2) == ["case_1", "case_3"]


def test_a_case_that_a_run_lacks_is_neither_won_nor_lost() -> None:
    per_case = table(dice_rows("a", [0.5, 0.5, 0.5]), dice_rows("b", [0.6, 0.4]))
    assert gallery_cases(per_case, 2) == ["case_0", "case_1"]


def test_many_words_or_none_are_no_classes() -> None:
    assert set(group_of([f"{letter}_1" for letter in "abcdefghi"]).values()) == {""}
    assert set(group_of(["001", "benign_2", "malignant_3"]).values()) == {""}


# What is drawn


@pytest.mark.parametrize("scale", [1.0, 0.4])
def test_an_outline_encloses_the_mask_and_spares_its_hole(scale: float) -> None:
    mask = ring()
    path = outline(mask, scale)
    assert path.count("M") == path.count("Z") == 2
    filled = fill(path, mask.shape, scale)
    assert (filled & mask).sum() / (filled | mask).sum() > 0.97
    assert len(path) < 900


def test_an_outline_is_closed_at_the_edge_of_the_image() -> None:
    mask = np.zeros((10, 12), bool)
    mask[:4, 7:] = True
    assert np.array_equal(fill(outline(mask), mask.shape), mask)
    numbers = np.array(re.findall(r"[\d.]+", outline(mask)), float).reshape(-1, 2)
    assert numbers.min(0).tolist() == [7, 0]
    assert numbers.max(0).tolist() == [12, 4]


def test_outlines_of_a_single_pixel_and_of_nothing() -> None:
    mask = np.zeros((5, 5), bool)
    assert outline(mask) == ""
    mask[1, 3] = True
    assert np.array_equal(fill(outline(mask), mask.shape), mask)


@pytest.mark.parametrize("size", [128, 600, 2000])
def test_the_smallest_alarms_are_drawn(size: int) -> None:
    mask = np.zeros((size, size), bool)
    mask[30, 40] = mask[90:92, 50:53] = True
    scale = min(1.0, 320 / size)
    contours = [np.array(part.split(), float) for part in re.findall(r"M([^MZ]*)Z", outline(mask, scale))]
    assert len(contours) == 2
    for contour, (x, y) in zip(sorted(contours, key=lambda each: each[0]), [(40.5, 30.5), (51.5, 91)], strict=True):
        corners = contour.reshape(-1, 2)
        assert len(np.unique(corners, axis=0)) >= 3
        assert (corners.min(0) + corners.max(0)) / 2 == pytest.approx(np.array([x, y]) * scale, abs=0.15)


@pytest.mark.parametrize(("size", "share"), [(2000, 0.02), (200, 0.6)])
def test_the_outline_of_noise_does_not_fill_the_page(size: int, share: float) -> None:
    mask = np.random.default_rng(0).random((size, size)) < share
    mask[: size // 2, : size // 2] = True
    path = outline(mask, min(1.0, 320 / size))
    assert len(path) < 120_000
    assert fill(path, (8, 8), min(size, 320) / 8)[:3, :3].all()  # the lesion is still there
    assert outline(mask[size // 2 :], min(1.0, 320 / size)) != ""  # and noise by itself is not hidden


def test_a_large_lesion_is_outlined_in_the_detail_of_its_picture() -> None:
    mask = ring().repeat(40, axis=0).repeat(40, axis=1)
    path = outline(mask, 320 / len(mask))
    filled = fill(path, (320, 320))
    at = ((np.arange(320) + 0.5) * len(mask) / 320).astype(int)
    shown = mask[np.ix_(at, at)]
    assert (filled & shown).sum() / (filled | shown).sum() > 0.97
    assert len(path) < 3000


def test_a_picture_is_as_small_as_its_best_format() -> None:
    rng = np.random.default_rng(0)
    speckle = rng.integers(0, 255, (200, 400), dtype=np.uint8)
    picture = decode(embed_pixels(speckle, 320))
    assert picture.size == (320, 160)
    assert len(embed_pixels(speckle, 320)) < 320 * 160  # a PNG of noise is larger than its pixels
    small = np.zeros((20, 30, 3), np.uint8)
    assert decode(embed_pixels(small, 320)).size == (30, 20)


def test_grey_levels_of_any_unit() -> None:
    image = np.linspace(-1000, 2000, 10_000).reshape(100, 100)
    levels = grey_levels(image)
    assert (levels.min(), levels.max()) == (0, 255)
    assert levels.mean() == pytest.approx(127.5, abs=1)
    assert not grey_levels(np.full((4, 4), 7.0)).any()


def test_the_slice_that_shows_most() -> None:
    truth, prediction, nothing = (np.zeros((5, 4, 4), bool) for _ in range(3))
    truth[3, :2] = truth[1, 0] = True
    prediction[4] = True
    assert fullest_slice([truth], [prediction]) == 3
    assert fullest_slice([nothing], [prediction]) == 4
    assert fullest_slice([nothing], [nothing]) == 2


# What is said


def gallery_of(runs: list, per_case: object) -> dict[str, GalleryCase]:
    by_name = {run.trainer: run for run in runs}
    cases = gallery_cases(per_case)
    return {case.name: case for case in build_gallery(by_name, per_case, cases)}


def test_scores_of_found_missed_and_normal_cases(tmp_path: Path) -> None:
    cases = ["benign_00", "benign_01", "normal_02"]
    runs = make_runs(tmp_path, cases, {"a": shifted(2), "b": alarming}, size=48)
    per_case = score(runs, 1)
    shown = gallery_of(runs, per_case)
    a, b = (run.trainer for run in runs)
    dice = per_case.set_index(["trainer", "case"])["dice"]
    assert [shown["benign_01"].scores[run]["lesion"].text for run in (a, b)] == [
        f"Dice {dice[a, 'benign_01']:.2f}",
        "Dice 1.00",
    ]
    missed = shown["benign_00"].scores[b]["lesion"]
    assert (missed.text, missed.missed, missed.alarm) == ("missed: nothing found", True, False)
    assert missed.gain == pytest.approx(-dice[a, "benign_00"])
    alarm = shown["normal_02"].scores[b]["lesion"]
    assert (alarm.text, alarm.missed, alarm.alarm, alarm.gain) == ("false alarm (100 px)", False, True, -1)
    assert shown["normal_02"].scores[a]["lesion"].text == "nothing found: right"
    assert {case.group for case in shown.values()} == {"benign", "normal"}


def test_contours_and_pictures_are_those_of_the_files(tmp_path: Path) -> None:
    runs = make_runs(tmp_path, ["benign_00"], {"a": shifted(0), "b": shifted(5)}, size=48)
    overlay = gallery_of(runs, score(runs, 1))["benign_00"].overlay
    truth = np.asarray(Image.open(tmp_path / "labels" / "benign_00.png")) > 0
    found = fill(overlay.predictions[runs[1].trainer]["lesion"], truth.shape)
    assert overlay.truth["lesion"] == overlay.predictions[runs[0].trainer]["lesion"] == outline(truth)
    assert np.array_equal(found, fill(outline(np.roll(truth, 5, axis=1)), truth.shape))
    assert overlay.pixels == {"lesion": truth.sum()}
    picture = np.asarray(decode(overlay.picture).convert("L"), float)
    image = np.asarray(Image.open(tmp_path / "images" / "benign_00_0000.png"), float)
    assert np.corrcoef(picture.ravel(), image.ravel())[0, 1] > 0.95


def test_a_case_without_image_has_contours_alone(tmp_path: Path) -> None:
    runs = make_runs(tmp_path, ["benign_00"], size=48, images=False)
    overlay = gallery_of(runs, score(runs, 1))["benign_00"].overlay
    assert overlay.picture == ""
    assert (overlay.width, overlay.height) == (48, 48)
    assert overlay.truth["lesion"].startswith("M")


@pytest.mark.parametrize("content", [b"", b"no picture"])
def test_a_case_whose_image_cannot_be_read_has_contours_alone(tmp_path: Path, content: bytes) -> None:
    runs = make_runs(tmp_path, ["benign_00", "benign_01"], size=48)
    (tmp_path / "images" / "benign_00_0000.png").write_bytes(content)
    shown = gallery_of(runs, score(runs, 1))
    assert shown["benign_00"].overlay.picture == ""
    assert shown["benign_00"].overlay.truth["lesion"].startswith("M")
    assert shown["benign_01"].overlay.picture != ""


def test_a_run_that_lacks_a_case_is_left_out_of_it(tmp_path: Path) -> None:
    both = make_runs(tmp_path / "both", ["benign_00", "benign_01"], {"a": shifted(1)}, size=48)
    one = make_runs(tmp_path / "one", ["benign_00"], {"b": shifted(2)}, size=48)
    shown = gallery_of(both + one, score(both + one, 1))
    assert list(shown["benign_01"].scores) == [both[0].trainer]
    scores = gallery_data(list(shown.values()), [both[0].trainer, one[0].trainer], ["lesion"])["cases"]
    lacking = next(case for case in scores if case["name"] == "benign_01")
    assert lacking["scores"][1] == [None]


@pytest.mark.parametrize(
    ("labels", "names"),
    [
        ({"background": 0, "disc": 1, "cup": 2}, {"disc", "cup"}),
        ({"background": 0, "disc": [1, 2], "cup": 2}, {"disc", "cup"}),
    ],
)
def test_volumes_show_their_fullest_slice_of_each_label(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, labels: dict, names: set[str]
) -> None:
    tree = ResultsTree(tmp_path, labels, num_cases=2, shape=(14, 20, 24), ending=".nii.gz", spacing=(3, 1, 1))
    tree.use(monkeypatch)
    tree.add_run("nnUNetTrainer", shift=1, configuration="3d_fullres")
    runs = find_runs(tree.dataset, "3d_fullres", ["0", "1"], ["nnUNetTrainer"], ["nnUNetPlans"])
    case = gallery_of(runs, score(runs, 1))["benign_000"]
    truth = tree.truth["benign_000"]
    areas = sum(np.isin(truth, value).sum((1, 2)) for name, value in labels.items() if name in names)
    assert case.overlay.place == f"slice {areas.argmax() + 1} of 14"
    assert (case.overlay.width, case.overlay.height) == (24, 20)
    for name in names:
        shown = np.isin(truth[areas.argmax()], labels[name])
        assert np.array_equal(fill(case.overlay.truth[name], shown.shape), shown)
        assert case.overlay.pixels[name] == np.isin(truth, labels[name]).sum()


def test_an_image_with_fewer_slices_than_its_mask_is_not_shown(tmp_path: Path) -> None:
    image, masks = tmp_path / "case_0000.nii.gz", tmp_path / "case.nii.gz"
    truth = np.zeros((5, 16, 20), np.uint8)
    truth[4, 3:9, 4:12] = 1
    SimpleITK.WriteImage(SimpleITK.GetImageFromArray(truth), masks)
    SimpleITK.WriteImage(SimpleITK.GetImageFromArray(np.ones((3, 16, 20), np.float32)), image)
    reader = MaskReader(SimpleITKIO(), {"lesion": (1,)})
    overlay = read_overlay({"a": reader}, {"a": Prediction("0", "case", masks, masks, image)}, 320)
    assert overlay.picture == ""
    assert overlay.place == "slice 5 of 5"
    assert np.array_equal(fill(overlay.truth["lesion"], (16, 20)), truth[4] > 0)
