"""Names of lines, from the spectrum of what is lacking."""

import numpy as np
import pytest

from napari_xrf_denoise.core.energy_axis import EnergyAxis
from napari_xrf_denoise.denoising.quality.losses.departure_names import LineNames, relative_strength
from napari_xrf_denoise.spectroscopy.detector import detector_fwhm
from napari_xrf_denoise.spectroscopy.line_windows import Window, WindowPartition
from napari_xrf_denoise.spectroscopy.xray_lines import lines

AXIS = EnergyAxis(1.0, 0.05, 260)
LEAD = Window("10.54 keV (Pb La)", slice(184, 198), 10.2, 10.85)


def names_with(*windows, axis=AXIS):
    partition = WindowPartition(axis, windows)
    return LineNames(partition, axis), partition


def lacking_of(element, counts, partition):
    """Give the half lines of the K lines of an element."""
    spectrum = np.zeros(AXIS.size)
    for line in lines(element, "K"):
        width = float(detector_fwhm(line.energy)) / 2.355
        spectrum += line.intensity * np.exp(-0.5 * ((AXIS.centers - line.energy) / width) ** 2)
    return partition.halves(partition.cells(counts * spectrum / spectrum.sum())).astype(float)


@pytest.mark.parametrize("element", ["Cr", "Zn", "As", "Ti", "Se"])
def test_elements_are_named_by_both_their_lines(element):
    names, partition = names_with(LEAD)
    lacking = lacking_of(element, 5000, partition)
    window = int(np.argmax(lacking[1:] + lacking[:-1]))
    found = names.name(window, lacking)
    assert found.element == element
    assert found.text == f"{found.energy:.2f} keV ({element} Ka)"


def test_counts_too_few_to_name_have_the_name_of_the_line_that_is_there():
    names, partition = names_with(LEAD)
    lacking = lacking_of("As", 15, partition)
    window = int(np.argmax(lacking[1:] + lacking[:-1]))
    assert names.name(window, lacking).text == "10.54 keV (Pb La)"
    alone, _ = names_with()
    found = alone.name(window, lacking)
    assert found.element is None
    assert found.energy == pytest.approx(10.54, abs=0.03)


def test_without_calibration_there_are_channels():
    axis = EnergyAxis.uncalibrated(260)
    names, partition = names_with(Window("channels 90–99", slice(90, 100), 90, 99), axis=axis)
    found = names.name(5, np.ones(len(partition.half_edges) - 1))
    assert found.element is None
    assert found.text.startswith("channel ")


def test_lines_of_the_sum_spectrum_have_windows():
    names, _ = names_with(LEAD)
    (window,) = names.line_windows()
    assert names.energies[window] == pytest.approx(10.54, abs=0.07)


def test_strengths_are_those_of_the_same_shell():
    kb = relative_strength("Fe", 6.40, 7.06)
    assert kb == pytest.approx(0.13, abs=0.02)
    assert relative_strength("Fe", 6.40, 9.0) == 0
    assert relative_strength("Zn", 8.63, 1.01) == 0  # of L
    assert relative_strength(None, 6.40, 7.06) == 0
