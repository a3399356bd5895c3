"""Options and fixtures for all tests."""

import os
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import pytest
import torch

# before the host is imported: a killed pool of many workers is slow to start on two cores
os.environ.setdefault("nnUNet_def_n_proc", "2")
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
if "PYTEST_XDIST_WORKER" in os.environ:  # with more threads than cores, test processes slow each other down
    os.environ["OMP_NUM_THREADS"] = "1"
    torch.set_num_threads(1)

try:  # commands that tests start run what is installed, or else this checkout
    version("nnunet_taichi")
except PackageNotFoundError:
    os.environ["PYTHONPATH"] = str(Path(__file__).parents[1])


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--realdata", type=Path, help="folder of the real data sets, as BUSI/Dataset_BUSI_with_GT")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    for item in items:
        if "realdata" in item.keywords and not config.getoption("--realdata"):
            item.add_marker(pytest.mark.skip(reason="needs --realdata DIR"))
        if "gpu" in item.keywords and not torch.cuda.is_available():
            item.add_marker(pytest.mark.skip(reason="needs a CUDA device"))


@pytest.fixture
def realdata(request: pytest.FixtureRequest) -> Path:
    return request.config.getoption("--realdata").resolve()


@pytest.fixture(autouse=True)
def _seeded() -> None:
    torch.manual_seed(0)
