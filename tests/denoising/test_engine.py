"""The engine as a user calls it."""

import dask.array as da
import numpy as np
import pytest

import napari_xrf_denoise as xrf
from napari_xrf_denoise.core.errors import Cancelled, DataError, SettingsError
from napari_xrf_denoise.core.spectrum_image import SpectrumImage

QUICK = {"method": "spectrum", "preset": "tutorial", "epochs": 3}
STACK = {"method": "stack", "folds": 2, "steps": 5, "features": 8, "line_width": 1.0}


def test_a_map_is_nearer_to_the_truth_and_keeps_its_counts(small_map, dose_gain):
    image, truth = small_map
    result = xrf.denoise(image, method="pca")
    assert dose_gain(result.counts, truth) > 4
    assert result.report.count_ratio == pytest.approx(1, abs=0.01)
    assert result.counts.dtype == np.float32
    assert result.counts.min() >= 0


@pytest.mark.slow
def test_auto_takes_the_stack_for_a_map_and_its_components_where_the_network_is_worse(
    small_map, dose_gain, request
):
    image, truth = small_map
    # Few photons a pixel: there the neighbours have more to tell.
    dim, dim_truth = xrf.simulate_map(shape=(32, 32), n_channels=256, counts_per_pixel=20, seed=4)
    taken = xrf.denoise(dim, steps=100, features=24)
    components = xrf.denoise(dim, method="pca", folds=0)
    assert dose_gain(taken.counts, dim_truth) > dose_gain(components.counts, dim_truth)
    assert taken.report.choices["method"] == "stack"
    assert "pixels" in taken.report.choices["why"]
    assert taken.model.settings.method == "stack"
    request.getfixturevalue("spoiled_networks")
    untrained = {"folds": 2, "steps": 1, "features": 8}
    left = xrf.denoise(image, **untrained)
    assert left.report.choices["method"] == left.model.settings.method == "pca"
    assert "held-out counts" in left.report.choices["why"]
    assert dose_gain(left.counts, truth) > 4
    warned = xrf.denoise(image, method="stack", **untrained)
    assert warned.report.choices["method"] == "stack"
    assert any("method='pca'" in warning for warning in warned.report.warnings)
    assert not any("method='pca'" in warning for warning in taken.report.warnings)


def test_a_small_map_of_shuffled_pixels_is_left_to_the_components(dose_gain):
    # Neighbours say nothing of a pixel here: networks have little to learn and much to get wrong.
    _, truth = xrf.simulate_map(shape=(16, 16), n_channels=256, counts_per_pixel=1000, seed=3)
    rng = np.random.default_rng(0)
    rate = rng.permutation(truth.reshape(256, -1)).reshape(truth.shape)
    image = SpectrumImage(rng.poisson(rate)[None].astype(np.uint16))
    result = xrf.denoise(image, preset="fast")
    networks = xrf.denoise(image, method="stack", preset="fast")
    assert result.report.choices["method"] == "pca"
    assert "squared error of PCA is lower" in result.report.choices["why"]
    assert dose_gain(result.counts, rate) > 1.1 * dose_gain(networks.counts, rate)


def test_a_smooth_map_is_left_to_the_networks():
    ramp = np.linspace(0.2, 1, 20)[:, None, None]
    lines = np.exp(-0.5 * ((np.arange(120) - 40) / 4) ** 2) + 0.02
    rate = np.broadcast_to(5 * ramp * lines + np.roll(lines, 40), (20, 20, 120))
    image = SpectrumImage(np.random.default_rng(0).poisson(rate)[None].astype(np.uint16))
    result = xrf.denoise(image, preset="fast")
    assert result.report.choices["method"] == "stack"
    assert "squared error of PCA is higher" in result.report.choices["compared"]


def test_spectra_are_nearer_to_the_truth_and_keep_their_counts(four_spectra, dose_gain):
    image, truth = four_spectra
    result = xrf.denoise(image)
    assert result.report.choices["method"] == "spectrum"
    # The best of all Savitzky-Golay filters, chosen on the truth, reaches about 10.
    assert dose_gain(result.counts, truth, 4) > 10
    assert result.report.count_ratio == pytest.approx(1, abs=0.01)


