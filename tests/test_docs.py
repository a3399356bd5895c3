"""What the pages promise is there, and the checks of that can fail."""

import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
sys.path.append(str(ROOT / "docs"))
from checks import find_commands, find_faults  # noqa: E402

PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_pages_name_only_what_is_there(page: Path) -> None:
    assert list(find_faults(page.read_text(encoding="utf-8"))) == []


def test_readme_is_short_and_has_its_commands() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert len(text.encode()) < 5000
    assert ["nnunet_taichi", "demo"] in list(find_commands(text))


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        ("nnunet_taichi compare -d 1 -c 2d -tr nnUNetTrainer -o OUT --no-such-option", "--no-such-option"),
        ("nnunet_taichi comparee -d 1", "no command comparee"),
        ("nnunet_taichi compare -d 1 -c 2d -tr nnUNetTrainer", "-o"),
        ("nnUNetv2_train 1 2d 0 -tr nnUNetTrainerTaichi -device cpu --resume", "nnUNetv2_train has no option --resume"),
        ("nnUNetv2_train 1 2d 0 -tr nnUNetTrainerTaichi_Model8", "nnUNetTrainerTaichi_Model8"),
    ],
)
def test_a_wrong_command_is_found(line: str, fault: str) -> None:
    (found,) = find_faults(f"```bash\n{line}\n```")
    assert fault in found


@pytest.mark.parametrize(
    "name", ["nnUNetTrainerTaichi_Model8", "nnUNetPlannerTaichiFat", "nnunet_taichi.losses.none", "benchmarks/none.py"]
)
def test_a_name_that_is_not_there_is_found(name: str) -> None:
    assert list(find_faults(f"as `{name}`")) == [f"there is no {name}"]
