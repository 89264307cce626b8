import json

import numpy as np
import pytest

import napari_xrf_denoise as xrf
from napari_xrf_denoise.core.energy_axis import EnergyAxis
from napari_xrf_denoise.core.errors import SettingsError
from napari_xrf_denoise.simulation import measurements as simulation
from napari_xrf_denoise.simulation.measurements import (
    Excitation,
    element_spectrum,
    scatter_spectrum,
)
from napari_xrf_denoise.spectroscopy.detector import Detector


@pytest.fixture(scope="module")
def spectra():
    return xrf.simulate_spectra()


@pytest.fixture(scope="module")
def simulated_map():
    return xrf.simulate_map()


# Spectra ------------------------------------------------------------------------------------------


def test_spectra_have_the_axes_of_the_tutorials_data(spectra):
    image, rate = spectra
    assert image.shape == (32, 1, 1, 4095)
    assert rate.shape == (1, 1, 4095)
    assert image.repeat_kind == "scan"
    assert image.counts.dtype == np.uint16
    assert image.energy.calibrated
    assert image.energy.offset == -0.020
    assert image.energy.gain == pytest.approx(0.00501, abs=1e-6)


def test_spectra_have_the_counts_of_the_tutorials_data(spectra):
    image, rate = spectra
    assert rate.sum() == pytest.approx(23_710, rel=0.05)
    overflow = image.metadata["overflow_counts"]
    assert len(overflow) == 32
    assert np.mean(overflow) == pytest.approx(1_257, rel=0.10)


@pytest.mark.parametrize(
    ("low", "high", "share"),
    [(0.0, 1.0, 0.0001), (7.7, 10.0, 0.649), (15.0, 18.0, 0.309), (10.0, 14.0, 0.0071)],
)
def test_counts_are_where_the_tutorials_data_have_them(spectra, low, high, share):
    image, rate = spectra
    found = rate[0, 0, image.energy.channels(low, high)].sum() / rate.sum()
    assert found == pytest.approx(share, rel=0.5 if share < 0.01 else 0.05)


def test_strongest_peaks_are_zinc_copper_and_zirconium(spectra):
    image, rate = spectra
    for energy in (8.046, 8.637, 15.775):
        window = image.energy.channels(energy - 0.15, energy + 0.15)
        top = image.energy.centers[window][rate[0, 0, window].argmax()]
        assert top == pytest.approx(energy, abs=0.03)


def test_exposures_are_poisson_draws_of_one_rate(spectra):
    image, rate = spectra
    strong = rate[0, 0] > 0.5
    counts = image.counts[:, 0, 0, strong].astype(float)
    fano = np.mean(counts.var(axis=0, ddof=1) / rate[0, 0, strong])
    # About 900 channels × 31 degrees of freedom: a standard error below 0.02.
    assert fano == pytest.approx(1.0, abs=0.06)


def test_the_mean_of_many_exposures_tends_to_the_true_rate():
    image, rate = xrf.simulate_spectra(n_repeats=3000, n_channels=256, seed=3)
    expected = 3000 * rate[0, 0]
    strong = expected > 10
    difference = image.counts[:, 0, 0].sum(axis=0, dtype=float) - expected
    chi2 = np.mean(difference[strong] ** 2 / expected[strong])
    assert chi2 == pytest.approx(1.0, abs=5 * np.sqrt(2 / strong.sum()))


def test_the_rate_of_spectra_does_not_depend_on_the_seed(spectra):
    image, rate = spectra
    other, same = xrf.simulate_spectra(seed=1)
    np.testing.assert_array_equal(rate, same)
    assert np.any(image.counts != other.counts)


@pytest.mark.parametrize("n_channels", [64, 500, 2048])
def test_spectra_with_other_channels_keep_range_and_counts(n_channels):
    image, rate = xrf.simulate_spectra(n_repeats=2, n_channels=n_channels)
    assert image.shape == (2, 1, 1, n_channels - 1)
    assert image.energy.gain * n_channels == pytest.approx(20.52)
    assert rate.sum() == pytest.approx(23_710, rel=0.06)


# Map ----------------------------------------------------------------------------------------------


def test_map_has_calibrated_axes_and_pixel_size(simulated_map):
    image, rate = simulated_map
    assert image.shape == (1, 96, 96, 1024)
    assert rate.shape == (96, 96, 1024)
    assert rate.dtype == np.float32
    assert image.counts.dtype == np.uint16
    assert image.energy.gain == pytest.approx(0.02)
    assert (image.pixel_size, image.pixel_unit, image.name) == ((5.0, 5.0), "µm", "map")


