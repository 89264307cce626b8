import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from napari_xrf_denoise.core.energy_axis import EnergyAxis
from napari_xrf_denoise.core.factored_counts import FactoredCounts
from napari_xrf_denoise.core.spectrum_image import SpectrumImage


def pytest_configure(config):
    """Leave napari's settings alone; give each process of pytest-xdist a screen and a core.

    A mouse and a focus cannot be shared, and torch's threads wait for each other where more of
    them run than there are cores.
    """
    # Empty: settings are the default ones, and nothing is written.
    os.environ["NAPARI_CONFIG"] = ""
    if "PYTEST_XDIST_WORKER" not in os.environ:
        return
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    if not shutil.which("Xvfb"):
        return
    read, write = os.pipe()
    server = subprocess.Popen(
        ["Xvfb", "-displayfd", str(write), "-screen", "0", "1600x1000x24", "-nolisten", "tcp"],
        pass_fds=[write],
        stderr=subprocess.DEVNULL,
    )
    os.close(write)
    with os.fdopen(read) as answer:
        number = answer.readline().strip()
    if not number:
        pytest.exit("Xvfb does not start; run the tests in one process: pytest -n 0", returncode=1)
    os.environ["DISPLAY"] = f":{number}"
    config.add_cleanup(server.wait)
    config.add_cleanup(server.terminate)


def pytest_collection_modifyitems(items):
    """Run the slow tests last, so that a mistake is seen early."""
    items.sort(key=lambda item: item.get_closest_marker("slow") is not None)


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Folder of measured data, which are not part of the project; see its PROVENANCE.md."""
    default = Path(__file__).resolve().parents[2] / "shared" / "data"
    folder = Path(os.environ.get("XRF_DENOISE_DATA") or default)
    if not folder.is_dir():
        pytest.skip(f"needs the measured data in {folder}; set XRF_DENOISE_DATA to their folder")
    return folder


@pytest.fixture
def run(monkeypatch, capsys, tmp_path):
    """Return a function that runs a command in an empty folder: (exit status, out, err)."""
    from napari_xrf_denoise.cli import app as cli

    monkeypatch.chdir(tmp_path)

    def call(*arguments):
        monkeypatch.setattr(sys, "argv", ["xrf-denoise", *map(str, arguments)])
        with pytest.raises(SystemExit) as end:
            cli.main()
        printed = capsys.readouterr()
        return end.value.code or 0, printed.out, " ".join(printed.err.split())

    return call


@pytest.fixture
def make_image():
    """Return a function that makes an image whose counts all differ by position."""

    def make(shape=(2, 3, 4, 40), dtype=np.uint16, **fields):
        counts = (np.arange(np.prod(shape)) % 251).astype(dtype).reshape(shape)
        fields.setdefault("energy", EnergyAxis(-0.02, 0.01, shape[-1]))
        return SpectrumImage(counts, **fields)

    return make


@pytest.fixture
def factored():
    """Return counts in factors, and the same in full, computed without the code under test.

    All values are quarters of small whole numbers, of which products and sums are exact.
    """
    rng = np.random.default_rng(3)
    scores = rng.integers(-8, 20, (5, 6, 3)) / 4
    spectra = rng.integers(-4, 12, (3, 8)) / 4
    places, rows = [3, 13, 29], rng.integers(100, 200, (3, 8)) / 4
    full = np.einsum("yxr,re->yxe", scores, spectra).clip(0, None).reshape(30, 8)
    full[places] = rows
    counts = FactoredCounts(scores, spectra, places, rows)
    return counts, full.astype(np.float32).reshape(1, 5, 6, 8)


@pytest.fixture
def assert_same():
    """Return a function that checks that nothing was lost between two images."""

    def check(found, expected):
        np.testing.assert_array_equal(np.asarray(found.counts), np.asarray(expected.counts))
        assert found.counts.dtype == expected.counts.dtype
        np.testing.assert_array_equal(found.energy.centers, expected.energy.centers)
        assert found.energy.as_dict() == expected.energy.as_dict()
        assert found.pixel_size == expected.pixel_size
        assert found.pixel_unit == expected.pixel_unit
        assert found.repeat_kind == expected.repeat_kind
        assert found.name == expected.name

    return check
