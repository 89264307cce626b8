"""Counts in units of photons again."""

import numpy as np
import pytest

from napari_xrf_denoise.core.errors import DataError, SettingsError
from napari_xrf_denoise.core.spectrum_image import SpectrumImage
from napari_xrf_denoise.processing.photon_units import to_photon_counts

PHOTONS = np.random.default_rng(0).poisson(np.geomspace(0.1, 3000, 60), (2, 5, 4, 60))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("unit", [0.5, 1 / 3, 1 / 0.37, 3])
def test_multiples_of_a_unit_are_photons(unit, dtype):
    image = SpectrumImage((PHOTONS * unit).astype(dtype), name="rates")
    found = to_photon_counts(image, float(f"{unit:.6g}"))
    np.testing.assert_array_equal(np.asarray(found.counts), PHOTONS)
    assert found.counts.dtype.kind == "u"
    assert found.name == "rates"
    assert found.metadata["photon_unit"] == pytest.approx(unit, rel=1e-5)


def test_the_cube_is_not_copied():
    image = SpectrumImage(PHOTONS * 0.5)
    assert not isinstance(to_photon_counts(image, 0.5).counts, np.ndarray)


def test_counts_of_another_unit_are_refused():
    with pytest.raises(DataError, match=r"multiples of 0.4, found 0\.5"):
        to_photon_counts(SpectrumImage(np.array([[[[0, 0.5, 2.0]]]])), 0.4)


@pytest.mark.parametrize("unit", [0, -1, float("nan"), float("inf")])
def test_a_unit_is_above_0(unit):
    with pytest.raises(SettingsError, match="expected a number above 0"):
        to_photon_counts(SpectrumImage(PHOTONS), unit)


def test_more_photons_than_a_count_holds_are_refused():
    with pytest.raises(DataError, match="a count of 1 would be more than 4,294,967,295 photons"):
        to_photon_counts(SpectrumImage(np.ones((1, 1, 1, 4))), 1e-10)
    most = to_photon_counts(SpectrumImage(np.full((1, 1, 1, 4), 2.0**32 - 1)), 1)
    assert int(np.asarray(most.counts).max()) == 2**32 - 1


def test_a_unit_of_a_unit_is_one_of_the_file():
    image = SpectrumImage(2 * PHOTONS * 0.25)
    found = to_photon_counts(to_photon_counts(image, 0.25), 2)
    np.testing.assert_array_equal(np.asarray(found.counts), PHOTONS)
    assert found.metadata["photon_unit"] == 0.5
