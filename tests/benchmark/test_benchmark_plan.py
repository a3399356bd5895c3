"""PLAN.yaml by itself: what it may say, and what each mistake is answered with."""

from pathlib import Path

import pytest

from nnunet_taichi import trainers
from nnunet_taichi.matrix.fields import DEFAULTS
from nnunet_taichi.matrix.plan_file import Benchmark, PlanError, read_plan
from nnunet_taichi.planning.catalogue import PLANNING

EXAMPLE = Path(__file__).parents[2] / "benchmarks" / "matrix.yaml"


def read(tmp_path: Path, text: str) -> tuple[Benchmark, list[str]]:
    (tmp_path / "plan.yaml").write_text(text)
    return read_plan(tmp_path / "plan.yaml")


def test_the_example_is_a_plan_of_trainers_that_exist() -> None:
    benchmark, problems = read_plan(EXAMPLE)
    assert problems == []
    assert len(benchmark.models) == 9
    assert benchmark.folds == ("0", "1", "2", "3", "4")
    for trainer, plans in benchmark.models:
        assert getattr(trainers, trainer).__name__ == trainer
        assert plans in PLANNING


def test_what_a_plan_need_not_say(tmp_path: Path) -> None:
    benchmark, problems = read(tmp_path, "datasets: 101\ntrainers: nnUNetTrainer")
    assert problems == []
    assert dict(benchmark) == {
        "output": tmp_path.resolve() / "plan_output",
        "datasets": ("101",),
        "trainers": (("nnUNetTrainer", None),),
        "configurations": ("2d",),
        "plans": ("nnUNetPlans",),
        "folds": ("0", "1", "2", "3", "4"),
        "device": "cuda",
        "resources": {},
    }
    assert {kind: benchmark.resources_of(kind) for kind in DEFAULTS} == DEFAULTS


def test_trainers_may_have_plans_of_their_own(tmp_path: Path) -> None:
    benchmark, problems = read(tmp_path, "datasets: [1]\ntrainers: [A, B: P, C: [P, Q]]\nplans: [R, S]")
    assert problems == []
    assert benchmark.models == [("A", "R"), ("A", "S"), ("B", "P"), ("C", "P"), ("C", "Q")]


def test_output_is_seen_from_where_the_plan_lies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir("/")
    assert read(tmp_path, "output: ../there")[0].output.resolve() == tmp_path.resolve().parent / "there"
    assert read(tmp_path, "output: /elsewhere")[0].output == Path("/elsewhere")


def test_resources_replace_only_what_they_name(tmp_path: Path) -> None:
    benchmark, problems = read(tmp_path, "datasets: 1\ntrainers: A\nresources: {train: {hours: 0.5, gpus: 2}}")
    assert problems == []
    train, default = benchmark.resources_of("train"), DEFAULTS["train"]
    assert (train.hours, train.gpus, train.cpus, train.memory_gb) == (0.5, 2, default.cpus, default.memory_gb)
    assert benchmark.resources_of("mine") == DEFAULTS["mine"]


