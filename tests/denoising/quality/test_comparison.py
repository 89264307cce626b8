"""Which of two predictions is nearer to the truth, against errors that are known exactly."""

import numpy as np
import pytest

from napari_xrf_denoise.core.progress import Watch
from napari_xrf_denoise.core.spectrum_image import SpectrumImage
from napari_xrf_denoise.denoising.pairs import Photons
from napari_xrf_denoise.denoising.quality.comparison import Lead, compare
from napari_xrf_denoise.denoising.quality.held_out import HeldOut, cross_score

RATE = np.random.default_rng(0).uniform(0.5, 6, (8, 8, 40))
FOLDS = 4


def shrink(kept):
    """A prediction that keeps a share of the contrast of the counts: its error is known."""

    def predict(counts, rows=None):
        return (kept * counts + (1 - kept) * counts.mean()).astype(np.float32)

    def error(share):
        bias = (1 - kept) * (RATE.mean() - RATE)
        return float((bias**2 + kept**2 * RATE / share).sum())

    return predict, error


def leads(one, other, number=40):
    for seed in range(number):
        counts = np.random.default_rng(seed).poisson(RATE, (1, *RATE.shape))
        source = Photons(SpectrumImage(counts))

        def held_out(source=source, seed=seed):
            return HeldOut.of(source, seed, [one] * FOLDS)

        score = cross_score(held_out(), Watch())
        yield compare(held_out(), score, [other] * FOLDS, None, Watch())


def test_the_lead_is_the_difference_of_the_true_errors_within_its_standard_error():
    (one, one_error), (other, other_error) = shrink(0.9), shrink(0.6)
    share = 1 - 1 / FOLDS
    expected = (one_error(share) - other_error(share)) / RATE.sum()
    found = list(leads(one, other))
    less = np.array([lead.less for lead in found])
    assert less.mean() == pytest.approx(expected, abs=3 * less.std() / len(less) ** 0.5)
    told = np.mean([lead.error for lead in found])
    # The formula is that of linear predictions with any kernel, with room for learned ones.
    assert 0.9 < told / less.std() < 3


def test_most_of_the_noise_of_a_single_score_cancels():
    (one, _), (other, _) = shrink(0.6), shrink(0.55)
    noise = np.std([lead.less for lead in leads(one, other)])
    alone = (2 * (RATE**2).sum() * FOLDS / (FOLDS - 1)) ** 0.5 / RATE.sum()
    assert noise < 0.1 * alone


@pytest.mark.parametrize(("less", "certain"), [(0.03, True), (0.01, False), (-0.03, False)])
def test_only_a_lead_beyond_its_error_counts(less, certain):
    assert Lead(less, 0.02).is_certain == certain


def test_a_lead_is_told_in_words():
    assert str(Lead(0.049, 0.005)) == (
        "the squared error of PCA is lower by 4.9% ± 0.5% of that of the raw counts"
    )
    assert "higher by 1.0%" in str(Lead(-0.01, 0.005))
