import pytest

from nnunet_taichi.cli import build_parser, main
from nnunet_taichi.commands import explain
from nnunet_taichi.nnunet.variables import DATA_VARIABLES

AUROC = {"pixels": 0.75, "per_case_mean": None, "n": 3, "better_than_baseline": 1}


COMMAND = ["explain", "-d", "1", "-c", "2d", "-f", "0"]


def parse(*words):
    return build_parser("explain").parse_args([*COMMAND, *words])


def test_missing_variables_are_named_with_the_cure(monkeypatch, capsys):
    for name in DATA_VARIABLES:
        monkeypatch.delenv(name, raising=False)
    assert main(COMMAND) == 1
    assert 'Run: eval "$(nnunet_taichi env)"' in capsys.readouterr().err


def test_a_data_set_that_the_host_does_not_know_is_one_error(monkeypatch, tmp_path, capsys):
    for name in (*DATA_VARIABLES, "nnUNet_extTrainer"):
        monkeypatch.setenv(name, str(tmp_path))
    assert main(COMMAND) == 1
    error = capsys.readouterr().err
    assert error.startswith("error: ")
    assert "Traceback" not in error


def test_cases_are_optional():
    assert parse().cases == []
    assert parse("a", "b").cases == ["a", "b"]


@pytest.fixture
def explanation():
    scores = {f"{metric}_mean": 0.5 for metric in ("dice", "jaccard", "precision", "sensitivity")}
    return {
        "outputs": {name: scores | {"n": 4} for name in ("fused", "lesion", "background")},
        "auroc": AUROC,
        "auroc_baseline": AUROC | {"pixels": 0.8},
        "risk_coverage": {"aurc": 0.3, "aurc_baseline": 0.2, "random": 0.4, "oracle": 0.1},
        "notes": ["This model has no attention."],
    }


def test_the_table_sets_disagreement_beside_the_baseline(explanation):
    lines = explain.describe(explanation)
    rows = [[cell.strip() for cell in row.strip("|").split("|")] for row in "\n".join(lines).splitlines()]
    numbers = {name: cells for name, *cells in rows}
    assert numbers["fused"] == ["0.500"] * 4
    assert numbers["disagreement"] == ["0.750", "-", "0.300"]
    assert numbers["fused probability"] == ["0.800", "-", "0.200"]
    assert (
        "AURC at random 0.400, at best 0.100. Disagreement has a higher AUROC than the fused probability in 1 of 3."
        in lines
    )
    assert "This model has no attention." in lines
