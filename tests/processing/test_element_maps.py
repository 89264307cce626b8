import dask.array as da
import numpy as np
import pytest

import napari_xrf_denoise as xrf
from napari_xrf_denoise import Cancelled, DataError, EnergyAxis, SettingsError, SpectrumImage
from napari_xrf_denoise.core.factored_counts import FactoredCounts
from napari_xrf_denoise.core.factors import Factors
from napari_xrf_denoise.processing.element_maps import (
    background_windows,
    best_line,
    element_map,
    line_window,
    window_map,
)
from napari_xrf_denoise.simulation.measurements import Excitation, element_spectrum
from napari_xrf_denoise.spectroscopy.detector import Detector

AXIS = EnergyAxis(0.0, 0.01, 2048)


@pytest.fixture
def image():
    counts = np.random.default_rng(0).poisson(3.0, (3, 5, 4, 2048)).astype(np.uint16)
    return SpectrumImage(counts, AXIS)


def spike(energy, counts=100, axis=AXIS):
    """One pixel with counts in a single channel."""
    spectrum = np.zeros((1, 1, 1, axis.size), dtype=np.uint16)
    spectrum[..., axis.channel(energy)] = counts
    return SpectrumImage(spectrum, axis)


@pytest.mark.parametrize(
    ("element", "line", "energy"),
    [
        ("Fe", "Ka", 6.40),
        ("Cu", "Ka", 8.04),
        ("Fe", "Kb", 7.06),
        ("Pb", "La", 10.54),
        ("Pb", "Ma", 2.34),
    ],
)
def test_a_map_counts_the_photons_at_the_line_and_no_others(element, line, energy):
    assert element_map(spike(energy), element, line) == 100
    for elsewhere in (energy - 0.4, energy + 0.4):
        assert element_map(spike(elsewhere), element, line) == 0


def test_ka_is_the_default():
    assert element_map(spike(6.40), "Fe") == 100


def test_element_and_line_may_be_one_text():
    assert element_map(spike(10.54), "Pb La") == 100
    assert element_map(spike(10.54), "Pb La", "La") == 100
    with pytest.raises(SettingsError, match="found two"):
        element_map(spike(10.54), "Pb La", "Lb")


def test_a_map_is_the_sum_over_the_window_of_the_mean_of_scans(image):
    window = line_window("Fe", "Ka", AXIS)
    by_hand = image.counts[..., window].sum(axis=-1, dtype=float).mean(axis=0)
    found = element_map(image, "Fe")
    assert (found.shape, found.dtype) == ((5, 4), np.float32)
    np.testing.assert_allclose(found, by_hand, rtol=1e-6)


@pytest.mark.parametrize("kind", ["frame", "detector"])
def test_frames_and_detector_elements_are_summed(image, kind):
    window = line_window("Fe", "Ka", AXIS)
    by_hand = image.counts[..., window].sum(axis=(0, -1), dtype=float)
    np.testing.assert_array_equal(element_map(image.replace(repeat_kind=kind), "Fe"), by_hand)


def test_maps_of_simulated_data_equal_sums_by_hand():
    image, rate = xrf.simulate_map((12, 10), n_channels=1024, seed=0)
    for element in ("Fe", "Ca", "Ti"):
        # Mean energies of Kα and FWHM from sqrt(60² + 2334 E) eV, both rounded; the channels are
        # 20 eV wide, so one more or less at each end is left open.
        energy = {"Fe": 6.40, "Ca": 3.69, "Ti": 4.51}[element]
        fwhm = np.sqrt(0.060**2 + 0.002334 * energy)
        narrow, wide = (
            image.counts[0][..., np.abs(image.energy.centers - energy) < fwhm + more].sum(axis=-1)
            for more in (-0.02, 0.02)
        )
        found = element_map(image, element)
        assert np.all((narrow <= found) & (found <= wide))
        assert found.sum() > 0
        truth = SpectrumImage(rate[None], image.energy)
        assert element_map(truth, element).sum() == pytest.approx(found.sum(), rel=0.1)


def test_the_default_window_holds_the_line_but_not_its_neighbour():
    for element, neighbour in (("Fe", "Mn"), ("Cu", "Ni"), ("Sr", "Rb")):
        own, other = (
            10_000 * element_spectrum(name, AXIS, Excitation(20.0), Detector(tail=0, shelf=0))
            for name in (element, neighbour)
        )
        window = line_window(element, "Ka", AXIS)
        # Kα is about 85 % of the photons of K.
        assert own[window].sum() > 0.95 * 0.85 * own.sum()
        assert other[window].sum() < 0.1 * other.sum()