def test_the_tutorial_gives_the_published_kind_of_gain(four_spectra, dose_gain):
    image, truth = four_spectra
    unseen = xrf.simulate_spectra(n_repeats=28, seed=77)[0]
    # A quarter of the published epochs is enough for that; the demo runs all of them.
    result = xrf.denoise(image, preset="tutorial", epochs=2500, reference=unseen)
    gain = dose_gain(result.counts, truth, 4)
    assert 2.5 < gain < 15
    low, high = result.report.dose_gain_interval
    assert low / 1.5 < gain < high * 1.5
    assert result.model.n_parameters == 256
    assert len(result.report.losses["training"]) == 2500


def test_the_tutorial_without_unseen_repeats_claims_no_gain(four_spectra):
    report = xrf.denoise(four_spectra[0], **QUICK).report
    assert np.isnan(report.dose_gain)
    assert "not known" in report.summary()


@pytest.mark.parametrize("preset", ["fast", "balanced"])
def test_the_reported_interval_holds_the_true_gain_of_maps(dose_gain, preset):
    inside = []
    for seed in range(10):
        image, truth = xrf.simulate_map(shape=(20, 20), n_channels=128, seed=seed)
        result = xrf.denoise(image, method="pca", preset=preset)
        low, high = result.report.dose_gain_interval
        assert low < result.report.dose_gain < high
        inside.append(low <= dose_gain(result.counts, truth) <= high)
    assert sum(inside) >= 8


def test_the_reported_gain_of_pca_is_right_on_average(dose_gain):
    # With two folds, the predictions that are scored are made of half of the counts.
    told, true = [], []
    for seed in range(8):
        image, truth = xrf.simulate_map(shape=(20, 20), n_channels=128, seed=seed + 20)
        result = xrf.denoise(image, method="pca", preset="fast")
        told.append(np.log(result.report.dose_gain))
        true.append(np.log(dose_gain(result.counts, truth)))
    assert np.mean(told) == pytest.approx(np.mean(true), abs=0.12)


def test_the_reported_interval_holds_the_true_gain_of_each_spectrum_by_itself(dose_gain):
    inside = []
    for seed in range(4):
        image, truth = xrf.simulate_map(shape=(9, 9), n_channels=128, seed=seed)
        result = xrf.denoise(image, method="spectrum", steps=25)
        low, high = result.report.dose_gain_interval
        inside.append(low <= dose_gain(result.counts, truth) <= high)
    assert sum(inside) >= 3


@pytest.mark.parametrize("counts_per_pixel", [1, 3, 10])
def test_counts_are_kept_however_few_they_are(counts_per_pixel):
    image, _ = xrf.simulate_map(
        shape=(30, 30), n_channels=512, counts_per_pixel=counts_per_pixel, seed=1
    )
    assert xrf.denoise(image, method="pca").report.count_ratio == pytest.approx(1, abs=0.01)


def test_the_reference_is_checked(four_spectra):
    image = four_spectra[0]
    options = {**QUICK, "epochs": 1}
    with pytest.raises(DataError, match="identical"):
        xrf.denoise(image, reference=image, **options)
    with pytest.raises(DataError, match="same energy axis"):
        other = xrf.simulate_spectra(n_repeats=3, seed=9)[0]
        xrf.denoise(image, reference=SpectrumImage(other.counts), **options)
    with pytest.raises(DataError, match="same shape"):
        xrf.denoise(image, reference=np.ones((2, 7)), **options)
    one = xrf.simulate_spectra(n_repeats=1, seed=9)[0]
    assert xrf.denoise(image, reference=one, **options).report.dose_gain > 0
    with pytest.raises(DataError, match="at least 2 repeats"):
        xrf.denoise(image, reference=one.replace(counts=one.counts * 1.5), **options)


