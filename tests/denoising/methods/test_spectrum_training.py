"""Training of the 1D networks."""

import numpy as np
import pytest
import torch

from napari_xrf_denoise.core.energy_axis import EnergyAxis
from napari_xrf_denoise.core.errors import Cancelled
from napari_xrf_denoise.core.progress import Watch
from napari_xrf_denoise.denoising.methods.deconvolution import Candidates
from napari_xrf_denoise.denoising.methods.spectrum_training import (
    Scaling,
    strategy_pairs,
    train_mixing,
    train_tutorial,
)
from napari_xrf_denoise.denoising.settings import SpectrumSettings, TutorialSettings

CPU = torch.device("cpu")


@pytest.fixture
def candidates(short_spectra):
    # The lines of the short spectra are 8 channels wide.
    return Candidates(EnergyAxis.uncalibrated(300), 8.0, CPU)


def test_one_to_x_predicts_the_mean_of_the_others_and_x_to_one_the_reverse():
    repeats = np.array([[1.0], [2.0], [6.0]], dtype=np.float32)
    given, wanted = strategy_pairs(repeats, "1:X")
    assert given.ravel().tolist() == [1, 2, 6]
    assert wanted.ravel().tolist() == [4, 3.5, 1.5]
    swapped = strategy_pairs(repeats, "X:1")
    assert swapped[0].ravel().tolist() == [4, 3.5, 1.5]
    assert swapped[1].ravel().tolist() == [1, 2, 6]


def test_scaling_is_the_mean_and_the_range_of_the_published_percentiles():
    counts = np.arange(1001, dtype=float)
    scaling = Scaling.of(counts)
    assert (scaling.center, scaling.range) == (500, pytest.approx(998))


def test_nearly_empty_spectra_still_have_a_scale():
    counts = np.zeros((2, 1, 5000))
    counts[0, 0, 7] = 3
    assert Scaling.of(counts).range == 3


def test_tutorial_losses_fall_and_the_best_epoch_is_kept(short_spectra):
    image, _ = short_spectra
    settings = TutorialSettings(epochs=300)
    network, _, losses = train_tutorial(image.counts[:, :, 0], settings, CPU, Watch())
    assert len(losses["training"]) == len(losses["held-out"]) == 300
    assert min(losses["held-out"][200:]) < 0.2 * losses["held-out"][0]
    assert not network.training


def test_the_lower_limit_adds_the_mean_of_what_lies_below_it_to_the_loss(short_spectra):
    repeats = short_spectra[0].counts[:, :, 0].astype(float)

    def first_loss(limit):
        settings = TutorialSettings(epochs=1, lower_limit=limit)
        _, scaling, losses = train_tutorial(repeats, settings, CPU, Watch())
        return losses["training"][0], scaling

    plain, scaling = first_loss(None)
    # So far above all predictions that these do not matter; the loss is one of four spectra.
    limit = 1e5
    assert first_loss(limit)[0] - plain == pytest.approx(limit / scaling.range / 4, rel=0.01)
    assert first_loss(-limit)[0] == plain


@pytest.mark.parametrize("thinned", [True, False])
def test_mixing_learns_from_photons_and_from_repeats(short_spectra, candidates, thinned):
    image, rate = short_spectra
    spectra = image.counts[:, 0, 0].sum(axis=0)[None] if thinned else image.counts[:, :, 0]
    network, losses = train_mixing(spectra, candidates, SpectrumSettings(steps=60), Watch())
    assert len(losses["training"]) == 60
    total = image.counts.sum(axis=0)[:, 0].astype(np.float32)
    with torch.no_grad():
        guess = network(candidates(torch.from_numpy(total))).numpy()[0] / 4
    raw_error = rate.sum() / 4
    assert ((guess - rate) ** 2).sum() < raw_error / 2


def test_the_same_seed_gives_the_same_network(short_spectra, candidates):
    spectra = short_spectra[0].counts[:, 0, 0].sum(axis=0)[None]

    def weights(seed):
        settings = SpectrumSettings(steps=5, seed=seed)
        return train_mixing(spectra, candidates, settings, Watch())[0].first.weight

    assert torch.equal(weights(3), weights(3))
    assert not torch.equal(weights(3), weights(4))


def test_training_stops_on_request(short_spectra, candidates):
    counts = short_spectra[0].counts[:, :, 0]
    stopped = Watch(None, lambda: True)
    with pytest.raises(Cancelled):
        train_tutorial(counts, TutorialSettings(), CPU, stopped)
    with pytest.raises(Cancelled):
        train_mixing(counts, candidates, SpectrumSettings(), stopped)