def test_the_width_can_be_given_in_kev():
    window = line_window("Cu", "Ka", AXIS, width=0.5)
    assert window.stop - window.start == 50
    assert AXIS.centers[window].mean() == pytest.approx(8.04, abs=0.01)


def test_a_window_narrower_than_a_channel_is_the_nearest_channel():
    assert line_window("Fe", "Ka", EnergyAxis(0.0, 0.5, 40), width=0.01) == slice(13, 14)


@pytest.mark.parametrize("slope", [0.0, 0.01])
def test_a_straight_background_is_subtracted_exactly(slope):
    flat = SpectrumImage((5 + slope * np.arange(2048))[None, None, None], AXIS)
    peaked = spike(6.40)
    with_line = flat.replace(counts=flat.counts + peaked.counts)
    assert element_map(flat, "Fe", background=True) == pytest.approx(0.0, abs=1e-3)
    assert element_map(with_line, "Fe", background=True) == pytest.approx(100.0, abs=1e-3)


def test_a_line_at_the_end_of_the_axis_uses_the_side_that_there_is():
    short = EnergyAxis(6.30, 0.01, 100)
    flat = SpectrumImage(np.full((1, 1, 1, 100), 7.0), short)
    assert element_map(flat, "Fe", background=True) == pytest.approx(0.0, abs=1e-4)


def test_without_channels_beside_the_line_there_is_no_background():
    narrow = EnergyAxis(6.36, 0.01, 10)
    flat = SpectrumImage(np.ones((1, 1, 1, 10)), narrow)
    assert element_map(flat, "Fe") == 10
    with pytest.raises(SettingsError, match="no channel beside the window of Fe Ka"):
        element_map(flat, "Fe", background=True)


def test_background_subtraction_is_not_clipped(image):
    found = element_map(image, "Fe", background=True)
    assert (found < 0).any()
    # Flat Poisson counts: nothing on average. About 27 channels and as many for the background.
    assert abs(found.mean()) < 5 * np.sqrt(2 * 27 * 3.0 / (3 * 20))


def test_lazy_and_memory_mapped_counts_give_the_same_map(image, tmp_path):
    expected = element_map(image, "Fe", background=True)
    lazy = image.replace(counts=da.from_array(image.counts, chunks=(1, 2, 2, 500)))
    np.testing.assert_array_equal(element_map(lazy, "Fe", background=True), expected)
    path = tmp_path / "counts.npy"
    np.save(path, image.counts)
    mapped = image.replace(counts=np.load(path, mmap_mode="r"))
    np.testing.assert_array_equal(element_map(mapped, "Fe", background=True), expected)


def test_only_the_channels_of_the_line_are_read(image):
    touched = []

    def read(block, block_info=None):
        touched.append(block_info[0]["chunk-location"][-1])
        return block

    lazy = da.from_array(image.counts, chunks=(3, 5, 4, 64)).map_blocks(read, dtype=np.uint16)
    touched.clear()
    element_map(image.replace(counts=lazy), "Fe")
    # Fe Kα ± 0.14 keV: channels 627 to 654, which are the chunks 9 and 10 of 64 channels.
    assert set(touched) == {9, 10}


def test_sums_of_small_integers_do_not_wrap_around():
    full = SpectrumImage(np.full((1, 1, 1, 2048), 255, dtype=np.uint8), AXIS)
    window = line_window("Fe", "Ka", AXIS)
    assert element_map(full, "Fe") == 255 * (window.stop - window.start)


def test_an_axis_that_is_not_calibrated_is_refused(image):
    with pytest.raises(DataError, match=r"scan\.h5: .*not calibrated.*energy_offset"):
        element_map(image.replace(energy=None, name="scan.h5"), "Fe")


def test_a_line_outside_the_axis_names_energy_range_and_other_lines(image):
    with pytest.raises(SettingsError, match=r"Pb Ka at 74\.\d+ keV .* 0\.00 to 20\.47 keV; .*La"):
        element_map(image, "Pb")


def test_an_element_without_any_line_in_range_says_so():
    axis = EnergyAxis(0.0, 0.01, 20)
    with pytest.raises(SettingsError, match="no line of Fe lies within it"):
        line_window("Fe", "Ka", axis)


def test_unknown_elements_and_lines_are_refused(image):
    with pytest.raises(SettingsError, match="unknown element 'Xy'"):
        element_map(image, "Xy")
    with pytest.raises(SettingsError, match="Fe has no line 'Ma'"):
        element_map(image, "Fe", "Ma")


@pytest.mark.parametrize("width", [0.0, -0.1, float("nan"), float("inf")])
def test_impossible_widths_are_refused(image, width):
    with pytest.raises(SettingsError, match="width must be above 0"):
        element_map(image, "Fe", width=width)


