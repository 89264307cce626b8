"""Line windows, against spectra whose lines are known."""

import numpy as np
import pytest

from napari_xrf_denoise.core.energy_axis import EnergyAxis
from napari_xrf_denoise.processing.element_maps import line_window
from napari_xrf_denoise.simulation.measurements import (
    Detector,
    Excitation,
    element_spectrum,
    simulate_map,
)
from napari_xrf_denoise.spectroscopy.detector import detector_fwhm
from napari_xrf_denoise.spectroscopy.line_windows import (
    Window,
    WindowPartition,
    find_windows,
    half_lines,
)

AXIS = EnergyAxis(0.0, 0.01, 2048)
FLAT = 40.0
"""Counts a channel under the lines."""


def spectrum_of(seed=0, axis=AXIS, **counts):
    """Draw a spectrum of elements, with all their lines, on a flat background."""
    rate = np.full(axis.size, FLAT)
    for element, number in counts.items():
        rate += number * element_spectrum(element, axis, Excitation(18.0), Detector())
    return np.random.default_rng(seed).poisson(rate).astype(float)


def names(windows):
    return [window.name.partition("(")[2].rstrip(")") for window in windows]


def test_lines_are_found_and_named():
    found = find_windows(spectrum_of(Ca=5e4, Fe=2e5, Zn=1e5), AXIS)
    named = [window.name for window in found if "(" in window.name]
    assert names(found).count("") == len(found) - len(named)
    assert [name.partition("(")[2] for name in named] == [
        "Ca Ka)", "Ca Kb)", "Fe Ka)", "Fe Kb)", "Zn Ka)", "Zn Kb)"
    ]  # fmt: skip
    assert [name[:8] for name in named[2:4]] == ["6.40 keV", "7.06 keV"]
    # What is left are the escape peaks of the strongest, 1.74 keV below.
    assert "4.66 keV" in {f"{(w.low + w.high) / 2:.2f} keV" for w in found if "(" not in w.name}


def test_a_window_is_that_of_the_element_map():
    (found,) = (w for w in find_windows(spectrum_of(Fe=2e5), AXIS) if "Fe Ka" in w.name)
    expected = line_window("Fe", "Ka", AXIS)
    assert abs(found.channels.start - expected.start) <= 1
    assert abs(found.channels.stop - expected.stop) <= 1
    assert found.low == pytest.approx(AXIS.centers[found.channels.start])
    assert found.high == pytest.approx(AXIS.centers[found.channels.stop - 1])


def test_elements_with_lines_at_one_energy_are_told_apart_by_their_second_line():
    # As Ka and Pb La are 7 eV apart.
    arsenic = find_windows(spectrum_of(As=1e5, Pb=1e4), AXIS)
    lead = find_windows(spectrum_of(As=1e4, Pb=1e5), AXIS)
    assert "As Ka" in names(arsenic)
    assert "Pb La" not in names(arsenic)
    assert "Pb La" in names(lead)
    assert "As Ka" not in names(lead)


def test_a_second_line_is_not_taken_for_another_element():
    # V Ka is 17 eV above Ti Kb; Cr Ka 19 eV below V Kb.
    found = names(find_windows(spectrum_of(Ti=1e5, Cr=1e5), AXIS))
    assert "Ti Kb" in found
    assert "Cr Ka" in found
    assert not any(name.startswith("V ") for name in found)


def test_scatter_gets_no_element():
    # Compton scatter of 18 keV is near Mo Ka, whose Kb the beam cannot excite.
    image, _ = simulate_map(shape=(24, 24), seed=1)
    found = find_windows(image.sum_spectrum(), image.energy)
    scattered = [window.name for window in found if window.low > 17]
    assert len(scattered) == 2
    assert not any("(" in name for name in scattered)


@pytest.mark.parametrize("seed", range(8))
def test_names_are_of_elements_that_are_there(seed):
    image, _ = simulate_map(shape=(24, 24), n_channels=(1024, 2048)[seed % 2], seed=seed)
    found = names(find_windows(image.sum_spectrum(), image.energy))
    elements = {name.split()[0] for name in found if name}
    assert elements <= set(image.metadata["elements"])
    assert len(elements) >= 6


@pytest.mark.parametrize("rate", [0.01, 1.0, 1000.0])
def test_noise_has_no_lines(rate):
    rng = np.random.default_rng(0)
    for _ in range(20):
        assert find_windows(rng.poisson(rate, 2048).astype(float), AXIS) == ()


def test_the_strongest_lines_are_told_in_the_order_of_energy():
    image, _ = simulate_map(shape=(48, 48), seed=3)
    found = find_windows(image.sum_spectrum(), image.energy)
    assert len(found) == 20
    starts = [window.channels.start for window in found]
    assert starts == sorted(starts)


def test_without_a_calibration_windows_are_named_by_channels():
    channels = np.arange(600)
    rate = 5 + 400 * np.exp(-0.5 * ((channels - 388) / 6) ** 2)
    spectrum = np.random.default_rng(0).poisson(rate).astype(float)
    (window,) = find_windows(spectrum, EnergyAxis.uncalibrated(600))
    assert window.name == f"channels {window.channels.start}–{window.channels.stop - 1}"
    # ± one FWHM of 14 channels.
    assert window.channels.start == pytest.approx(388 - 14, abs=3)
    assert window.channels.stop - 1 == pytest.approx(388 + 14, abs=3)
    halves = np.diff(half_lines(EnergyAxis.uncalibrated(600), (window,)))
    assert 7 <= halves[0] <= 10


@pytest.mark.parametrize("size", [1, 2, 3])
def test_very_few_channels_have_no_windows(size):
    for axis in (EnergyAxis(0.0, 0.02, size), EnergyAxis.uncalibrated(size)):
        assert find_windows(np.full(size, 100.0), axis) == ()
        edges = half_lines(axis)
        assert edges[0] == 0
        assert edges[-1] == size


def test_an_empty_spectrum_has_no_windows():
    assert find_windows(np.zeros(2048), AXIS) == ()


def test_half_lines_grow_as_the_detector_broadens_lines():
    edges = half_lines(AXIS)
    widths = np.diff(edges)[:-1]
    expected = 0.6 * detector_fwhm(AXIS.centers[edges[:-2]]) / AXIS.gain
    np.testing.assert_allclose(widths, expected, atol=0.51)


def test_cells_add_up_to_windows_and_halves():
    windows = (
        Window("a", slice(100, 140), 0, 0),
        Window("b", slice(120, 121), 0, 0),
        Window("c", slice(2000, 2048), 0, 0),
    )
    counts = np.random.default_rng(0).poisson(3, (2, 3, 2048))
    partition = WindowPartition(AXIS, windows)
    cells = partition.cells(counts)
    sums = np.stack([counts[..., w.channels].sum(axis=-1) for w in windows], axis=-1)
    np.testing.assert_array_equal(partition.windows(cells), sums)
    halves = partition.halves(cells)
    edges = half_lines(AXIS)
    assert halves.shape == (2, 3, len(edges) - 1)
    np.testing.assert_array_equal(halves[..., 7], counts[..., edges[7] : edges[8]].sum(axis=-1))
    np.testing.assert_array_equal(halves.sum(axis=-1), counts.sum(axis=-1))
