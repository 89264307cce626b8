"""The package: what importing it costs, and what it offers."""

import pkgutil
import subprocess
import sys

import pytest

import napari_xrf_denoise as xrf

HEAVY = ("torch", "qtpy", "PyQt6", "PySide6", "napari", "scipy", "dask", "matplotlib", "h5py")


def loaded_by(code: str) -> set[str]:
    listing = f"{code}\nimport sys; print('\\n'.join(sys.modules))"
    run = subprocess.run(
        [sys.executable, "-c", listing], capture_output=True, text=True, check=True
    )
    return {name.partition(".")[0] for name in run.stdout.split()}


def test_importing_the_package_loads_nothing_heavy():
    assert loaded_by("import napari_xrf_denoise").isdisjoint({*HEAVY, "numpy"})


def test_the_command_line_starts_without_torch():
    assert "torch" not in loaded_by("import napari_xrf_denoise.cli.app")


def test_reading_and_simulating_load_no_torch():
    code = "import napari_xrf_denoise as x; x.read; x.simulate_map; x.denoise; x.element_map"
    assert loaded_by(code).isdisjoint({"torch", "qtpy", "napari"})


def test_every_public_name_exists():
    for name in xrf.__all__:
        assert getattr(xrf, name) is not None
    assert set(xrf.__all__) <= set(dir(xrf))


def test_no_module_hides_a_function_of_its_name():
    modules = {module.name for module in pkgutil.iter_modules(xrf.__path__)}
    assert modules.isdisjoint(xrf.__all__)


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no_such_name"):
        _ = xrf.no_such_name
