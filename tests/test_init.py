"""The package: what importing it costs, and what it offers."""

import importlib
import pkgutil
import subprocess
import sys
from inspect import ismodule

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


ROOMS = ["", *(f".{module.name}" for module in pkgutil.iter_modules(xrf.__path__) if module.ispkg)]
FACES = {".cli", ".plugin"}


@pytest.mark.parametrize("room", [room for room in ROOMS if room not in FACES])
def test_every_name_of_a_stub_exists(room):
    package = importlib.import_module(f"napari_xrf_denoise{room}")
    assert package.__all__
    for name in package.__all__:
        assert getattr(package, name) is not None
    assert set(package.__all__) <= set(dir(package))
    modules = {module.name for module in pkgutil.iter_modules(package.__path__)}
    functions = {name for name in package.__all__ if not ismodule(getattr(package, name))}
    assert modules.isdisjoint(functions), "a module hides a function of its name"


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no_such_name"):
        _ = xrf.no_such_name
