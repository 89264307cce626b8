"""Results of saved models know how wrong they may be."""

import numpy as np
import pytest

import napari_xrf_denoise as xrf
from napari_xrf_denoise.processing.element_maps import element_map, line_window
from napari_xrf_denoise.processing.spectra import spectrum
from napari_xrf_denoise.processing.standard_deviations import sum_deviation
from napari_xrf_denoise.spectroscopy.xray_lines import line_energy

NORMAL = 1.645
"""Standard deviations to either side that hold 90 % of a normal distribution."""
SIDE = 8


def measured(seed):
    return xrf.simulate_map(shape=(48, 48), n_channels=256, counts_per_pixel=200, seed=seed)


@pytest.fixture(scope="module", params=["stack", "pca"])
def trained(request):
    """A model of a sample."""
    image, _ = measured(3)
    return xrf.denoise(image, method=request.param, preset="fast", seed=0, device="cpu").model


@pytest.fixture(scope="module")
def again():
    """A second measurement of that sample, and the true rate."""
    image, rate = measured(3)
    return image.replace(
        counts=np.random.default_rng(7).poisson(rate)[None].astype(np.uint16)
    ), rate


@pytest.fixture(scope="module")
def other():
    """A measurement of another sample, and the true rate."""
    return measured(11)


def shares_inside(model, image, rate):
    """Shares of the true values of all elements inside the intervals, of pixels and of squares."""
    result = xrf.apply(model, image, device="cpu").image
    truth = xrf.SpectrumImage(rate[None], image.energy)
    in_pixels, in_squares = [], []
    for element in image.metadata["elements"]:
        line = "Ka" if line_energy(element, "Ka") < 15.3 else "La"
        counts, deviation = element_map(result, element, line, error=True)
        far = counts - element_map(truth, element, line)
        in_pixels.append((np.abs(far) < NORMAL * deviation).mean())
        window = np.zeros((1, image.energy.size))
        window[0, line_window(element, line, image.energy)] = 1
        for place in np.ndindex(48 // SIDE, 48 // SIDE):
            mask = np.zeros((48, 48), bool)
            mask[tuple(slice(SIDE * at, SIDE * (at + 1)) for at in place)] = True
            deviation = sum_deviation(result, mask, window, spectrum(result, mask=mask))
            in_squares.append(abs(far[mask].sum()) < NORMAL * deviation[0])
    return np.mean(in_pixels), np.mean(in_squares)


@pytest.mark.parametrize("sample", ["again", "other"])
def test_intervals_of_a_models_results_hold_the_true_counts(trained, sample, request):
    in_pixels, in_squares = shares_inside(trained, *request.getfixturevalue(sample))
    assert 0.80 < in_pixels < 0.97
    # Some weak lines beside strong ones are further off in sums, in results of `denoise` as well.
    assert 0.70 < in_squares < 0.98


def test_errors_on_a_models_own_data_are_not_known_and_it_is_said_what_to_do(trained):
    result = xrf.apply(trained, measured(3)[0], device="cpu").image
    with pytest.raises(xrf.DataError, match="denoise the counts again"):
        element_map(result, "Fe", error=True)


def test_the_error_of_a_mean_of_scans_is_that_of_their_sum_over_their_number(trained, again):
    image = again[0].select(y=slice(0, 16), x=slice(0, 16))
    half = np.random.default_rng(0).binomial(image.counts[0], 0.5).astype(np.uint16)
    errors = []
    for kind in ("scan", "detector"):
        counts = np.stack([half, image.counts[0] - half])
        repeats = xrf.SpectrumImage(counts, image.energy, repeat_kind=kind)
        result = xrf.apply(trained, repeats, device="cpu").image
        errors.append(element_map(result, "Fe", error=True)[1])
    np.testing.assert_allclose(2 * errors[0], errors[1], rtol=1e-3)