@pytest.mark.parametrize(
    ("shape", "energy_axis", "repeat_axis", "expected"),
    [
        ((64,), -1, None, (64,)),
        ((3, 64), -1, 0, (64,)),
        ((5, 64), -1, None, (5, 64)),
        ((4, 5, 64), -1, None, (4, 5, 64)),
        ((64, 4, 5), 0, None, (64, 4, 5)),
        ((3, 64, 4, 5), 1, 0, (64, 4, 5)),
        ((4, 64, 5, 3), 1, -1, (4, 64, 5)),
    ],
)
def test_plain_arrays_come_back_with_their_axes(shape, energy_axis, repeat_axis, expected):
    counts = np.random.default_rng(0).poisson(3, shape).astype(np.uint16)
    result = xrf.denoise(counts, energy_axis=energy_axis, repeat_axis=repeat_axis, **QUICK)
    assert result.counts.shape == expected
    assert result.image.shape[0] == 1
    assert result.image.shape[-1] == 64


def test_every_axis_order_gives_the_same_result():
    counts = np.random.default_rng(0).poisson(3, (9, 10, 64)).astype(np.uint16)
    last = xrf.denoise(counts, method="pca").counts
    first = xrf.denoise(np.moveaxis(counts, -1, 0), energy_axis=0, method="pca").counts
    np.testing.assert_allclose(np.moveaxis(first, 0, -1), last, rtol=1e-6)


@pytest.mark.parametrize("method", ["pca", "spectrum", "stack"])
def test_scans_give_their_mean_and_detector_elements_their_sum(small_map, method):
    rng = np.random.default_rng(0)
    counts = rng.poisson(small_map[1][:12, :12] / 3, (3, 12, 12, 256)).astype(np.uint16)
    options = {"method": method, "folds": 0, **({} if method == "pca" else {"steps": 5})}
    scans = xrf.denoise(SpectrumImage(counts, repeat_kind="scan"), **options)
    parts = xrf.denoise(SpectrumImage(counts, repeat_kind="detector"), **options)
    assert scans.counts.sum() == pytest.approx(counts.sum() / 3, rel=0.01)
    assert parts.counts.sum() == pytest.approx(counts.sum(), rel=0.01)


def test_a_list_of_images_are_repeats(small_map):
    rng = np.random.default_rng(0)
    images = [
        small_map[0].replace(counts=rng.poisson(small_map[1])[None], name=f"scan {n}")
        for n in range(2)
    ]
    result = xrf.denoise(images, method="pca", folds=0)
    assert result.model.facts["repeats"] == 2
    with pytest.raises(DataError, match="same shape"):
        xrf.denoise([images[0], images[1].select(y=slice(0, 5))])


def test_the_same_seed_gives_the_same_result(short_spectra):
    image, _ = short_spectra
    runs = [xrf.denoise(image, steps=10, seed=seed).counts for seed in (1, 1, 2)]
    np.testing.assert_array_equal(runs[0], runs[1])
    assert not np.array_equal(runs[0], runs[2])


@pytest.mark.parametrize("options", [{"method": "pca"}, STACK], ids=["pca", "stack"])
@pytest.mark.parametrize("rows", [1, 4, 5])
def test_the_report_does_not_depend_on_the_size_of_blocks(small_map, cut_into_bands, options, rows):
    image = small_map[0].select(y=slice(0, 14), x=slice(0, 12))
    whole = xrf.denoise(image, **options).report
    cut_into_bands(rows)
    cut = xrf.denoise(image, **options).report
    assert cut.dose_gain == pytest.approx(whole.dose_gain, rel=0.01)
    assert cut.count_ratio == pytest.approx(whole.count_ratio, rel=1e-3)


def test_lazy_maps_give_the_result_of_maps_in_memory(small_map):
    image = small_map[0]
    lazy = image.replace(counts=da.from_array(image.counts, chunks=(1, 7, 9, 100)))
    # Bands end where chunks do, so that sums of floats are rounded in another order.
    np.testing.assert_allclose(
        xrf.denoise(lazy, method="pca").counts,
        xrf.denoise(image, method="pca").counts,
        rtol=1e-4,
        atol=1e-4,
    )


