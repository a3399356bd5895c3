"""The doctor's checks, each made to fail by the fault that it is for."""

import argparse
import importlib.metadata
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import torch

import nnunet_taichi
from nnunet_taichi.commands import doctor
from nnunet_taichi.commands.doctor import CheckFailed
from nnunet_taichi.nnunet.variables import DATA_VARIABLES, EXT_FOLDER, EXT_VARIABLE

REPOSITORY = Path(nnunet_taichi.__file__).parents[1]


@pytest.fixture
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The environment that `nnunet_taichi env` makes."""
    monkeypatch.setenv(EXT_VARIABLE, EXT_FOLDER)
    for name in DATA_VARIABLES:
        monkeypatch.setenv(name, str(tmp_path / name))
        (tmp_path / name).mkdir()
    return tmp_path


def run_doctor(environ: dict[str, str]) -> subprocess.CompletedProcess[str]:
    environ = {name: value for name, value in os.environ.items() if not name.startswith("nnUNet_")} | environ
    command = [sys.executable, "-m", "nnunet_taichi.cli", "doctor", "-device", "cpu"]
    return subprocess.run(
        command, env=environ | {"PYTHONPATH": str(REPOSITORY)}, capture_output=True, text=True, check=False
    )


def test_a_sound_machine_passes(folders: Path) -> None:
    done = run_doctor({name: os.environ[name] for name in (EXT_VARIABLE, *DATA_VARIABLES)})
    lines = done.stdout.splitlines()
    assert [line.split(": ")[0] for line in lines] == [f"ok      {name}" for name in doctor.CHECKS], done.stdout
    assert done.returncode == 0


def test_a_bare_environment_fails_and_names_the_cure() -> None:
    done = run_doctor({})
    lines = done.stdout.splitlines()
    failed = [i for i, line in enumerate(lines) if line.startswith("failed")]
    names = ["folders", "write access", "ext folder", "trainer"]
    assert [lines[i].split(": ")[0].removeprefix("failed  ") for i in failed] == names, done.stdout
    assert all('eval "$(nnunet_taichi env)"' in lines[i + 1] for i in failed)
    assert lines[-1].startswith("ok      torch.compile"), "a failed check must not stop the others"
    assert done.returncode == 1


@pytest.mark.parametrize("version", ["2.7.3", "3.0", "1.7.0"])
def test_other_hosts_are_refused(version: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.metadata, "version", lambda name: version)
    with pytest.raises(CheckFailed, match=version) as failure:
        doctor.check_host("cpu")
    assert "nnunetv2>=2.8,<3" in failure.value.cure


@pytest.mark.parametrize("version", ["2.8", "2.8.1", "2.10.0rc1"])
def test_fitting_hosts_pass(version: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.metadata, "version", lambda name: version)
    assert doctor.check_host("cpu") == f"nnunetv2 {version}"


def test_missing_host_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def version(name: str) -> str:
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(importlib.metadata, "version", version)
    with pytest.raises(CheckFailed, match="not installed"):
        doctor.check_host("cpu")


@pytest.mark.parametrize(
    "fault",
    [
        "raise RuntimeError('operator torchvision::nms does not exist')",
        "raise OSError('libcudart.so: cannot open shared object file')",
        "import a_module_that_is_not_there",
    ],
)
def test_torchvision_beside_a_foreign_torch(fault: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "torchvision.py").write_text(fault)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "torchvision", raising=False)
    with pytest.raises(CheckFailed, match="import torchvision: ") as failure:
        doctor.check_torch("cpu")
    assert "pip install" in failure.value.cure


def test_excluded_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch, "__version__", "2.9.1+cpu")
    with pytest.raises(CheckFailed, match=r"2\.9"):
        doctor.check_torch("cpu")


def test_missing_distutils(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "distutils.file_util", None)
    monkeypatch.setitem(sys.modules, "distutils", None)
    with pytest.raises(CheckFailed) as failure:
        doctor.check_distutils("cpu")
    assert failure.value.cure == "pip install setuptools"


def test_missing_folder_is_named(folders: Path) -> None:
    (folders / "nnUNet_raw").rmdir()
    with pytest.raises(CheckFailed, match=re.escape(str(folders / "nnUNet_raw"))) as failure:
        doctor.check_folders("cpu")
    assert "mkdir" in failure.value.cure


@pytest.mark.parametrize("name", doctor.WRITTEN)
def test_unwritable_folder_is_named(name: str, folders: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folders / "file").touch()
    monkeypatch.setenv(name, str(folders / "file"))  # nobody can write into a file as a folder, root included
    with pytest.raises(CheckFailed, match="cannot write to") as failure:
        doctor.check_write_access("cpu")
    assert name in failure.value.cure


def test_write_access_leaves_nothing_behind(folders: Path) -> None:
    doctor.check_write_access("cpu")
    assert [path for path in folders.rglob("*") if path.is_file()] == []


def test_foreign_ext_folder_is_not_ours(folders: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(EXT_VARIABLE, str(folders))
    with pytest.raises(CheckFailed, match="does not hold"):
        doctor.check_ext_variable("cpu")
    with pytest.raises(CheckFailed, match="does not find"):
        doctor.check_lookup("cpu")


def test_lookup_prints_nothing(folders: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert doctor.check_lookup("cpu").startswith("nnunet_taichi.")
    assert capsys.readouterr().out == ""


def test_absent_cuda_names_the_way_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(CheckFailed) as failure:
        doctor.check_device("cuda")
    assert "-device cpu" in failure.value.cure


def test_absent_mps_names_the_way_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    with pytest.raises(CheckFailed) as failure:
        doctor.check_device("mps")
    assert "-device cpu" in failure.value.cure


@pytest.mark.parametrize(("available", "expected"), [(True, "cuda"), (False, "cpu")])
def test_default_device(available: bool, expected: str, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []
    monkeypatch.setattr(torch.cuda, "is_available", lambda: available)
    monkeypatch.setattr(doctor, "CHECKS", {"device": lambda device: seen.append(device) or device})
    assert doctor.run(argparse.Namespace(device=None)) == 0
    assert seen == [expected]


def test_training_step_is_repeatable_from_a_seed() -> None:
    torch.manual_seed(0)
    first = doctor.training_step("cpu")
    torch.manual_seed(0)
    assert 0 < first == doctor.training_step("cpu")


def test_training_step_refuses_a_broken_loss(monkeypatch: pytest.MonkeyPatch) -> None:
    images, masks = doctor._phantom_batch()
    monkeypatch.setattr(doctor, "_phantom_batch", lambda: (images * torch.nan, masks))
    with pytest.raises(CheckFailed, match="the loss is nan"):
        doctor.training_step("cpu")


def test_training_step_names_a_parameter_that_does_not_learn(monkeypatch: pytest.MonkeyPatch) -> None:
    from nnunet_taichi.architectures import taichinet

    build = taichinet.paper_taichinet

    def with_idle_parameter(**arguments: int) -> torch.nn.Module:
        network = build(**arguments)
        network.idle = torch.nn.Parameter(torch.zeros(1))
        return network

    monkeypatch.setattr(taichinet, "paper_taichinet", with_idle_parameter)
    with pytest.raises(CheckFailed, match="no gradient for idle"):
        doctor.training_step("cpu")


@pytest.mark.slow
def test_compiled_step_trains_the_whole_network(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """It is slow where C++ is compiled; all is compiled anew, wherever the user's cache lies, which stays as it is."""
    monkeypatch.setenv(doctor.CACHES[0], str(tmp_path))
    monkeypatch.delenv(doctor.CACHES[1], raising=False)
    torch.compiler.reset()
    torch._dynamo.utils.counters.clear()
    assert 0 < doctor.compiled_step("cpu") < 10
    counters = torch._dynamo.utils.counters
    assert counters["stats"]["unique_graphs"] == 2  # network and loss, each in one piece
    assert not counters["graph_break"]
    assert list(tmp_path.iterdir()) == []
    assert os.environ[doctor.CACHES[0]] == str(tmp_path)
    assert doctor.CACHES[1] not in os.environ


