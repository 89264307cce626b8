import numpy as np
import pytest

from napari_xrf_denoise.core.energy_axis import EnergyAxis
from napari_xrf_denoise.core.spectrum_image import SpectrumImage
from napari_xrf_denoise.simulation.measurements import simulate_map, simulate_spectra


@pytest.fixture(scope="session")
def small_map():
    """A simulated map and its true rate."""
    return simulate_map(shape=(24, 20), n_channels=256, counts_per_pixel=300, seed=5)


@pytest.fixture(scope="session")
def four_spectra():
    """Four simulated exposures, and the true rate."""
    return simulate_spectra(n_repeats=4, seed=2)


@pytest.fixture
def short_spectra():
    """Spectra of two broad lines on 300 channels: enough for a network, quick to train on."""
    channels = np.arange(300)
    rate = 0.5 + sum(
        height * np.exp(-0.5 * ((channels - place) / 8) ** 2)
        for height, place in ((60, 90), (25, 190))
    )
    counts = np.random.default_rng(1).poisson(rate, (4, 1, 1, 300)).astype(np.uint16)
    return SpectrumImage(counts, EnergyAxis(0.0, 0.02, 300), name="short"), rate


@pytest.fixture
def dose_gain():
    """Return a function that gives the dose gain of a result against the true rate."""

    def compute(counts, truth, repeats=1):
        error = ((np.asarray(counts, dtype=float) - truth) ** 2).sum()
        return float(truth.sum(dtype=float) / repeats / error)

    return compute


@pytest.fixture
def cut_into_bands(monkeypatch):
    """Return a function that makes every image give out its counts in bands of so many rows."""

    def cut(rows):
        def blocks(image, max_bytes=0, within=None):
            first, last, _ = (within or slice(None)).indices(image.shape[1])
            for start in range(first, last, rows):
                band = slice(start, min(start + rows, last))
                yield band, np.asarray(image.counts[:, band])

        monkeypatch.setattr(SpectrumImage, "blocks", blocks)

    return cut


@pytest.fixture
def spoiled_networks(monkeypatch):
    """Make every network of the stack erase nearly all that it sees."""
    module = "napari_xrf_denoise.denoising.methods.components.component_training"

    def measure(network, *_):
        network.signal.fill_(0.05)
        network.noise.fill_(1.0)

    monkeypatch.setattr(f"{module}.measure_shares", measure)
    monkeypatch.setattr(f"{module}.measure_leftovers", lambda *_: None)
