"""The folders show the architecture: few entries at each level, and tests where their module is."""

from pathlib import Path

import pytest

import napari_xrf_denoise

SOURCE = Path(napari_xrf_denoise.__file__).parent
TESTS = Path(__file__).parent
FOLDERS = [SOURCE, *(folder for folder in SOURCE.rglob("*") if (folder / "__init__.py").exists())]
TEST_FILES = sorted(TESTS.rglob("test_*.py"))
WHOLE = {"test_docs", "test_house", "test_init", "test_damaged_files", "test_round_trips"}
"""Tests of the program as a whole, or of all readers."""


def entries(folder: Path) -> list[str]:
    """Return modules and folders, the package's own ``__init__`` among them."""
    modules = [path.name for path in folder.glob("*.py")]
    return modules + [path.parent.name for path in folder.glob("*/__init__.py")]


def test_the_package_has_at_most_twelve_entries():
    assert len(entries(SOURCE)) <= 12, entries(SOURCE)


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_no_folder_has_more_than_sixteen_modules(folder):
    modules = {path.stem for path in folder.glob("*.py")} - {"__init__"}
    assert len(modules) <= 16, modules


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_every_folder_says_what_it_is_for(folder):
    assert (folder / "__init__.py").read_text(encoding="utf-8").startswith('"""')


def has_module(test: Path) -> bool:
    """Whether a test file stands where its module does: test_MODULE.py or test_MODULE_topic.py."""
    folder = SOURCE / test.parent.relative_to(TESTS)
    name = test.stem.removeprefix("test_")
    modules = {path.stem.lstrip("_") for path in folder.glob("*.py")}
    return any(name == module or name.startswith(f"{module}_") for module in modules)


@pytest.mark.parametrize("test", TEST_FILES, ids=lambda path: str(path.relative_to(TESTS)))
def test_tests_mirror_the_folders(test):
    whole = test.stem in WHOLE or (test.parent.name == "plugin" and test.parent.parent == TESTS)
    assert whole or has_module(test)
