"""Files that are torn, or of somebody else, under each command that reads them: one line that names the file."""

from pathlib import Path

import pytest
from results_tree import ResultsTree

from nnunet_taichi.cli import main
from nnunet_taichi.nnunet.variables import EXT_FOLDER, EXT_VARIABLE

TRAINER = "nnUNetTrainerTaichi"
FOLD = ["-d", "901", "-c", "2d", "-f", "0"]
COMMANDS = {
    "compare": ["compare", *FOLD, "-tr", TRAINER, "-np", "1", "-o", "out"],
    "explain": ["explain", *FOLD, "-device", "cpu"],
    "mine": ["mine", *FOLD, "-device", "cpu"],
    "plan": ["plan", "-d", "901", "-c", "2d"],
    "benchmark": ["benchmark", "plan.yaml", "--print"],
}
MODEL = f"nnUNet_results/Dataset901_Tiny/{TRAINER}__nnUNetPlans__2d"
PREPROCESSED = "nnUNet_preprocessed/Dataset901_Tiny"
READ = [
    ("compare", f"{MODEL}/dataset.json"),
    ("explain", f"{MODEL}/plans.json"),
    ("explain", f"{MODEL}/dataset.json"),
    ("explain", f"{MODEL}/fold_0/checkpoint_final.pth"),
    ("mine", f"{PREPROCESSED}/nnUNetPlans.json"),
    ("mine", f"{PREPROCESSED}/dataset.json"),
    ("mine", f"{PREPROCESSED}/splits_final.json"),
    ("plan", "nnUNet_raw/Dataset901_Tiny/dataset.json"),
    ("plan", f"{PREPROCESSED}/dataset_fingerprint.json"),
    ("benchmark", f"{PREPROCESSED}/nnUNetPlans.json"),
    ("benchmark", f"{MODEL}/plans.json"),
    ("benchmark", "plan.yaml"),
]
CONTENTS = [b"{", b"[]", b"{}", b'"x"', b"null", b"\xff\xfe\x00", b"[" * 100_000]
NESTED = [  # well-formed, but of other types further inside
    ("explain", f"{MODEL}/plans.json", b'"configurations":', b'"configurations": 5, "x":'),
    ("explain", f"{MODEL}/dataset.json", b'"labels":', b'"labels": null, "x":'),
    ("mine", f"{PREPROCESSED}/dataset.json", b'"labels":', b'"labels": 5, "x":'),
    ("mine", f"{PREPROCESSED}/splits_final.json", b'"train": [', b'"train": [5, '),
    ("mine", f"{PREPROCESSED}/splits_final.json", b'"val":', b'"val": null, "x":'),
]


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ResultsTree:
    tree = ResultsTree(tmp_path)
    tree.use(monkeypatch)
    monkeypatch.setenv(EXT_VARIABLE, EXT_FOLDER)
    monkeypatch.chdir(tmp_path)
    tree.add_run(TRAINER)
    plans = (tree.model(TRAINER) / "plans.json").read_bytes()
    (tree.preprocessed / "nnUNetPlans.json").write_bytes(plans.replace(b'"2d": {', b'"2d": {"architecture": {}, ', 1))
    (tmp_path / "plan.yaml").write_text(f"datasets: 901\ntrainers: {TRAINER}\nfolds: 0\ndevice: cpu\n")
    return tree


@pytest.mark.parametrize("content", CONTENTS, ids=lambda content: repr(content[:9]))
@pytest.mark.parametrize(("command", "file"), READ)
def test_the_file_is_named_and_nothing_is_raised(
    tree: ResultsTree, capfd: pytest.CaptureFixture[str], command: str, file: str, content: bytes
) -> None:
    (tree.root / file).write_bytes(content)
    assert main(COMMANDS[command]) == 1
    _, _, text = capfd.readouterr().err.rpartition("error: ")
    assert "--debug" not in text
    assert Path(file).name in text or str(tree.model(TRAINER)) in text


@pytest.mark.parametrize(("command", "file", "old", "new"), NESTED)
def test_other_types_inside_are_named_as_well(
    tree: ResultsTree, capfd: pytest.CaptureFixture[str], command: str, file: str, old: bytes, new: bytes
) -> None:
    content = (tree.root / file).read_bytes()
    assert old in content
    (tree.root / file).write_bytes(content.replace(old, new, 1))
    assert main(COMMANDS[command]) == 1
    _, _, text = capfd.readouterr().err.rpartition("error: ")
    assert "--debug" not in text
    assert Path(file).stem in text


@pytest.mark.parametrize("content", CONTENTS, ids=lambda content: repr(content[:9]))
def test_a_torn_split_does_not_keep_from_comparing(tree: ResultsTree, content: bytes) -> None:
    (tree.preprocessed / "splits_final.json").write_bytes(content)
    assert main(COMMANDS["compare"]) == 0