@pytest.mark.parametrize(
    "options", [{"method": "pca"}, {"method": "spectrum", "steps": 5}, QUICK, STACK]
)
def test_empty_pixels_and_channels_are_allowed(small_map, options):
    counts = small_map[0].counts[:, :10, :10].copy()
    counts[:, 2] = 0
    counts[:, :, :, :20] = 0
    result = xrf.denoise(SpectrumImage(counts), **options)
    assert np.all(np.isfinite(result.counts))


@pytest.mark.parametrize(
    "options", [{"method": "pca"}, {"method": "spectrum", "steps": 3}, QUICK, STACK]
)
@pytest.mark.parametrize("size", [1, 2, 3])
def test_very_few_channels_are_allowed(options, size):
    counts = np.random.default_rng(0).poisson(20, (1, 4, 4, size)).astype(np.uint16)
    result = xrf.denoise(SpectrumImage(counts), **options)
    assert result.counts.shape == (4, 4, size)
    assert np.all(np.isfinite(result.counts))


def test_nothing_counted_is_an_error_in_words():
    with pytest.raises(DataError, match=r"dark\.h5: all counts are zero"):
        xrf.denoise(SpectrumImage(np.zeros((1, 2, 2, 9), dtype=int), name="dark.h5"))


def test_spectra_without_a_calibration_are_denoised_as_well(four_spectra, dose_gain):
    image, truth = four_spectra
    result = xrf.denoise(image.replace(energy=xrf.EnergyAxis.uncalibrated(image.shape[-1])))
    assert dose_gain(result.counts, truth, 4) > 8


def test_too_few_counts_are_said():
    counts = np.random.default_rng(0).poisson(0.05, (1, 1, 1, 900))
    report = xrf.denoise(SpectrumImage(counts), steps=3).report
    assert any("too few" in warning for warning in report.warnings)


def test_fractions_are_paired_by_repeats_and_said_not_to_be_poisson(small_map):
    rng = np.random.default_rng(0)
    counts = rng.poisson(small_map[1], (4, *small_map[1].shape)) * 1.37
    result = xrf.denoise(SpectrumImage(counts.astype(np.float32)), method="pca")
    assert result.report.choices["pairs"] == "repeats"
    assert any("not Poisson" in warning for warning in result.report.warnings)
    assert result.report.dose_gain > 2
    with pytest.raises(DataError, match="whole counts"):
        xrf.denoise(SpectrumImage(counts), pairs="thinning")


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"method": "best"}, SettingsError, "setting 'method'"),
        ({"preset": "quick"}, SettingsError, "setting 'preset'"),
        ({"epochs": 3}, SettingsError, "unknown setting 'epochs'"),
        ({"pairs": "repeats"}, SettingsError, "at least 2 repeats"),
        ({"device": "toaster"}, SettingsError, "toaster"),
        ({"energy_axis": 7}, DataError, "energy_axis=7"),
    ],
)
def test_what_cannot_work_is_refused_before_any_work(options, error, words):
    seen = []
    counts = np.random.default_rng(0).poisson(3, (9, 9, 64))
    with pytest.raises(error, match=words):
        xrf.denoise(counts, on_progress=seen.append, **options)
    assert [progress for progress in seen if progress.fraction > 0.01] == []


@pytest.mark.parametrize("method", ["pca", "stack"])
def test_methods_for_maps_say_what_to_use_for_one_spectrum(method):
    with pytest.raises(DataError, match="method='spectrum'"):
        xrf.denoise(np.random.default_rng(0).poisson(9, 100), method=method)


@pytest.mark.parametrize("options", [{"method": "pca"}, {"method": "spectrum"}, QUICK, STACK])
def test_progress_rises_to_the_end(small_map, options):
    seen = []
    if options == {"method": "spectrum"}:
        options = {**options, "steps": 30}
    xrf.denoise(small_map[0].select(y=slice(0, 9)), on_progress=seen.append, **options)
    fractions = [progress.fraction for progress in seen]
    assert fractions == sorted(fractions)
    assert fractions[-1] == 1
    assert all(progress.stage for progress in seen)