@pytest.mark.parametrize("counts_per_pixel", [1, 60, 1e5])
def test_mean_counts_of_a_pixel_are_those_asked_for(counts_per_pixel):
    image, rate = xrf.simulate_map(
        (20, 30), n_channels=256, counts_per_pixel=counts_per_pixel, seed=2
    )
    assert rate.sum(dtype=float) / 600 == pytest.approx(counts_per_pixel, rel=1e-5)
    total = 600 * counts_per_pixel
    assert abs(image.counts.sum() - total) < 5 * np.sqrt(total)


def test_map_counts_are_poisson_draws_of_the_true_rate(simulated_map):
    image, rate = simulated_map
    expected, counts = rate.astype(float), image.counts[0].astype(float)
    strong = expected > 1
    chi2 = np.mean((counts - expected)[strong] ** 2 / expected[strong])
    assert chi2 == pytest.approx(1.0, abs=0.02)
    assert counts.sum(axis=(0, 1))[50:900] == pytest.approx(
        expected.sum(axis=(0, 1))[50:900], rel=0.0, abs=6 * np.sqrt(expected.sum(axis=(0, 1)).max())
    )


def test_the_same_seed_gives_the_same_map():
    first, rate = xrf.simulate_map((9, 13), n_channels=128, seed=5)
    again, same = xrf.simulate_map((9, 13), n_channels=128, seed=5)
    np.testing.assert_array_equal(first.counts, again.counts)
    np.testing.assert_array_equal(rate, same)
    assert first.metadata == again.metadata


def test_other_seeds_give_other_shapes_and_elements():
    maps = [xrf.simulate_map((32, 32), n_channels=64, seed=seed) for seed in range(4)]
    assert len({tuple(image.metadata["elements"]) for image, _ in maps}) == 4
    totals = [rate.sum(axis=-1).ravel() for _, rate in maps]
    assert np.abs(np.corrcoef(totals)[np.triu_indices(4, 1)]).max() < 0.8


def test_the_size_of_the_bands_does_not_change_the_counts(monkeypatch):
    whole, _ = xrf.simulate_map((17, 11), n_channels=100, seed=1)
    monkeypatch.setattr(simulation, "BLOCK_BYTES", 1)
    banded, _ = xrf.simulate_map((17, 11), n_channels=100, seed=1)
    np.testing.assert_array_equal(whole.counts, banded.counts)


def test_hot_spots_are_isolated_and_a_tenth_to_half_of_a_pixel(simulated_map):
    spots = simulated_map[0].metadata["hot_spots"]
    assert len(spots) >= 20
    places = np.array([(spot["y"], spot["x"]) for spot in spots])
    distance = np.abs(places[:, None] - places[None]).max(axis=-1)
    assert distance[~np.eye(len(spots), dtype=bool)].min() >= 3
    assert all(30 <= spot["counts"] <= 160 for spot in spots)


def test_a_hot_spots_element_is_nowhere_else(simulated_map):
    image, _ = simulated_map
    scene = simulation.compose_scene((96, 96), 300.0, np.random.default_rng(0))
    spots = image.metadata["hot_spots"]
    for element in {spot["element"] for spot in spots}:
        expected = np.zeros((96, 96))
        for spot in spots:
            if spot["element"] == element:
                expected[spot["y"], spot["x"]] = spot["counts"]
        found = scene.abundances[scene.components.index(element)]
        np.testing.assert_allclose(found, expected)


def test_hot_spots_show_in_the_lines_of_their_element(simulated_map):
    image, rate = simulated_map
    lines = {"Ag": 2.98, "Sn": 3.44, "Bi": 10.83, "Pb": 10.55, "Au": 9.71, "As": 10.54}
    seen = 0
    for spot in image.metadata["hot_spots"]:
        if spot["element"] in lines and 0 < spot["y"] < 95:
            energy, y, x = lines[spot["element"]], spot["y"], spot["x"]
            window = image.energy.channels(energy - 0.1, energy + 0.1)
            counts = rate[:, x, window].sum(axis=-1)
            # La is about half of the photons that L lines give.
            assert counts[y] - (counts[y - 1] + counts[y + 1]) / 2 > 0.3 * spot["counts"]
            seen += 1
    assert seen > 5


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_maps_hold_major_elements_and_some_below_one_count_a_pixel(seed):
    _, rate = xrf.simulate_map((64, 64), n_channels=64, counts_per_pixel=300, seed=seed)
    scene = simulation.compose_scene((64, 64), 300.0, np.random.default_rng(seed))
    means = {
        name: field.mean() for name, field in zip(scene.components, scene.abundances, strict=True)
    }
    assert sum(means.values()) == pytest.approx(300)
    assert sum(mean > 10 for mean in means.values()) >= 3
    assert sum(1 < mean < 10 for mean in means.values()) >= 2
    assert sum(mean < 1 for mean in means.values()) >= 2
    np.testing.assert_allclose(scene.abundances.sum(axis=0), rate.sum(axis=-1), rtol=1e-4)


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_maps_have_sharp_borders_and_gradients(seed):
    scene = simulation.compose_scene((64, 64), 300.0, np.random.default_rng(seed))
    jumps = []
    for field in scene.abundances:
        relative = np.abs(np.diff(field, axis=0)) / field.max()
        jumps.append(np.quantile(relative, 0.99) / max(np.median(relative), 1e-9))
    # A border is a step far above the slope elsewhere.
    assert max(jumps) > 20
    assert min(field.std() for field in scene.abundances) > 0


