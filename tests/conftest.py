import os
from pathlib import Path

import numpy as np
import pytest

from napari_xrf_denoise.energy_axis import EnergyAxis
from napari_xrf_denoise.spectrum_image import SpectrumImage


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
def make_image():
    """Return a function that makes an image whose counts all differ by position."""

    def make(shape=(2, 3, 4, 40), dtype=np.uint16, **fields):
        counts = (np.arange(np.prod(shape)) % 251).astype(dtype).reshape(shape)
        fields.setdefault("energy", EnergyAxis(-0.02, 0.01, shape[-1]))
        return SpectrumImage(counts, **fields)

    return make


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