def test_a_map_of_factored_counts_computes_the_channels_of_the_line_only(monkeypatch):
    rng = np.random.default_rng(1)
    scores, spectra = rng.integers(0, 9, (6, 7, 2)), rng.integers(0, 9, (2, AXIS.size))
    full = SpectrumImage(np.einsum("yxr,re->yxe", scores, spectra)[None], AXIS)
    computed = []
    product = Factors.product
    monkeypatch.setattr(
        Factors, "product", lambda self: computed.append(self.shape) or product(self)
    )
    found = element_map(SpectrumImage(FactoredCounts(scores, spectra), AXIS), "Fe")
    np.testing.assert_array_equal(found, element_map(full, "Fe"))
    window = line_window("Fe", "Ka", AXIS)
    assert computed == [(6, 7, window.stop - window.start)]


def test_a_window_counts_the_channels_from_its_first_energy_to_before_its_end(image):
    by_hand = image.counts[..., 600:650].sum(axis=-1, dtype=float).mean(axis=0)
    np.testing.assert_allclose(window_map(image, 5.995, 6.495), by_hand, rtol=1e-6)


def test_a_window_as_wide_as_a_line_gives_the_map_of_the_line(image):
    # 2 FWHM of sqrt(60² + 2334 · 6.40) eV around 6.40 keV.
    half = np.sqrt(0.060**2 + 0.002334 * 6.40)
    for background in (False, True):
        np.testing.assert_array_equal(
            window_map(image, 6.398 - half, 6.398 + half, background=background),
            element_map(image, "Fe", background=background),
        )


def test_a_window_of_channels_needs_no_calibration(image):
    plain = image.replace(energy=None)
    by_hand = image.counts[..., 100:120].sum(axis=-1, dtype=float).mean(axis=0)
    np.testing.assert_allclose(window_map(plain, 100, 120), by_hand, rtol=1e-6)


def test_a_window_is_scaled_by_a_factor_for_each_pixel(image):
    factor = np.arange(20.0).reshape(5, 4)
    expected = factor * image.counts[..., 600:650].sum(axis=-1, dtype=float).mean(axis=0)
    np.testing.assert_allclose(window_map(image, 5.995, 6.495, factor=factor), expected, rtol=1e-6)


@pytest.mark.parametrize("ends", [(6.4, 6.4), (7.0, 6.0), (float("nan"), 6.0)])
def test_a_window_without_extent_is_refused(image, ends):
    with pytest.raises(SettingsError, match="begins below its end"):
        window_map(image, *ends)


def test_a_window_beside_the_axis_names_the_axis(image):
    with pytest.raises(SettingsError, match=r"no channel between 30 and 40 keV.* 0 to 20\.47 keV"):
        window_map(image, 30, 40)


def test_background_windows_lie_a_quarter_of_the_width_away_and_are_half_as_wide():
    axis = EnergyAxis(0.0, 0.01, 100)
    assert background_windows(slice(40, 60), axis) == (slice(25, 35), slice(65, 75))
    assert background_windows(slice(0, 20), axis) == (slice(25, 35),)
    assert background_windows(slice(0, 100), axis) == ()


@pytest.mark.parametrize(
    ("element", "highest", "line"),
    [
        ("Fe", 20.0, "Ka"),
        ("Pb", 20.0, "La"),
        ("Pb", 8.0, "Ma"),
        ("Ba", 20.0, "La"),
        ("Fe", 2.0, "La"),
    ],
)
def test_the_best_line_is_the_first_of_ka_la_and_ma_on_the_axis(element, highest, line):
    axis = EnergyAxis(0.0, 0.01, round(100 * highest))
    assert best_line(element, axis) == line


def test_auto_maps_the_best_line(image):
    np.testing.assert_array_equal(element_map(image, "Pb", "auto"), element_map(image, "Pb", "La"))
    np.testing.assert_array_equal(element_map(image, "Pb Ma", "auto"), element_map(image, "Pb Ma"))
    assert line_window("Fe", "auto", AXIS) == line_window("Fe", "Ka", AXIS)


def test_without_a_strong_line_on_the_axis_there_is_no_best_one():
    with pytest.raises(SettingsError, match="Cu has no Ka, La or Ma line between 3"):
        best_line("Cu", EnergyAxis(3.0, 0.01, 300))


def test_a_map_that_is_not_wanted_any_more_ends(image):
    for make in (
        lambda **k: element_map(image, "Fe", **k),
        lambda **k: window_map(image, 6, 7, **k),
    ):
        with pytest.raises(Cancelled, match="cancelled"):
            make(should_stop=lambda: True)
        make(should_stop=lambda: False)