@pytest.mark.parametrize("shape", [(1, 1), (1, 7), (7, 1), (2, 3), (5, 5), (3, 200)])
@pytest.mark.parametrize("n_channels", [64, 65])
def test_odd_shapes_work(shape, n_channels):
    image, rate = xrf.simulate_map(shape, n_channels=n_channels, counts_per_pixel=10, seed=4)
    assert image.shape == (1, *shape, n_channels)
    assert np.all(np.isfinite(rate))
    assert rate.min() >= 0
    for spot in image.metadata["hot_spots"]:
        assert 0 <= spot["y"] < shape[0]
        assert 0 <= spot["x"] < shape[1]


def test_counts_that_do_not_fit_16_bits_are_kept_in_32():
    image, rate = xrf.simulate_map((2, 2), n_channels=64, counts_per_pixel=2e6, seed=0)
    assert image.counts.dtype == np.uint32
    assert image.counts.sum() == pytest.approx(rate.sum(dtype=float), rel=1e-2)


def test_metadata_of_both_are_plain_values(spectra, simulated_map):
    for image, _ in (spectra, simulated_map):
        content = json.loads(json.dumps(dict(image.metadata)))
        assert content["simulated"] is True
        assert {"seed", "elements", "excitation_energy_keV", "detector"} <= set(content)


# Pieces -------------------------------------------------------------------------------------------


def test_compton_shift_is_that_of_the_formula():
    # 662 keV of caesium-137 scattered straight back: 184 keV, as every textbook has it.
    assert Excitation(661.7, 180.0).compton == pytest.approx(184.3, abs=0.2)
    assert Excitation(18.0, 0.0).compton == 18.0


def test_scatter_peaks_are_where_physics_puts_them():
    axis, beam = EnergyAxis(0.0, 0.01, 2048), Excitation(18.0, 90.0)
    rayleigh = scatter_spectrum("rayleigh", axis, beam, Detector())
    compton = scatter_spectrum("compton", axis, beam, Detector())
    assert axis.centers[rayleigh.argmax()] == pytest.approx(18.0, abs=0.01)
    # 18 / (1 + 18 / 511) = 17.39
    assert axis.centers[compton.argmax()] == pytest.approx(17.39, abs=0.05)
    assert (compton > compton.max() / 2).sum() > (rayleigh > rayleigh.max() / 2).sum()


def test_an_element_shows_all_families_that_are_excited():
    axis = EnergyAxis(0.0, 0.01, 2048)
    lead = element_spectrum("Pb", axis, Excitation(18.0), Detector())
    assert lead.sum() == pytest.approx(1.0)
    la, lb, background, m = (
        lead[axis.channels(energy - 0.1, energy + 0.1)].sum()
        for energy in (10.55, 12.61, 8.0, 2.35)
    )
    assert la > lb > m > background


def test_an_element_that_is_not_excited_is_refused():
    axis = EnergyAxis(5.0, 0.01, 512)
    with pytest.raises(SettingsError, match="element C has no line between 5 and"):
        element_spectrum("C", axis, Excitation(18.0), Detector(tail=0.0, shelf=0.0))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"shape": (0, 4)}, "axis y"),
        ({"shape": (4, 2.5)}, "axis x"),
        ({"shape": (4, 4, 4)}, r"shape must be \(y, x\)"),
        ({"n_channels": 63}, "at least 64"),
        ({"counts_per_pixel": 0}, "counts_per_pixel"),
        ({"counts_per_pixel": float("nan")}, "counts_per_pixel"),
    ],
)
def test_impossible_maps_are_refused(settings, message):
    with pytest.raises(SettingsError, match=message):
        xrf.simulate_map(**settings)


def test_impossible_spectra_are_refused():
    with pytest.raises(SettingsError, match="n_repeats"):
        xrf.simulate_spectra(n_repeats=0)
    with pytest.raises(SettingsError, match="n_channels"):
        xrf.simulate_spectra(n_channels=10)