@pytest.mark.gpu
def test_compiled_step_on_cuda() -> None:
    assert 0 < doctor.compiled_step("cuda") < 10


@pytest.mark.parametrize("device", ["cpu", "mps"])
def test_compiling_is_not_tried_where_nnunet_does_not(device: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("nnUNet_compile", "t")
    monkeypatch.delattr(doctor, "compiled_step")
    assert doctor.check_compile(device) == f"not tried: nnU-Net does not compile on {device}"


class TestCompileOnCuda:
    @pytest.fixture(autouse=True)
    def cuda(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
        monkeypatch.delenv("nnUNet_compile", raising=False)

    def test_tried_by_default(self, monkeypatch: pytest.MonkeyPatch) -> None:
        tried: list[str] = []
        monkeypatch.setattr(doctor, "compiled_step", lambda device: tried.append(device) or 0.5)
        assert doctor.check_compile("cuda").startswith("loss 0.500 on a phantom, ")
        assert tried == ["cuda"]

    @pytest.mark.parametrize("value", ["f", "0", "False"])
    def test_switched_off(self, value: str, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("nnUNet_compile", value)
        monkeypatch.delattr(doctor, "compiled_step")
        assert doctor.check_compile("cuda") == f"switched off by nnUNet_compile={value}"

    def test_not_tried_on_windows(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delattr(doctor, "compiled_step")
        with monkeypatch.context() as patch:
            patch.setattr(os, "name", "nt")
            found = doctor.check_compile("cuda")
        assert found == "not tried: nnU-Net does not compile on Windows"

    def test_without_a_device(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """The check of the device says the cure; none of this one's would help."""
        monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
        monkeypatch.delattr(doctor, "compiled_step")
        assert doctor.check_compile("cuda") == "not tried: there is no CUDA device"

    def test_failure_is_one_line_with_its_cure(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def fail(device: str) -> float:
            raise RuntimeError(
                "Failed to find C compiler.\nPlease specify via CC.\n\nSet TORCHDYNAMO_VERBOSE=1 for more"
            )

        monkeypatch.setattr(doctor, "compiled_step", fail)
        with pytest.raises(CheckFailed) as failure:
            doctor.check_compile("cuda")
        assert str(failure.value) == "RuntimeError: Failed to find C compiler. Please specify via CC."
        assert failure.value.cure.startswith("export nnUNet_compile=f ")
        assert all(name in failure.value.cure for name in ("gcc", "python3-dev", "triton"))


def test_a_crash_is_reported_and_does_not_stop_the_others(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def crash(device: str) -> str:
        raise KeyError("surprise")

    monkeypatch.setattr(doctor, "CHECKS", {"first": crash, "second": lambda device: f"on {device}"})
    assert doctor.run(argparse.Namespace(device="cpu")) == 1
    out = capsys.readouterr().out
    assert "failed  first: KeyError: 'surprise'\n        cure: " in out
    assert out.endswith("ok      second: on cpu\n")
