"""Maps of exactly known rates, and what programs do to counts before they save whole numbers."""

import numpy as np
from scipy.ndimage import gaussian_filter, shift

CHANNELS = 200


def rates(shape=(28, 28), counts=100, seed=0, kind="smooth"):
    """Rates (y, x, energy) of four broad lines and a background, with this mean a pixel."""
    rng = np.random.default_rng([seed, 7])
    channel = np.arange(CHANNELS)
    places = rng.choice(np.arange(20, 180, 10), 4, replace=False)
    spectra = np.exp(-0.5 * ((channel - places[:, None]) / 1.8) ** 2)
    fields = rng.normal(size=(4, *shape))
    if kind == "smooth":
        fields = gaussian_filter(fields, (0, shape[0] / 8, shape[1] / 8))
    elif kind == "edges":
        fields = fields[:, :1, :1] + 3 * (np.arange(shape[1]) > shape[1] // 2)
    elif kind == "uniform":
        fields = fields[:, :1, :1] + np.zeros((1, *shape))
    fields = np.exp(fields / max(fields.std(), 1e-9))
    rate = np.tensordot(fields, spectra, (0, 0))
    rate += 0.2 * rate.mean() * (1 + np.exp(-channel / 60))
    return rate * counts / rate.sum(axis=2).mean()


def photons(*args, seed=0, **kwargs):
    """Independent Poisson counts (y, x, energy) of such rates."""
    return np.random.default_rng([seed, 8]).poisson(rates(*args, seed=seed, **kwargs))


def interpolated(counts):
    """Counts on an energy axis that is stretched by 1 %."""
    places = np.arange(counts.shape[2]) * 1.01
    low = np.minimum(places.astype(int), counts.shape[2] - 2)
    part = np.minimum(places - low, 1)
    return counts[..., low] * (1 - part) + counts[..., low + 1] * part


def moved(counts):
    return np.rint(shift(counts.astype(float), (0.4, 0.4, 0), order=1, mode="nearest"))


def running_sum(counts):
    padded = np.pad(counts, ((1, 1), (1, 1), (0, 0)), mode="edge")
    height, width, _ = counts.shape
    return sum(padded[i : i + height, j : j + width] for i in range(3) for j in range(3))


def factor(least, most):
    """Return a function that multiplies each pixel by a factor of its own and rounds."""

    def change(counts, rng):
        return np.rint(counts * rng.uniform(least, most, (*counts.shape[:2], 1)))

    return change


TIED = {
    "energy interpolated": lambda n, rng: np.rint(interpolated(n)),
    "energy interpolated at random": lambda n, rng: np.floor(interpolated(n) + rng.random(n.shape)),
    "moved": lambda n, rng: moved(n),
    "running sum": lambda n, rng: running_sum(n),
    "energy smoothed": lambda n, rng: np.roll(n, 1, 2) + 2 * n + np.roll(n, -1, 2),
    "afterpulse": lambda n, rng: n + np.roll(rng.binomial(n, 0.3), 1, 2),
    "rows upsampled": lambda n, rng: np.repeat(n, 2, axis=0)[: len(n)],
    "columns upsampled": lambda n, rng: np.repeat(n, 2, axis=1)[:, 1 : n.shape[1] + 1],
}
ROUNDED = {
    "factor 1.1 to 1.4": factor(1.1, 1.4),
    "noise of 0.5": lambda n, rng: np.maximum(np.rint(n + rng.normal(0, 0.5, n.shape)), 0),
    "photons doubled": lambda n, rng: n + rng.binomial(n, 0.3),
}


def changed(change, counts, seed=0):
    return np.asarray(change(counts, np.random.default_rng([seed, 9]))).astype(np.uint32)
