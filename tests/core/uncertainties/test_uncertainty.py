import numpy as np
import pytest

import napari_xrf_denoise as xrf
from napari_xrf_denoise.processing.element_maps import element_map
from napari_xrf_denoise.processing.spectra import PixelSums, spectrum
from napari_xrf_denoise.processing.standard_deviations import sum_deviation
from napari_xrf_denoise.spectroscopy.xray_lines import line_energy

NORMAL = 1.645
"""Standard deviations to either side that hold 90 % of a normal distribution."""


@pytest.fixture(scope="module", params=["stack", "pca"])
def denoised(request):
    """A result, and the same image with the true rate in place of counts."""
    image, rate = xrf.simulate_map(shape=(48, 48), n_channels=256, counts_per_pixel=200, seed=3)
    result = xrf.denoise(image, method=request.param, preset="fast", seed=0, device="cpu").image
    return result, xrf.SpectrumImage(rate[None], image.energy, metadata=image.metadata)


def inside(denoised, element):
    """Whether the true counts of an element are in the interval, and the counts; (y, x)."""
    result, truth = denoised
    line = "Ka" if line_energy(element, "Ka") < 15.3 else "La"
    counts, deviation = element_map(result, element, line, error=True)
    return np.abs(element_map(truth, element, line) - counts) < NORMAL * deviation, counts


def test_intervals_hold_the_true_counts_nine_times_in_ten(denoised):
    covered = {"dim": [], "bright": []}
    for element in denoised[1].metadata["elements"]:
        within, counts = inside(denoised, element)
        order = np.argsort(counts, axis=None)
        third = order.size // 3
        covered["dim"].append(within.ravel()[order[:third]].mean())
        covered["bright"].append(within.ravel()[order[-third:]].mean())
    for kind, shares in covered.items():
        assert 0.85 < np.mean(shares) < 0.97, (kind, shares)


@pytest.mark.parametrize("side", [3, 8, 12])
def test_errors_of_sums_over_squares_are_as_large_as_told(denoised, side):
    result, truth = denoised
    found, expected = [], []
    for y in range(0, 48 - side + 1, side):
        for x in range(0, 48 - side + 1, side):
            mask = np.zeros((48, 48), bool)
            mask[y : y + side, x : x + side] = True
            counts, deviation = spectrum(result, mask=mask, error=True)
            found.append((counts - spectrum(truth, mask=mask)) ** 2)
            expected.append(deviation**2)
    # Between 4 and 8 keV are the lines of many elements.
    lines = result.energy.channels(4.0, 8.0)
    told, true = (np.sqrt(np.mean(own, axis=0))[lines].mean() for own in (expected, found))
    assert 0.75 < told / true < 1.33


def test_a_part_of_a_map_has_the_errors_of_the_map(denoised):
    result, _ = denoised
    part = result.select(y=slice(10, 30), x=slice(5, 25), energy=(5.0, 8.0))
    _, whole = element_map(result, "Fe", error=True)
    _, deviation = element_map(part, "Fe", error=True)
    # Scatter is smoothed over neighbours, of which pixels at the rim have fewer.
    np.testing.assert_allclose(deviation[6:-6, 6:-6], whole[16:24, 11:19], rtol=1e-3)


def test_other_counts_have_no_uncertainty(denoised):
    result, _ = denoised
    assert result.uncertainty is not None
    assert result.replace(counts=result.counts).uncertainty is None
    assert result.rebin(y=2, x=2).uncertainty is None


@pytest.mark.parametrize("place", [(0, 0), (5, 41), (24, 30), (47, 47)])
def test_a_pixel_has_the_errors_of_a_region_of_this_pixel_and_of_its_channels(denoised, place):
    result, _ = denoised
    mask = np.zeros((48, 48), bool)
    mask[place] = True
    _, expected = spectrum(result, mask=mask, error=True)
    pixel = PixelSums.of_pixel(result.counts[(slice(None), *place)], result, place)
    np.testing.assert_allclose(pixel.deviation("sum"), expected, rtol=1e-5)
    middles = result.uncertainty.mean.middles
    single = np.zeros((middles.size, 256))
    single[np.arange(middles.size), middles] = 1
    counts = spectrum(result, mask=mask)
    channels = sum_deviation(result, mask, single, counts)
    np.testing.assert_allclose(pixel.deviation("sum")[middles], channels, rtol=1e-3)
