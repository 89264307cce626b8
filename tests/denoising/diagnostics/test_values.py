"""Values that photon counts do not have."""

import numpy as np
import pytest
from scipy.optimize import minimize_scalar

from napari_xrf_denoise.denoising.diagnostics.values import (
    ValueCounts,
    clearness,
    common_step,
    odd_values,
)
from napari_xrf_denoise.io import read
from napari_xrf_denoise.simulation.measurements import simulate_map, simulate_spectra


@pytest.fixture(scope="module")
def map_counts():
    return np.asarray(simulate_map(shape=(40, 40), n_channels=512, seed=3)[0].counts)


def found(counts):
    values = ValueCounts()
    values.add(np.asarray(counts))
    return odd_values(values)


def test_every_value_is_counted_once():
    counts = np.random.default_rng(0).poisson(30, (2, 5, 4, 50)) ** 2 * 5
    values = ValueCounts()
    for rows in (slice(0, 3), slice(3, 5)):
        values.add(counts[:, rows])
    small = counts[counts <= 4095]
    np.testing.assert_array_equal(values.numbers, np.bincount(small, minlength=4096))
    assert values.common_divisor() == np.gcd.reduce(counts.ravel())


@pytest.mark.parametrize("channels", [0, 1, 6])
def test_the_last_channels_can_be_left_out(channels):
    counts = np.random.default_rng(0).poisson(30, (2, 5, 4, 50)) ** 2 * 5
    values = ValueCounts()
    for rows in (slice(0, 3), slice(3, 5)):
        values.add(counts[:, rows])
    rest = counts[..., : 50 - channels]
    np.testing.assert_array_equal(
        values.without_last(channels).numbers, np.bincount(rest[rest <= 4095], minlength=4096)
    )


def test_photon_counts_of_any_rates_raise_no_alarm():
    rng = np.random.default_rng(1)
    for trial in range(30):
        rates = rng.gamma(0.2, 10.0 ** rng.uniform(-1, 3), (1, 8, 8, 300))
        flat = np.full((1, 8, 8, 300), 10.0 ** rng.uniform(-2, 3))
        assert found(rng.poisson(rates)) is None, trial
        assert found(rng.poisson(flat)) is None, trial
        # Rates far apart, with a valley in between where hardly any value occurs.
        assert found(rng.poisson(rng.choice([0.1, 40, 700], rates.shape))) is None, trial


def test_measured_counts_raise_no_alarm(shared_data):
    pytest.importorskip("rsciio")
    names = ["05_xrf_spectra.csv", "SiO2_EDS_SI.hspy", "P45_the_default_job.bcf"]
    for name in [*names, "88_ES-LP_G8_selection2_cropped2.hspy"]:
        assert found(read(shared_data / name).counts) is None


@pytest.mark.parametrize("factor", [2, 3, 10])
def test_multiples_are_found_with_their_divisor(map_counts, factor):
    odd = found(map_counts * factor)
    assert odd.divisor == factor
    assert f"all are multiples of {factor}; divide them by {factor}" in str(odd)


@pytest.mark.parametrize("factor", [1.05, 1.1, 1.3, 1.5, 2.3])
def test_counts_that_were_corrected_and_rounded_have_gaps(map_counts, factor):
    corrected = np.rint(map_counts * factor).astype(int)
    odd = found(corrected)
    assert odd.divisor == 1
    assert (odd.number, odd.rare_number) == tuple(
        int((corrected == value).sum()) for value in (odd.often, odd.rare)
    )
    assert "values have gaps" in str(odd)


def test_few_high_counts_have_gaps_too():
    spectra = np.asarray(simulate_spectra(n_repeats=4, seed=1)[0].counts)
    assert found(spectra) is None
    assert "values have gaps" in str(found(np.rint(spectra * 1.3).astype(int)))


def test_counts_that_were_cut_off_are_said_to_be():
    counts = np.random.default_rng(0).poisson(np.linspace(1, 400, 500), (1, 6, 6, 500))
    assert "cut off at 255" in str(found(np.minimum(counts, 255)))
    assert found(counts) is None


@pytest.mark.parametrize("seed", [0, 1])
def test_counts_that_were_wrapped_end_abruptly(seed):
    rng = np.random.default_rng(seed)
    rate = rng.gamma(0.3, 150, (1, 24, 24, 100))
    odd = found(rng.poisson(rate) % 256)
    assert odd.often == 255
    assert "counts end abruptly at 255: the values" in str(odd)
    assert "256 to" in str(odd)
    # Rates that end there do not make the counts of photons end as they do.
    assert found(rng.poisson(np.minimum(rate, 230))) is None


def test_half_of_all_photons_of_each_voxel_is_not_poisson_any_more(map_counts):
    assert found(np.rint(map_counts * 0.5).astype(int)) is not None


@pytest.mark.parametrize("counts", [np.zeros((1, 2, 2, 9), int), np.full((1, 1, 1, 1), 6)])
def test_hardly_any_counts_tell_nothing(counts):
    assert found(counts) is None


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_counts_divided_by_a_time_give_it_away(map_counts, dtype):
    rates = (map_counts[map_counts > 0] / 0.37).astype(dtype)
    assert common_step(rates) == pytest.approx(1 / 0.37, rel=1e-6)


def test_other_fractions_have_no_common_step(map_counts):
    rng = np.random.default_rng(0)
    rates = map_counts[map_counts > 0] / rng.uniform(1, 2, (map_counts > 0).sum())
    assert common_step(rates) is None
    assert common_step(np.array([0.5, 0.5])) is None
    # Rounded to two digits is no unit of photons.
    assert common_step(np.round(rng.uniform(0, 20, 5000), 2) + 0.01) is None


def test_the_advice_is_a_unit_of_the_file_also_after_one_was_given(map_counts):
    values = ValueCounts()
    values.add(map_counts * 2)
    words = str(odd_values(values, 0.25))
    assert "with --unit 0.5 or to_photon_counts(image, 2)" in words
    assert "with --unit 2 or to_photon_counts(image, 2)" in str(odd_values(values))


@pytest.mark.parametrize("numbers", [(900, 400, 30), (50, 60, 2), (7, 90, 0), (0, 40, 0)])
@pytest.mark.parametrize("factor", [2.0, 1.5, 4.0, 5.0])
def test_the_nearest_numbers_allowed_are_the_most_likely(numbers, factor):
    before, own, after = np.array(numbers, float)

    def distance(logs):
        # Any m₋; then m₊ and m on the border, the best for it by another search.
        def other(log):
            expected = np.exp([logs, (logs + log + np.log(factor)) / 2, log])
            rest = expected.sum() - sum(numbers)
            return rest - sum(
                n * np.log(m / n) for n, m in zip(numbers, expected, strict=True) if n
            )

        return minimize_scalar(other, bounds=(-8, 9), method="bounded").fun

    best = minimize_scalar(distance, bounds=(-8, 9), method="bounded").fun
    found = clearness(np.array([[before], [own], [after]]), np.array([factor]))
    violated = own**2 > factor * before * after
    assert found[0] == pytest.approx(2 * best if violated else 0, rel=1e-3, abs=1e-3)
