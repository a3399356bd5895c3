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
    assert benchmark == Benchmark(
        path=tmp_path.resolve() / "plan.yaml",
        output=tmp_path.resolve() / "plan_output",
        datasets=("101",),
        trainers=(("nnUNetTrainer", ()),),
        configurations=("2d",),
        plans=("nnUNetPlans",),
        folds=("0", "1", "2", "3", "4"),
        device="cuda",
        resources=DEFAULTS,
    )


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
        ("folds: [0, 1, 0]", "0 is there twice; name each once"),
        ("folds: [-1]", "expected a number from 0 on or text, or a list of such, got -1 (a number)"),
        ("folds: [1.5]", "got 1.5 (float)"),
        ("folds: [true]", "got True (true or false)"),
        ("folds: [first]", "there is no fold first; folds are numbers from 0 on, or all"),
        ("folds: []", "the list is empty; name at least one"),
        ("configurations: 2", "expected text, or a list of such, got 2 (a number)"),
        ("plans:", "got None (nothing)"),
        ("plans: {a: b}", "got {'a': 'b'} (a mapping)"),
        ("device: gpu", "expected one of cuda, cpu, mps, got 'gpu' (text)"),
        ("output: 7", "expected the path of a folder, got 7 (a number)"),
        ("resources: 8", "expected lines as 'train: {gpus: 1, hours: 48}', got 8 (a number)"),
        ("resources: {training: {}}", "there are no jobs training; jobs are preprocess, mine, train, compare"),
        ("resources: {train: {ram: 3}}", "train: expected some of cpus, gpus, memory_gb, hours, got {'ram': 3}"),
        ("resources: {train: {gpus: 0.5}}", "train: gpus is a whole number from 0 on, got 0.5 (float)"),
        ("resources: {mine: {cpus: 0}}", "mine: cpus is a whole number from 1 on, got 0 (a number)"),
        ("resources: {mine: {hours: long}}", "mine: hours is a number from 0.01 on, got 'long' (text)"),
    ],
)
def test_a_mistake_says_what_was_expected(tmp_path: Path, line: str, problem: str) -> None:
    _, problems = read(tmp_path, f"datasets: 1\ntrainers: A\n{line}")
    assert len(problems) == 1
    assert problem in problems[0]
    assert problems[0].startswith(line.split(":")[0])


def test_all_mistakes_are_told_at_once(tmp_path: Path) -> None:
    _, problems = read(tmp_path, "trainers: [A, A]\nfold: 0\ndevice: tpu")
    assert [problem.split()[0] for problem in problems] == ["datasets", "trainers", "fold:", "device"]
    assert problems[0] == "datasets (ids or names of nnU-Net data sets): is missing; add it"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("trainers: [A", "it is not YAML"),
        ("folds: 0\ntrainers: A\nfolds: 1", "folds is there twice"),
        ("- A\n- B", "expected lines as 'trainers: [nnUNetTrainer]', got ['A', 'B'] (a list)"),
        ("", "got None (nothing)"),
    ],
)
def test_what_is_no_plan_at_all(tmp_path: Path, text: str, problem: str) -> None:
    with pytest.raises(PlanError) as error:
        read(tmp_path, text)
    assert problem in str(error.value)
    assert str(tmp_path / "plan.yaml") in str(error.value)
