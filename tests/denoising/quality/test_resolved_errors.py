"""Errors without unresolved noise, from products of small matrices, against whole arrays."""

import numpy as np
import pytest

from napari_xrf_denoise.core.factored_counts import FactoredCounts
from napari_xrf_denoise.denoising.multifold_thinning import gather
from napari_xrf_denoise.denoising.quality.resolved_errors import ResolvedErrors
from napari_xrf_denoise.denoising.quality.squared_errors import BandErrors
from napari_xrf_denoise.denoising.subspace import Subspace

CHANNELS = 40
BELLS = np.exp(-0.5 * ((np.arange(CHANNELS)[:, None] - np.arange(-4, 45, 4)) / 4) ** 2)
RESOLVED = Subspace.of(np.linalg.qr(BELLS / np.sqrt(5))[0], np.full(CHANNELS, np.sqrt(5)))
SHARES = (0.5, 0.2, 0.3)


def drawn(seed, rank=3):
    """Return parts of the counts (part, y, x, energy), and factors of a prediction for each."""
    rng = np.random.default_rng(seed)
    spectra = rng.uniform(0, 1, (rank, 13)) @ BELLS.T
    counts = [rng.poisson(share * rng.uniform(0, 2, (6, 5, rank)) @ spectra) for share in SHARES]
    return np.stack(counts), [(rng.uniform(0, 2, (6, 5, rank)), spectra) for _ in SHARES]


def sums_of(parts, predictions, *, photons):
    """Return the sums that the products of two bands give."""
    smooth = ResolvedErrors(RESOLVED, predictions, SHARES, photons=photons)
    errors = []
    for rows in (slice(0, 4), slice(4, 6)):
        band = gather(parts[:, rows])
        tally = BandErrors(band, SHARES, photons=photons)
        for index, kinds in enumerate(predictions):
            tally.compare(index, *([np.asarray(kind[0, rows]) for kind in kinds] + [None])[:2])
        smooth.add(smooth.products(rows, band))
        errors.append(tally.finish())
    return errors[0].plus(errors[1]), smooth


@pytest.mark.parametrize("photons", [True, False])
@pytest.mark.parametrize("places", [(), (3, 17, 22)])
def test_sums_are_those_of_smooth_counts(photons, places):
    parts, factors = drawn(0)
    rows = np.random.default_rng(1).uniform(0, 9, (len(places), CHANNELS))
    guesses = [FactoredCounts(*own, places, rows) for own in factors]
    fewer = [FactoredCounts(0.7 * scores, spectra, places, rows) for scores, spectra in factors]
    raw, smooth = sums_of(parts, list(zip(guesses, fewer, strict=True)), photons=photons)
    found = smooth.finish(raw)
    even = [RESOLVED.smooth(part) / share for part, share in zip(parts, SHARES, strict=True)]
    total = RESOLVED.smooth(parts.sum(axis=0)).astype(float)

    def departure(guess, part):
        full = np.asarray(guess[0]).astype(float)
        return (full**2 - 2 * full * part).sum(axis=(0, 1))

    departures = [departure(*pair) for pair in zip(guesses, even, strict=True)]
    np.testing.assert_allclose(found.departure, sum(departures), rtol=1e-4, atol=1e-2)
    others = [departure(*pair) for pair in zip(fewer, even, strict=True)]
    np.testing.assert_allclose(found.fall, sum(others) - sum(departures), rtol=1e-4, atol=1e-2)
    if photons:
        mean_noise = RESOLVED.smooth_variance(parts.sum(axis=(0, 1, 2)).astype(float))
        level = (total**2).sum(axis=(0, 1)) - mean_noise
    else:
        pairs = [(one, two) for one in range(3) for two in range(3) if one != two]
        level = sum((even[one] * even[two]).sum(axis=(0, 1)) for one, two in pairs) / 6
    np.testing.assert_allclose(found.level, level, rtol=1e-3, atol=0.1)


def test_what_is_cut_off_at_zero_is_compared_with_the_counts_as_they_are():
    parts, factors = drawn(2)
    spectra = np.concatenate([factors[0][1], -0.5 * factors[0][1][:1]])
    guesses = [
        FactoredCounts(np.concatenate([scores, scores[..., :1] * 12], axis=2), spectra)
        for scores, _ in factors
    ]
    raw, smooth = sums_of(parts, [(guess,) for guess in guesses], photons=True)
    expected = np.zeros(CHANNELS)
    for guess, part, share in zip(guesses, parts, SHARES, strict=True):
        full = np.asarray(guess[0]).astype(float)
        product = guess.images(slice(0, 6)) @ guess.spectra
        assert (product < 0).any()
        even = RESOLVED.smooth(part)
        along = product * even + (full - product) * part
        expected += (full**2 - 2 * along / share).sum(axis=(0, 1))
    np.testing.assert_allclose(smooth.finish(raw).departure, expected, rtol=1e-4, atol=1e-2)
