"""Raw minus denoised counts in standard deviations, against counts of known rate."""

import math
import tracemalloc

import numpy as np
import pytest

import napari_xrf_denoise as xrf
from napari_xrf_denoise.core.factored_counts import FactoredCounts
from napari_xrf_denoise.processing import standard_residuals
from napari_xrf_denoise.processing.residuals import chance_beyond, standardized


def image(counts, kind="scan", **fields):
    """Channels of 0.5 keV from 1 keV on."""
    counts = counts if isinstance(counts, FactoredCounts) else np.asarray(counts)
    axis = xrf.EnergyAxis(1.0, 0.5, counts.shape[-1])
    return xrf.SpectrumImage(counts, axis, repeat_kind=kind, **fields)


@pytest.mark.parametrize(("kind", "n"), [("scan", 1), ("scan", 5), ("frame", 5), ("detector", 3)])
def test_residuals_of_the_truth_are_standard_normal(kind, n):
    rate = np.random.default_rng(0).uniform(5, 50, (40, 40, 32))
    counts = np.random.default_rng(1).poisson(rate, (n, *rate.shape)).astype(np.uint16)
    truth = (rate if kind == "scan" else n * rate)[None]
    found = standard_residuals(image(counts, kind), image(truth))
    # Of 1600 pixels the mean is known to 0.025 and the variance to 0.035 (one standard error).
    assert abs(float(found.map.mean())) < 0.1
    assert float(found.map.var()) == pytest.approx(1, abs=0.15)
    assert float(np.abs(found.spectrum).max()) < 4.5
    assert float(found.spectrum.var()) == pytest.approx(1, abs=0.8)


def test_the_residual_of_a_lost_line():
    raw = np.full((1, 2, 3, 30), 8, np.uint16)
    smooth = raw.astype(np.float32)
    smooth[..., 10:20] = 5
    found = standard_residuals(image(raw), image(smooth), window=(6.0, 11.0))
    # 80 counts where 50 are expected; six pixels together hold 48 where 30 are.
    np.testing.assert_allclose(found.map, 30 / math.sqrt(50), rtol=1e-6)
    np.testing.assert_allclose(found.spectrum[10:20], 18 / math.sqrt(30))
    np.testing.assert_array_equal(found.spectrum[:10], 0)
    assert found.count_ratio == pytest.approx((20 * 8 + 10 * 5) / 240)
    assert found.is_photons


def test_a_mean_of_scans_scatters_less():
    raw = np.array([16, 12, 20, 16]).reshape(4, 1, 1, 1)
    found = standard_residuals(image(raw), image([[[[9.0]]]]))
    # Mean of four 16, expected 9 with the variance 9 / 4.
    assert found.map[0, 0] == pytest.approx(7 / 1.5)


def test_a_photon_where_none_was_expected_is_finite():
    raw, smooth = np.zeros((1, 1, 2, 4), np.uint8), np.zeros((1, 1, 2, 4))
    raw[0, 0, 1, 2] = 1
    found = standard_residuals(image(raw), image(smooth))
    assert found.map[0, 0] == 0
    assert 100 < found.map[0, 1] < np.inf
    assert np.isfinite(found.spectrum).all()


def test_counts_that_are_no_photons_are_noticed():
    raw = np.full((1, 2, 2, 4), 0.5, np.float32)
    assert not standard_residuals(image(raw), image(raw)).is_photons


def test_residuals_can_be_stopped():
    raw = image(np.ones((1, 2, 2, 4), np.uint8))
    with pytest.raises(xrf.Cancelled):
        standard_residuals(raw, raw, should_stop=lambda: True)


def test_no_copy_of_the_cube_is_made():
    raw = image(np.ones((1, 512, 256, 1024), np.uint8))
    factored = FactoredCounts(np.ones((512, 256, 2)), np.full((2, 1024), 0.5))
    seen = []
    tracemalloc.start()
    try:
        found = standard_residuals(raw, image(factored), on_progress=seen.append)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    np.testing.assert_allclose(found.map, 0, atol=1e-3)
    # In float32 the cube has 512 MiB; a band has 32.
    assert peak < 160 * 2**20
    assert [progress.fraction for progress in seen] == sorted(
        progress.fraction for progress in seen
    )
    assert seen[-1].fraction == 1


@pytest.mark.parametrize(("rate", "n"), [(0.05, 1), (0.3, 1), (0.3, 4), (10.0, 1)])
def test_chance_is_that_of_few_photons(rate, n):
    photons = np.random.default_rng(0).poisson(rate * n, 400_000)
    beyond = np.mean(np.abs(standardized(photons / n, np.full(photons.shape, rate), n)) > 3)
    assert chance_beyond(np.array([rate]), n)[0] == pytest.approx(beyond, rel=0.1)