@pytest.mark.parametrize("options", [{"method": "pca"}, {"method": "spectrum"}, QUICK, STACK])
def test_a_stopped_run_raises_cancelled(small_map, options):
    calls = []

    def stop():
        calls.append(1)
        return len(calls) > 2

    with pytest.raises(Cancelled):
        xrf.denoise(small_map[0], should_stop=stop, **options)


def test_the_result_carries_how_it_was_made(small_map):
    image = small_map[0].replace(name="vase.h5")
    result = xrf.denoise(image, method="pca", seed=11, rank=3)
    record = result.image.metadata["denoising"]
    assert record["source"] == "vase.h5"
    assert record["version"] == xrf.__version__
    assert record["settings"]["seed"] == 11
    assert record["settings"]["rank"] == 3
    assert record["report"]["dose_gain"] == pytest.approx(result.report.dose_gain)
    assert result.image.energy.is_close(image.energy)
    assert result.image.pixel_size == image.pixel_size
    assert "denoising" not in image.metadata


def test_an_array_whose_energies_seem_to_lie_elsewhere_gives_a_warning():
    counts = np.random.default_rng(0).poisson(3.0, (128, 9, 10))
    warnings = xrf.denoise(counts, method="pca", preset="fast").report.warnings
    assert any("give energy_axis=0" in warning for warning in warnings)
    right = xrf.denoise(counts, energy_axis=0, method="pca", preset="fast").report.warnings
    assert not any("energy_axis" in warning for warning in right)


def repeats_of(rate, number, seed=0):
    """Draw repeats whose sum has this rate."""
    counts = np.random.default_rng(seed).poisson(rate / number, (number, *rate.shape))
    return SpectrumImage(counts.astype(np.uint16), repeat_kind="frame")


@pytest.mark.parametrize("method", ["stack", "pca", "spectrum"])
@pytest.mark.parametrize("factor", [1.0, 1.3])
def test_the_order_of_repeats_makes_no_difference(small_map, method, factor):
    rate = small_map[1][:3, :3] if method == "spectrum" else small_map[1][:12, :10]
    image = repeats_of(rate, 5)
    # As dead time corrections do: values that are not whole.
    counts = image.counts * np.linspace(1, factor, 5)[:, None, None, None]
    options = {"method": method, "preset": "fast", "pairs": "repeats"}
    if method != "pca":
        options["steps"] = 10
    one, other = (
        xrf.denoise(image.replace(counts=counts[order]), **options)
        for order in ([0, 1, 2, 3, 4], [3, 0, 4, 2, 1])
    )
    np.testing.assert_allclose(np.asarray(other.counts), np.asarray(one.counts), rtol=1e-4)
    assert other.report.dose_gain == pytest.approx(one.report.dose_gain, rel=1e-4)


def test_pairs_of_poisson_repeats_are_told_to_be_second_best(small_map):
    image = repeats_of(small_map[1][:12, :10], 4)
    told = {
        pairs: [
            warning
            for warning in xrf.denoise(image, **{**STACK, "pairs": pairs}).report.warnings
            if "pairs='thinning'" in warning
        ]
        for pairs in ("repeats", "thinning", "auto")
    }
    assert len(told["repeats"]) == 1
    assert "better result" in told["repeats"][0]
    assert told["thinning"] == told["auto"] == []


@pytest.mark.parametrize(("number", "unknown"), [(2, True), (4, False)])
def test_repeats_that_leave_none_to_judge_are_told(small_map, number, unknown):
    image = repeats_of(small_map[1][:12, :10], number)
    result = xrf.denoise(image, **{**STACK, "pairs": "repeats"})
    assert np.isnan(result.report.dose_gain) == unknown
    told = [text for text in result.report.warnings if "dose gain is not known" in text]
    assert len(told) == unknown
    if unknown:
        assert "2 repeats" in told[0]
        assert "at least 4" in told[0]
