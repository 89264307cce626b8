import numpy as np
import pytest

from napari_xrf_denoise.core.energy_axis import EnergyAxis
from napari_xrf_denoise.core.errors import SettingsError
from napari_xrf_denoise.spectroscopy.detector import Detector, detector_fwhm

AXIS = EnergyAxis(-0.5, 0.005, 4200)
IDEAL = Detector(tail=0.0, shelf=0.0, threshold=0.0)


def test_resolution_at_manganese_is_that_of_a_good_silicon_drift_detector():
    assert 0.120 < detector_fwhm(5.899) < 0.160


def test_without_noise_the_width_is_the_fano_limit():
    # 2.355 · sqrt(0.115 · 3.66 eV · 5,899 eV) = 117 eV
    assert detector_fwhm(5.899, noise=0.0) == pytest.approx(0.1174, abs=0.0005)


def test_at_zero_energy_only_the_noise_is_left():
    np.testing.assert_allclose(detector_fwhm([-0.1, 0.0], noise=0.07), 0.07)


@pytest.mark.parametrize("energy", [1.5, 5.899, 15.0])
def test_a_line_is_as_wide_as_the_resolution_says(energy):
    spectrum = IDEAL.respond(energy, 1.0, AXIS)
    above = AXIS.centers[spectrum > spectrum.max() / 2]
    assert above[-1] - above[0] == pytest.approx(float(IDEAL.fwhm(energy)), abs=2 * AXIS.gain)
    assert AXIS.centers[spectrum.argmax()] == pytest.approx(energy, abs=AXIS.gain)


@pytest.mark.parametrize("detector", [IDEAL, Detector(tail=0.05, shelf=0.03, threshold=0.0)])
def test_all_photons_are_counted_somewhere(detector):
    spectrum = detector.respond([2.0, 6.4, 12.0], [1.0, 10.0, 100.0], AXIS)
    assert spectrum.min() >= 0.0
    assert spectrum.sum() == pytest.approx(111.0, rel=1e-6)


def test_tail_and_shelf_hold_their_shares_below_the_line():
    detector = Detector(tail=0.10, tail_slope=0.5, shelf=0.06, threshold=0.0)
    # Below the silicon edge there is no escape peak, so nothing else lies far below the line.
    tail_only = Detector(tail=0.10, tail_slope=0.5, shelf=0.0, threshold=0.0)
    below = AXIS.centers < 1.0
    with_shelf = detector.respond(1.8, 1.0, AXIS)[below].sum()
    without = tail_only.respond(1.8, 1.0, AXIS)[below].sum()
    # 0.8 keV below the line and further, to the start of the axis at -0.5 keV.
    assert without == pytest.approx(0.10 * (np.exp(-0.8 / 0.5) - np.exp(-2.3 / 0.5)), rel=0.02)
    assert with_shelf - without == pytest.approx(0.06 * 1.0 / 1.8, rel=0.03)


def test_the_escape_peak_lies_one_silicon_photon_below_and_is_weak():
    spectrum = IDEAL.respond(6.404, 1.0, AXIS)
    low = spectrum[AXIS.centers < 5.5]
    assert AXIS.centers[low.argmax()] == pytest.approx(6.404 - 1.740, abs=0.01)
    assert 0.002 < low.sum() < 0.02


def test_below_the_silicon_edge_nothing_escapes():
    spectrum = IDEAL.respond(1.7, 1.0, AXIS)
    assert spectrum[AXIS.centers < 1.2].sum() < 1e-9


def test_nothing_is_counted_below_the_threshold():
    detector = Detector(shelf=0.2, threshold=1.0)
    spectrum = detector.respond(6.4, 1000.0, AXIS)
    assert spectrum[AXIS.centers < 0.8].sum() < 1e-9
    assert spectrum[AXIS.centers > 1.2].sum() > 900


def test_narrow_tails_do_not_overflow():
    assert np.all(np.isfinite(Detector(tail_slope=1e-3).respond(20.0, 1.0, AXIS)))


def test_soft_x_rays_do_not_arrive_and_hard_ones_pass_through():
    low, middle, high = Detector().efficiency([0.3, 8.0, 60.0])
    assert low < 1e-3
    assert 0.95 < middle <= 1.0
    assert high < 0.1


@pytest.mark.parametrize(
    "wrong", [{"noise": -1}, {"tail": 0.7, "shelf": 0.7}, {"tail_slope": 0}, {"window": np.nan}]
)
def test_impossible_detectors_are_refused(wrong):
    with pytest.raises(SettingsError, match="detector"):
        Detector(**wrong)