def test_without_cuda_no_job_takes_a_gpu(tmp_path: Path) -> None:
    benchmark, _ = read(tmp_path, "datasets: 1\ntrainers: A\ndevice: cpu\nresources: {train: {gpus: 1}}")
    assert [benchmark.resources_of(kind).gpus for kind in DEFAULTS] == [0, 0, 0, 0]


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("trainer: [A]", "trainer: there is no such key; did you mean trainers ("),
        ("xyz: 1", "xyz: there is no such key; keys are datasets, trainers,"),
        ("path: x", "path: there is no such key; keys are datasets, trainers,"),
        ("1: x", "1: there is no such key; keys are datasets, trainers,"),
        ("folds: [0, 1, 0]", "0 is named twice; name each once"),
        ("folds: [0, '0']", "0 is named twice; name each once"),
        ("folds: [-1]", "there is no fold -1; folds are numbers from 0 on, or all, got -1 (a number)"),
        ("folds: [1.5]", "should be a whole number or text, got 1.5 (float)"),
        ("folds: [true]", "should be a whole number or text, got True (true or false)"),
        ("folds: [first]", "there is no fold first; folds are numbers from 0 on, or all, got 'first' (text)"),
        ("folds: []", "the list is empty; name at least one"),
        ("configurations: 2", "should be a valid string, got 2 (a number)"),
        ("plans:", "should be a valid string, got None (nothing)"),
        ("plans: {a: b}", "should be a valid string, got {'a': 'b'} (a mapping)"),
        ("device: gpu", "should be 'cuda', 'cpu' or 'mps', got 'gpu' (text)"),
        ("output: 7", "should be the path of a folder, got 7 (a number)"),
        ("resources: 8", "should be lines such as 'train: {gpus: 1, hours: 48}', got 8 (a number)"),
        ("resources: {training: {}}", "should be 'preprocess', 'mine', 'train' or 'compare', got 'training' (text)"),
        (
            "resources: {train: {ram: 3}}",
            "train: ram: there is no such key; keys are cpus, gpus, memory_gb, hours, got",
        ),
        ("resources: {train: {gpus: 0.5}}", "train: gpus: should be a valid integer, got 0.5 (float)"),
        ("resources: {mine: {cpus: 0}}", "mine: cpus: should be greater than 0, got 0 (a number)"),
        ("resources: {mine: {hours: long}}", "mine: hours: should be a valid number, got 'long' (text)"),
        ("resources: {mine: {hours: 0}}", "mine: hours: should be greater than 0, got 0 (a number)"),
        ("resources: {mine: {hours: .nan}}", "mine: hours: should be a finite number, got nan (float)"),
        ("resources: {mine: {hours: true}}", "mine: hours: should be a valid number, got True (true or false)"),
        ("resources: {mine: {gpus: -1}}", "mine: gpus: should be greater than or equal to 0, got -1 (a number)"),
        ("resources: {mine: {hours: 1:30}}", "mine: hours: should be a valid number, got '1:30' (text)"),
        ("folds: ['00']", "there is no fold 00; folds are numbers from 0 on, or all"),
        ("resources: {mine: 4}", "mine: should be some of cpus, gpus, memory_gb, hours, got 4 (a number)"),
    ],
)
def test_a_mistake_says_what_was_expected(tmp_path: Path, line: str, problem: str) -> None:
    _, problems = read(tmp_path, f"datasets: 1\ntrainers: A\n{line}")
    assert len(problems) == 1
    assert problem in problems[0]
    assert problems[0].startswith(line.split(":")[0])


@pytest.mark.parametrize(
    ("trainers", "problem"),
    [
        ("[A, B: P, A: Q]", "A is named twice; name each once, got ['A', {'B': 'P'}, {'A': 'Q'}] (a list)"),
        ("[]", "the list is empty; name at least one, got [] (a list)"),
        ("[A, [B]]", "should be a valid string, got ['B'] (a list)"),
        ("[A: [P, P]]", "P is named twice; name each once, got ['P', 'P'] (a list)"),
        ("[A: true]", "should be a valid string, got True (true or false)"),
        ("['']", "should have at least 1 character, got '' (text)"),
    ],
)
def test_mistakes_about_trainers(tmp_path: Path, trainers: str, problem: str) -> None:
    benchmark, problems = read(tmp_path, f"datasets: 1\ntrainers: {trainers}")
    assert benchmark.models == []
    assert len(problems) == 1
    assert problems[0].startswith("trainers (names of trainers, ")
    assert problems[0].endswith(problem)


def test_all_mistakes_of_a_key_are_told(tmp_path: Path) -> None:
    _, problems = read(tmp_path, "datasets: [1, true, '']\ntrainers: A\nresources: {train: {ram: 1, cpus: 0}, mine: 1}")
    assert [problem.split()[0] for problem in problems] == ["datasets"] * 2 + ["resources"] * 3


def test_all_mistakes_are_told_at_once(tmp_path: Path) -> None:
    _, problems = read(tmp_path, "trainers: [A, A]\nfold: 0\ndevice: tpu")
    assert [problem.split()[0] for problem in problems] == ["datasets", "trainers", "device", "fold:"]
    assert problems[0] == "datasets (ids or names of nnU-Net data sets): is missing; add it"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("trainers: [A", "it is not YAML"),
        ("folds: 0\ntrainers: A\nfolds: 1", "folds is there twice; write each key once"),
        ("- A\n- B", "expected lines such as 'trainers: [nnUNetTrainer]', got ['A', 'B'] (a list)"),
        ("", "got None (nothing)"),
    ],
)
def test_what_is_no_plan_at_all(tmp_path: Path, text: str, problem: str) -> None:
    with pytest.raises(PlanError) as error:
        read(tmp_path, text)
    assert problem in str(error.value)
    assert str(tmp_path / "plan.yaml") in str(error.value)
