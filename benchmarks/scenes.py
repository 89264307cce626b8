"""Simulated maps whose exact rate is known, with weak, extended and rare features planted in them.

What a denoiser erases, spreads or invents does not show in a dose gain. Each scene here holds
named features of known counts, on a map of known rate, so that the share of a feature that a
result keeps can be computed exactly. 48 × 48 pixels, 256 channels of 50 eV from 0.6 keV, about 100
counts a pixel. Lines are Gaussians of an own detector (142 eV at 5.9 keV), not that of the
program.

    from scenes import SCENES, kept
    scene = SCENES["quarters"](seed=0)
    kept(scene.features[0], result.counts)

or, to see all features with the share of their counts that raw counts and a result hold, and the
slope of the pictures of elements against the truth,

    python benchmarks/scenes.py [--seeds 0 1 2] [--preset balanced] [--scenes quarters lines]
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

import napari_xrf_denoise as xrf
from napari_xrf_denoise.core.poisson import deviance_residual
from napari_xrf_denoise.spectroscopy.xray_lines import lines

SHAPE = (48, 48)
AXIS = xrf.EnergyAxis(0.6, 0.05, 256)
NOISE, FANO_TERM = 0.08, 8 * np.log(2) * 0.115 * 3.66e-3
"""keV: electronic noise (FWHM) and the statistics of the charge in silicon, per keV."""
LEAST_RATE = 1e-3
"""Counts in a channel below which the weights of least squares no longer grow."""
Array = NDArray[Any]


@dataclass(frozen=True, eq=False)
class Feature:
    """Counts of one element in some pixels, on a known background."""

    name: str
    element: str
    mask: NDArray[np.bool_]
    """Its pixels (y, x)."""
    profile: NDArray[np.float64]
    """Expected counts in each pixel (y, x), 0 outside the mask."""
    line: NDArray[np.float64]
    """Shape of its spectrum (energy,), which sums to 1."""
    background: NDArray[np.float32]
    """Rate without the feature in the pixels of the mask, (pixel, energy)."""

    @property
    def counts(self) -> float:
        """Expected counts of the feature."""
        return float(self.profile.sum())

    @property
    def energies(self) -> tuple[float, ...]:
        """Energies in keV of its lines, the strongest first."""
        middle = np.argsort(self.line)[::-1]
        peaks = [i for i in middle if self.line[i] == self.line[max(0, i - 3) : i + 4].max()]
        return tuple(float(AXIS.centers[i]) for i in peaks if self.line[i] > 0.005)

    @property
    def window(self) -> slice:
        """Channels of its strongest line, ± 1 FWHM."""
        energy = self.energies[0]
        reach = fwhm(energy)
        first, last = np.searchsorted(AXIS.centers, [energy - reach, energy + reach])
        return slice(int(first), int(last))

    def significance(self, counts: Array) -> float:
        """Return by how many standard errors counts (y, x, energy) are above the background.

        Counted in the window of the strongest line, over all pixels of the feature.
        """
        found = np.asarray(counts)[self.mask][:, self.window].sum(dtype=np.float64)
        rate = self.background[:, self.window].sum(dtype=np.float64)
        return float(deviance_residual(np.array([found]), np.array([rate]))[0])


@dataclass(frozen=True, eq=False)
class Scene:
    """A simulated measurement and all that is known about it."""

    name: str
    image: xrf.SpectrumImage
    """Whole counts."""
    rate: NDArray[np.float32]
    """Exact expected counts (y, x, energy)."""
    fields: Mapping[str, NDArray[np.float64]]
    """Expected counts of each element (y, x), features included."""
    features: tuple[Feature, ...]

    @property
    def counts(self) -> Array:
        """The raw counts (y, x, energy)."""
        return np.asarray(self.image.counts[0])


def kept(feature: Feature, result: Any) -> float:
    """Return the share of a feature's counts that a result (y, x, energy) holds in its pixels.

    Weighted least squares of what the result has beyond the known background: the weights are
    those of Poisson counts, so that raw counts give 1 on average.
    """
    beyond = np.asarray(result)[feature.mask].astype(np.float64) - feature.background
    shape = feature.profile[feature.mask][:, None] * feature.line
    weight = 1 / np.maximum(feature.background + shape, LEAST_RATE)
    return float((weight * shape * beyond).sum() / (weight * shape**2).sum())


def fwhm(energy: float) -> float:
    """Return the width of a line in keV."""
    return float(np.sqrt(NOISE**2 + FANO_TERM * energy))


@lru_cache(maxsize=64)
def spectrum_of(element: str, axis: xrf.EnergyAxis = AXIS) -> NDArray[np.float64]:
    """Return the lines of an element (energy,), of K or for heavy ones of L, summing to 1."""
    from scipy.special import ndtr

    family = "L" if element in ("Pb", "Ba") else "K"
    shape = np.zeros(axis.size)
    for line in lines(element, family):
        sigma = fwhm(line.energy) / (2 * np.sqrt(2 * np.log(2)))
        shape += line.intensity * np.diff(ndtr((axis.borders - line.energy) / sigma))
    return np.asarray(shape / shape.sum())


def continuum(counts: float) -> NDArray[np.float64]:
    """Return the spectrum of scattered photons (energy,) with so many counts."""
    shape = np.exp(-AXIS.centers / 2.2) + 0.03
    return np.asarray(counts * shape / shape.sum())


def smooth(rng: np.random.Generator, spread: float, length: float = 8.0) -> NDArray[np.float64]:
    """Return a random smooth field (y, x) of mean 1 and relative standard deviation `spread`."""
    field = gaussian_filter(rng.standard_normal(SHAPE), length, mode="reflect")
    field = np.exp(spread * (field - field.mean()) / field.std())
    return np.asarray(field / field.mean())


class Composer:
    """Adds up elements and features, and draws the counts."""

    def __init__(self, name: str, seed: int, scatter: float = 6.0) -> None:
        # Each scene has random numbers of its own.
        self.rng = np.random.default_rng([seed, *name.encode()])
        self._name = f"{name}, seed {seed}"
        self._fields: dict[str, NDArray[np.float64]] = {}
        self._scatter = continuum(scatter)
        self._planted: list[tuple[str, str, NDArray[np.float64]]] = []

    def add(self, element: str, field: Any) -> None:
        """Add counts (y, x) of an element."""
        whole = np.broadcast_to(np.asarray(field, dtype=np.float64), SHAPE)
        self._fields[element] = self._fields.get(element, np.zeros(SHAPE)) + whole

    def add_base(self) -> None:
        """Add the usual smooth map of five elements, about 94 counts a pixel."""
        strong = smooth(self.rng, 0.4)
        self.add("Fe", 40 * strong)
        self.add("Ti", 18 * (0.5 + 0.5 * strong) * smooth(self.rng, 0.2))
        self.add("Ca", 16 * smooth(self.rng, 0.3))
        self.add("K", 12 * smooth(self.rng, 0.2))
        self.add("Si", 8 * smooth(self.rng, 0.3))

    def plant(self, name: str, element: str, field: Any) -> None:
        """Add a feature: counts (y, x) of an element, 0 where it is not."""
        whole = np.array(np.broadcast_to(field, SHAPE), dtype=np.float64)
        self.add(element, whole)
        self._planted.append((name, element, whole))

    def finish(self) -> Scene:
        """Return the scene."""
        rate = np.broadcast_to(self._scatter, (*SHAPE, AXIS.size)).copy()
        for element, field in self._fields.items():
            rate += field[..., None] * spectrum_of(element)
        image = xrf.SpectrumImage(
            self.rng.poisson(rate).astype(np.uint16)[None], AXIS, name=self._name
        )
        features = []
        for name, element, field in self._planted:
            mask, line = field > 0, spectrum_of(element)
            background = rate[mask] - field[mask][:, None] * line
            features.append(
                Feature(name, element, mask, field, line, background.astype(np.float32))
            )
        fields = dict(self._fields)
        return Scene(self._name, image, rate.astype(np.float32), fields, tuple(features))


def _box(y: slice, x: slice, counts: float) -> NDArray[np.float64]:
    field = np.zeros(SHAPE)
    field[y, x] = counts
    return field


def disc(y: float, x: float, radius: float, counts: float) -> NDArray[np.float64]:
    """Return a disc of so many counts a pixel."""
    rows, columns = np.indices(SHAPE)
    return counts * (np.hypot(rows - y, columns - x) <= radius)


def quarters(seed: int) -> Scene:
    """Four weak elements, each in a quarter of the map only."""
    scene = Composer("quarters", seed)
    scene.add_base()
    low, high = slice(0, 24), slice(24, 48)
    for element, counts, y, x in (
        ("Cr", 0.6, low, low),
        ("Ni", 0.2, low, high),
        ("Zn", 0.05, high, low),
        ("Se", 0.2, high, high),
    ):
        scene.plant(f"{element} {counts} in a quarter", element, _box(y, x, counts))
    return scene.finish()


def thin_lines(seed: int) -> Scene:
    """Lines of one pixel: rows or columns of Cr by seed, and a diagonal of Zn."""
    scene = Composer("lines", seed)
    scene.add_base()
    for counts, at in ((1, 7), (2, 19), (4, 37)):
        field = _box(slice(at, at + 1), slice(4, 44), counts)
        scene.plant(f"line 1 x 40 of Cr {counts}", "Cr", field if seed % 2 == 0 else field.T)
    diagonal = np.zeros(SHAPE)
    along = np.arange(2, 46)
    diagonal[along, along if seed % 4 < 2 else 47 - along] = 2
    scene.plant("diagonal of Zn 2", "Zn", diagonal)
    return scene.finish()


def overlaps(seed: int) -> Scene:
    """Discs and single pixels whose line lies under or beside a line of another element."""
    scene = Composer("overlaps", seed)
    scene.add_base()
    scene.add("Pb", 14 * smooth(scene.rng, 0.3))
    for element, y, x in (("As", 12, 12), ("V", 12, 35), ("Co", 35, 12), ("Mn", 35, 35)):
        scene.plant(f"disc of {element} 3", element, disc(y, x, 6.8, 3))
        at = (y + 9, x + 9)
        scene.plant(f"single pixel of {element} 20", element, disc(*at, 0, 20))
    return scene.finish()


def rare(seed: int) -> Scene:
    """Few pixels of an element found nowhere else."""
    scene = Composer("rare", seed)
    scene.add_base()
    for counts, row in ((8, 3), (12, 9), (20, 15), (40, 21)):
        for number, column in enumerate(range(3, 48, 16)):
            name = f"single pixel of Se {counts} ({number + 1})"
            scene.plant(name, "Se", _box(slice(row, row + 1), slice(column, column + 1), counts))
    for counts, column in ((6, 6), (12, 20), (25, 38)):
        scene.plant(f"5 pixels of Ni {counts}", "Ni", disc(29, column, 1, counts))
    for counts, column in ((4, 6), (8, 20), (16, 38)):
        field = _box(slice(39, 41), slice(column, column + 2), counts)
        scene.plant(f"2 x 2 of Ga {counts}", "Ga", field)
    return scene.finish()


def uniform(seed: int, counts: float = 100.0) -> Scene:
    """The same spectrum in each pixel: nothing to find."""
    scene = Composer("uniform", seed, scatter=0.06 * counts)
    for element, share in (("Fe", 0.4), ("Ti", 0.18), ("Ca", 0.16), ("K", 0.12), ("Si", 0.08)):
        scene.add(element, share * counts)
    return scene.finish()


def featureless(seed: int) -> Scene:
    """Smooth elements only: nothing to find."""
    scene = Composer("featureless", seed)
    scene.add_base()
    return scene.finish()


def step(seed: int) -> Scene:
    """A sharp step of Zn, 8.2 | 0.14 counts a pixel, in a smooth map."""
    scene = Composer("step", seed)
    scene.add_base()
    scene.add("Zn", 0.14)
    scene.plant("half map of Zn 8", "Zn", _box(slice(0, 48), slice(0, 24), 8.06))
    return scene.finish()


def weak_step(seed: int) -> Scene:
    """A step of Zn, 1 | 0 counts a pixel, under a uniform 60 of Fe."""
    scene = Composer("weak step", seed)
    scene.add("Fe", 60.0)
    scene.plant("half map of Zn 1", "Zn", _box(slice(0, 24), slice(0, 48), 1.0))
    return scene.finish()


def contrasts(seed: int) -> Scene:
    """Smooth Ca and Zn, white K and Cu (each pixel for itself), strong Fe and Ti, a grain of Ni."""
    scene = Composer("contrasts", seed)
    rng = scene.rng
    strong = smooth(rng, 0.4)
    scene.add("Fe", 35 * strong)
    scene.add("Ti", 15 * smooth(rng, 0.4))
    scene.add("Ca", 13 * smooth(rng, 0.31))
    scene.add("Zn", 5 * smooth(rng, 0.3))
    for element in ("K", "Cu"):
        scene.add(element, 9 * rng.gamma(2, 0.5, SHAPE))
    scene.plant("grain of Ni 15", "Ni", disc(30, 15, 3.8, 15))
    return scene.finish()


SCENES: dict[str, Callable[[int], Scene]] = {
    "quarters": quarters,
    "lines": thin_lines,
    "overlaps": overlaps,
    "rare": rare,
    "uniform": uniform,
    "featureless": featureless,
    "step": step,
    "weak step": weak_step,
    "contrasts": contrasts,
}
"""Each by name: a function of the seed."""


def slopes(scene: Scene, result: Array) -> dict[str, float]:
    """Return the slope of the picture of each element, in a result, against the truth."""
    found = {}
    for element in scene.fields:
        if element in ("Pb", "Ba"):
            continue
        true, own = (
            np.ravel(xrf.element_map(scene.image.replace(counts=counts[None]), element))
            for counts in (scene.rate, result)
        )
        if true.std() > 0:
            found[element] = float(np.polyfit(true, own, 1)[0])
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--scenes", nargs="+", choices=SCENES, default=list(SCENES))
    parser.add_argument("--preset", help="denoise with this preset, and tell what is kept")
    options = parser.parse_args()
    print(f"{'scene':<12} {'feature':<28} {'counts':>7} {'raw kept':>9} {'raw sigma':>9}   kept")
    for name in options.scenes:
        scenes = [SCENES[name](seed) for seed in options.seeds]
        mean = np.mean([scene.rate.sum() / scene.rate[..., 0].size for scene in scenes])
        print(f"{name:<12} {f'{mean:.0f} counts a pixel':<28}")
        results: list[Array] = []
        if options.preset:
            runs = [xrf.denoise(scene.image, preset=options.preset) for scene in scenes]
            results = [np.asarray(run.counts) for run in runs]
        for copies in zip(*(scene.features for scene in scenes), strict=True):
            pairs = list(zip(copies, (scene.counts for scene in scenes), strict=True))
            share = np.mean([kept(own, counts) for own, counts in pairs])
            sigma = np.mean([own.significance(counts) for own, counts in pairs])
            own = copies[0]
            line = f"{'':<12} {own.name:<28} {own.counts:>7.0f} {share:>9.2f} {sigma:>9.1f}"
            shares = [
                f"{kept(own, result):.2f}" for own, result in zip(copies, results, strict=False)
            ]
            print(line, " ", " ".join(shares), flush=True)
        if results and name == "contrasts":
            all_slopes = [slopes(*pair) for pair in zip(scenes, results, strict=True)]
            for element in all_slopes[0]:
                text = " ".join(f"{own[element]:.2f}" for own in all_slopes)
                print(f"{'':<12} slope of {element}: {text}", flush=True)


if __name__ == "__main__":
    main()
