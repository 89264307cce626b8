"""A second simulated kind of map: mosaics of grains, textures, layers and particles.

Made in another way than `xrf.simulate_map`: which elements there are, how much of each, in which
of four kinds of pictures and with which contrast is drawn at random, most of them weak. Lines are
Gaussians of the detector of `scenes`; there are no hot spots.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scenes import spectrum_of
from scipy.ndimage import gaussian_filter
from scipy.spatial import cKDTree

import napari_xrf_denoise as xrf

ELEMENTS = (
    "Si", "P", "S", "Cl", "K", "Ca", "Ti", "V", "Cr", "Mn", "Fe", "Co", "Ni", "Cu", "Zn", "As",
    "Se", "Sr",
)  # fmt: skip
NUMBER = 13
"""Of elements in a map."""
LARGEST_RATIO = 500
"""Of the counts of the strongest element over those of the weakest, at most."""

Picture = NDArray[np.float64]


def simulate_mosaic(
    shape: tuple[int, int], *, n_channels: int, counts_per_pixel: float, seed: int
) -> tuple[xrf.SpectrumImage, NDArray[np.float32]]:
    """Return a map of Poisson counts and its exact rate (y, x, energy)."""
    rng = np.random.default_rng([seed, 13])
    axis = xrf.EnergyAxis(0.5, 16 / n_channels, n_channels)
    elements = sorted(rng.choice(ELEMENTS, NUMBER, replace=False), key=ELEMENTS.index)
    amounts = LARGEST_RATIO ** -np.sort(rng.random(NUMBER))
    kinds = [grains, texture, layers, particles]
    shared = {kind: kind(shape, rng) for kind in kinds}
    rate = np.zeros((*shape, n_channels))
    for element, amount in zip(rng.permutation(elements), amounts, strict=True):
        kind = kinds[rng.integers(len(kinds))]
        # Half of the elements share a picture, as those of one mineral do.
        picture = shared[kind] if rng.random() < 0.5 else kind(shape, rng)
        contrast = rng.uniform(0.2, 1)
        picture = 1 - contrast + contrast * picture / picture.mean()
        rate += amount * picture[..., None] * spectrum_of(str(element), axis)
    scatter = np.exp(-axis.centers / 3) + 0.05
    rate += 0.1 * rate.sum() / scatter.sum() / rate[..., 0].size * scatter
    rate *= counts_per_pixel / rate.sum(axis=2).mean()
    image = xrf.SpectrumImage(
        rng.poisson(rate).astype(np.uint16)[None],
        axis,
        name=f"mosaic, seed {seed}",
        metadata={"elements": [str(element) for element in elements], "hot_spots": []},
    )
    return image, rate.astype(np.float32)


def grains(shape: tuple[int, int], rng: np.random.Generator) -> Picture:
    """Return polygons with sharp borders, of a few levels."""
    seeds = rng.random((rng.integers(15, 60), 2)) * shape
    _, nearest = cKDTree(seeds).query(np.argwhere(np.ones(shape)))
    return np.asarray(rng.gamma(1, 1, len(seeds))[nearest].reshape(shape)) + 0.01


def texture(shape: tuple[int, int], rng: np.random.Generator) -> Picture:
    """Return a field of all scales, whose power falls with frequency."""
    frequencies = np.hypot(np.fft.fftfreq(shape[0])[:, None], np.fft.fftfreq(shape[1]))
    frequencies[0, 0] = np.inf
    noise = np.fft.fft2(rng.standard_normal(shape))
    field = np.fft.ifft2(noise * frequencies ** -rng.uniform(0.8, 1.6)).real
    return np.asarray(np.exp(0.6 * field / field.std()))


def layers(shape: tuple[int, int], rng: np.random.Generator) -> Picture:
    """Return bands of a random direction and width, with soft borders."""
    rows, columns = np.indices(shape)
    angle, period = rng.uniform(0, np.pi), rng.uniform(6, 30)
    bent = gaussian_filter(rng.standard_normal(shape), 10)
    way = rows * np.cos(angle) + columns * np.sin(angle) + 3 * bent / bent.std()
    return np.asarray(1 / (1 + np.exp(-6 * np.sin(2 * np.pi * way / period)))) + 0.02


def particles(shape: tuple[int, int], rng: np.random.Generator) -> Picture:
    """Return bright blobs of many sizes on little."""
    rows, columns = np.indices(shape)
    picture = np.full(shape, 0.05)
    for _ in range(int(rng.integers(10, 40))):
        y, x = rng.random(2) * shape
        size = rng.uniform(0.5, 4)
        distance = ((rows - y) ** 2 + (columns - x) ** 2) / size**2
        picture += rng.gamma(1, 2) * np.exp(-0.5 * distance)
    return picture
