"""Counts in units of photons again."""

import numpy as np
import pytest

from napari_xrf_denoise.errors import DataError, SettingsError
from napari_xrf_denoise.photon_unit import in_photons
from napari_xrf_denoise.spectrum_image import SpectrumImage

PHOTONS = np.random.default_rng(0).poisson(np.geomspace(0.1, 3000, 60), (2, 5, 4, 60))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("unit", [0.5, 1 / 3, 1 / 0.37, 3])
def test_multiples_of_a_unit_are_photons(unit, dtype):
    image = SpectrumImage((PHOTONS * unit).astype(dtype), name="rates")
    found = in_photons(image, float(f"{unit:.6g}"))
    np.testing.assert_array_equal(np.asarray(found.counts), PHOTONS)
    assert found.is_integer()
    assert found.name == "rates"
    assert found.metadata["photon_unit"] == pytest.approx(unit, rel=1e-5)


def test_the_cube_is_not_copied():
    image = SpectrumImage(PHOTONS * 0.5)
    assert not isinstance(in_photons(image, 0.5).counts, np.ndarray)


def test_counts_of_another_unit_are_refused():
    with pytest.raises(DataError, match=r"multiples of 0.4, found 0\.5"):
        in_photons(SpectrumImage(np.array([[[[0, 0.5, 2.0]]]])), 0.4)


@pytest.mark.parametrize("unit", [0, -1, float("nan"), float("inf")])
def test_a_unit_is_above_0(unit):
    with pytest.raises(SettingsError, match="expected a number above 0"):
        in_photons(SpectrumImage(PHOTONS), unit)