def test_a_window_is_that_of_select_and_of_window_map():
    rng = np.random.default_rng(0)
    raw = image(rng.poisson(40, (1, 3, 4, 30)).astype(np.uint16))
    smooth = image(np.full((1, 3, 4, 30), 40.0))
    window = (2.0, 5.0)  # six channels; 5.0 keV is the centre of the first one behind
    found = standard_residuals(raw, smooth, window=window)
    counts = raw.select(energy=window).counts_map()
    np.testing.assert_array_equal(xrf.processing.window_map(raw, *window), counts)
    np.testing.assert_allclose(found.map, (counts - 240) / math.sqrt(240), rtol=1e-5)
    np.testing.assert_array_equal(found.raw.counts[0, :, :, 0], counts)
    assert found.raw.energy.centers == pytest.approx([3.25])


def test_the_spectrum_is_that_of_all_energies_whatever_the_window():
    raw = image(np.random.default_rng(0).poisson(9, (1, 3, 4, 30)).astype(np.uint16))
    smooth = image(np.full((1, 3, 4, 30), 9.0))
    expected = (raw.sum_spectrum() - 108) / math.sqrt(108)
    for window in (None, (2.0, 5.0)):
        np.testing.assert_allclose(
            standard_residuals(raw, smooth, window=window).spectrum, expected
        )


@pytest.mark.parametrize("window", [(5.0, 2.0), (40.0, 50.0), (2.0, 2.0)])
def test_a_window_without_channels_is_refused(window):
    raw = image(np.ones((1, 2, 2, 4), np.uint8))
    with pytest.raises(xrf.DataError, match="energy axis"):
        standard_residuals(raw, raw, window=window)


def test_images_of_other_shapes_are_refused_by_name():
    raw, small = image(np.ones((1, 2, 2, 4))), image(np.ones((1, 2, 1, 4)), name="small")
    with pytest.raises(xrf.DataError, match=r"small is \(2, 1, 4\).*same pixels"):
        standard_residuals(raw, small)


def test_the_summary_tells_what_chance_gives_and_what_to_be_careful_about():
    rate = np.full((1, 50, 50, 4), 5.0)
    raw = image(np.random.default_rng(0).poisson(rate).astype(np.uint8))
    words = standard_residuals(raw, image(rate)).summary()
    assert "all energies" in words
    assert "chance alone gives about" in words
    assert "Careful" not in words
    words = standard_residuals(
        image(raw.counts + 0.5, name="ore"), image(2 * rate), window=(1.0, 2.0)
    )
    assert "1 to 2 keV" in words.summary()
    # Twice 5 counts over 5.5 a channel.
    assert "1.8" in words.summary()
    assert "“ore”" in words.summary()
    assert "not whole numbers" in words.summary()


def test_other_energies_are_told():
    image, truth = xrf.simulate_map(shape=(6, 6), n_channels=128, seed=1)
    denoised = image.replace(counts=truth[None], name="result")
    assert "different energy axes" not in standard_residuals(image, denoised).summary()
    bent = denoised.replace(energy=xrf.EnergyAxis(0.0, 0.05, 128))
    words = standard_residuals(image, bent).summary()
    assert "“result” and “map” have different energy axes" in words
    plain = denoised.replace(energy=xrf.EnergyAxis(0.0, 1.0, 128, calibrated=False))
    assert "different energy axes" not in standard_residuals(image, plain).summary()


def test_of_a_single_spectrum_there_is_nothing_to_say_about_pixels():
    raw = image(np.full((1, 1, 1, 30), 8, np.uint16))
    assert standard_residuals(raw, raw).summary() == ""


def test_the_layer_has_the_place_the_colours_and_the_record():
    raw = image(
        np.full((1, 2, 3, 8), 9, np.uint8), pixel_size=(2.0, 3.0), pixel_unit="µm", name="ore"
    )
    data, attributes, kind = standard_residuals(raw, raw.replace(name="ore denoised")).layer_data()
    assert (data.shape, kind) == ((2, 3), "image")
    assert attributes["scale"] == [2.0, 3.0]
    assert attributes["units"] == ["µm", "µm"]
    assert attributes["contrast_limits"] == (-5, 5)
    assert attributes["name"] == "Residual of ore denoised, all energies (standard deviations)"
    record = attributes["metadata"]["residual"]
    assert (record["before"], record["after"], record["window"]) == ("ore", "ore denoised", None)
