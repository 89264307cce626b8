"""How often do the checks of the counts raise an alarm, on clean maps and on counts that are not?

Clean: Poisson counts of exactly known rates, from maps of many kinds, 5 to 2,000 counts a pixel; no
alarm is right, whatever the check. Traps: the same counts, changed as programs change them before
they save whole numbers. For each: how many of how many are found, and the check that says so.

    python benchmarks/false_alarms.py [--clean 200] [--seeds 0 1 2 3] [--shape 32 32]
"""

from __future__ import annotations

import argparse
import collections
from collections.abc import Callable, Iterator

import numpy as np
from scipy.ndimage import gaussian_filter, minimum_filter1d, shift, uniform_filter1d

import napari_xrf_denoise as xrf
from napari_xrf_denoise.denoising.diagnostics import find_faults
from napari_xrf_denoise.denoising.diagnostics.statistics import CountStatistics, count_statistics

ENERGIES = 0.6 + 0.05 * np.arange(256)
LINES = (3.31, 3.69, 4.51, 5.41, 5.90, 6.40, 7.47, 8.05, 8.64, 10.51, 11.22)
"""keV, Ka of elements from K to Se."""
LEVELS = (5, 20, 100, 500, 2000)
"""Counts a pixel."""
Rng = np.random.Generator
Counts = np.ndarray


def line(energy: float) -> np.ndarray:
    """Return a Ka line with its Kb, of a silicon detector."""
    width = np.hypot(0.034, 0.0203 * energy**0.5)
    peak = np.exp(-0.5 * ((ENERGIES - energy) / width) ** 2)
    return peak + 0.15 * np.exp(-0.5 * ((ENERGIES - 1.1 * energy) / width) ** 2)


def smooth(shape: tuple[int, int], rng: Rng) -> np.ndarray:
    field = gaussian_filter(rng.normal(size=shape), np.array(shape) / 8, mode="reflect")
    return np.exp(1.2 * field / max(field.std(), 1e-9))


def grains(shape: tuple[int, int], rng: Rng) -> np.ndarray:
    places = rng.uniform(0, 1, (12, 2)) * shape
    pixels = np.stack(np.mgrid[: shape[0], : shape[1]], -1)
    nearest = ((pixels[:, :, None] - places) ** 2).sum(-1).argmin(-1)
    return rng.gamma(0.6, 1, 12)[nearest] + 0.01


def edges(shape: tuple[int, int], rng: Rng) -> np.ndarray:
    image = np.full(shape, 0.02)
    image[:, int(rng.integers(shape[1] + 1)) :] += 1
    image[int(rng.integers(shape[0] + 1)) :] += 1
    return image


def white(shape: tuple[int, int], rng: Rng) -> np.ndarray:
    return rng.lognormal(size=shape)


def uniform(shape: tuple[int, int], rng: Rng) -> np.ndarray:
    return np.ones(shape)


def dwell(kind: str, shape: tuple[int, int], rng: Rng) -> np.ndarray:
    """Return how long each pixel was measured, as a factor."""
    factor = np.ones(shape)
    if kind == "lognormal dwell":
        factor = rng.lognormal(sigma=0.7, size=shape)
    elif kind == "ramp":
        factor = np.geomspace(1, 25, shape[0])[:, None] * factor
    elif kind == "half empty":
        factor[:, shape[1] // 2 :] = 0
    elif kind == "hot spots":
        factor.flat[rng.integers(factor.size, size=5)] = 200
    return factor


KINDS: dict[str, tuple[Callable[..., np.ndarray], tuple[int, int]]] = {
    "smooth": (smooth, (24, 24)),
    "uniform": (uniform, (24, 24)),
    "white": (white, (24, 24)),
    "grains": (grains, (32, 32)),
    "edges": (edges, (32, 24)),
    "lognormal dwell": (smooth, (24, 24)),
    "ramp": (smooth, (32, 24)),
    "half empty": (smooth, (24, 24)),
    "hot spots": (grains, (24, 24)),
    "1 x 256": (smooth, (1, 256)),
    "64 x 1": (smooth, (64, 1)),
    "8 x 8": (smooth, (8, 8)),
}


def rates(kind: str, counts: float, rng: Rng, shape: tuple[int, int] | None = None) -> np.ndarray:
    """Return exact rates (y, x, energy) of a kind of map with this mean number of counts."""
    make, usual = KINDS[kind]
    shape = shape or usual
    spectra = np.stack([line(energy) for energy in rng.choice(LINES, 6, replace=False)])
    rate = np.tensordot(np.stack([make(shape, rng) for _ in spectra]), spectra, (0, 0))
    background = np.exp(-ENERGIES / 4)
    rate += 0.3 * rate.sum(2, keepdims=True) * background / background.sum()
    rate *= dwell(kind, shape, rng)[:, :, None]
    return rate * counts / rate.sum(2).mean()


def clean_images(number: int) -> Iterator[tuple[str, xrf.SpectrumImage]]:
    """Yield Poisson counts of exact rates, of all kinds and levels in turn."""
    kinds = [*KINDS, "simulate_map"]
    for seed in range(number):
        kind, counts = kinds[seed % len(kinds)], LEVELS[seed // len(kinds) % len(LEVELS)]
        rng = np.random.default_rng([seed, 1])
        if kind == "simulate_map":
            image, _ = xrf.simulate_map((24, 24), counts_per_pixel=counts, seed=seed)
        else:
            image = as_image(rng.poisson(rates(kind, counts, rng)))
        yield kind, image


def as_image(counts: Counts) -> xrf.SpectrumImage:
    whole = np.asarray(counts).astype(np.int64)
    return xrf.SpectrumImage(whole[None], xrf.EnergyAxis(0.6, 0.05, whole.shape[2]))


def interpolated(counts: Counts) -> np.ndarray:
    """Return counts on an energy axis that is stretched by 1 %."""
    places = np.arange(counts.shape[2]) * 1.01
    low = np.minimum(places.astype(int), counts.shape[2] - 2)
    part = np.minimum(places - low, 1)
    return counts[..., low] * (1 - part) + counts[..., low + 1] * part


def running_sum(counts: Counts) -> np.ndarray:
    padded = np.pad(counts, ((1, 1), (1, 1), (0, 0)), mode="edge")
    height, width, _ = counts.shape
    return sum(padded[i : i + height, j : j + width] for i in range(3) for j in range(3))


def per_pixel(low: float, high: float) -> Callable[[Counts, Rng], np.ndarray]:
    def change(counts: Counts, rng: Rng) -> np.ndarray:
        return np.rint(counts * rng.uniform(low, high, (*counts.shape[:2], 1)))

    return change


def dead_time(least: float, most: float) -> Callable[[Counts, Rng], np.ndarray]:
    """Return a correction that grows with the counts of a pixel, as a dead time does."""

    def change(counts: Counts, rng: Rng) -> np.ndarray:
        totals = counts.sum(axis=2, keepdims=True)
        return np.rint(counts * (least + (most - least) * totals / totals.max()))

    return change


def noise(sigma: float) -> Callable[[Counts, Rng], np.ndarray]:
    def change(counts: Counts, rng: Rng) -> np.ndarray:
        return np.maximum(np.rint(counts + rng.normal(0, sigma, counts.shape)), 0)

    return change


def background_removed(counts: Counts, rng: Rng) -> np.ndarray:
    floor = uniform_filter1d(minimum_filter1d(counts.mean((0, 1)), 21), 21)
    return np.maximum(np.rint(counts - floor), 0)


TRAPS: dict[str, Callable[[Counts, Rng], np.ndarray]] = {
    "energy interpolated, rounded": lambda n, rng: np.rint(interpolated(n)),
    "energy interpolated, stochastic": lambda n, rng: np.floor(
        interpolated(n) + rng.random(n.shape)
    ),
    "bilinear shift of 0.4 px, rounded": lambda n, rng: np.rint(
        shift(n.astype(float), (0.4, 0.4, 0), order=1, mode="nearest")
    ),
    "3 x 3 running sum": lambda n, rng: running_sum(n),
    "3 x 3 mean, rounded": lambda n, rng: np.rint(running_sum(n) / 9),
    "[1, 2, 1] along energy": lambda n, rng: np.roll(n, 1, 2) + 2 * n + np.roll(n, -1, 2),
    "30 % afterpulse": lambda n, rng: n + np.roll(rng.binomial(n, 0.3), 1, 2),
    "rows upsampled x 2": lambda n, rng: np.repeat(n, 2, axis=0)[: len(n)],
    "half copied": lambda n, rng: np.concatenate([n[: len(n) // 2]] * 2),
    "photons doubled, 30 %": lambda n, rng: n + rng.binomial(n, 0.3),
    "factor 1 to 1.2 a pixel": per_pixel(1, 1.2),
    "factor 1.1 to 1.4 a pixel": per_pixel(1.1, 1.4),
    "factor 0.7 to 1.3 a pixel": per_pixel(0.7, 1.3),
    "dead time to 1.2": dead_time(1, 1.2),
    "dead time 1.1 to 1.4": dead_time(1.1, 1.4),
    "Gaussian 0.5, clipped": noise(0.5),
    "Gaussian 1, clipped": noise(1.0),
    "minus 1, clipped": lambda n, rng: np.maximum(n - 1, 0),
    "background removed, clipped": background_removed,
    "wrapped at 256": lambda n, rng: n % 256,
    "wrapped at 256, x 20 counts": lambda n, rng: rng.poisson(20.0 * n) % 256,
}
SCENES = (("smooth", 100), ("grains", 100), ("white", 100), ("smooth", 1000))


def check(found: CountStatistics) -> str:
    """Return the name of the check of the statistics that raised an alarm, if one did."""
    fault = found.odd or found.changed
    return type(fault).__name__ if fault else ""


def clean_table(number: int) -> None:
    seen, alarms = collections.Counter(), collections.Counter()
    for kind, image in clean_images(number):
        found = count_statistics(image)
        seen[kind] += 1
        alarms[kind] += bool(check(found))
        for fault in find_faults(found, image):
            print(f"  {kind}: {fault[:90]}", flush=True)
    print("\n| clean maps | false alarms of the statistics |\n|---|---|")
    for kind, count in seen.items():
        print(f"| {kind} | {alarms[kind]} of {count} |")
    print(f"| all | {sum(alarms.values())} of {sum(seen.values())} |")


def trap_table(shape: tuple[int, int], seeds: list[int]) -> None:
    heads = [f"{kind}, {counts}" for kind, counts in SCENES]
    print(f"\n{shape[0]} x {shape[1]} pixels, {ENERGIES.size} channels, found of {len(seeds)}\n")
    print(f"| trap | {' | '.join(heads)} | check |\n|---|{'---|' * (len(heads) + 1)}")
    for name, change in TRAPS.items():
        cells, said = [], collections.Counter()
        for kind, counts in SCENES:
            number = 0
            for seed in seeds:
                rng = np.random.default_rng([seed, counts])
                raw = rng.poisson(rates(kind, counts, rng, shape))
                name_found = check(count_statistics(as_image(change(raw, rng))))
                number += bool(name_found)
                said.update([name_found] if name_found else [])
            cells.append(str(number))
        print(f"| {name} | {' | '.join(cells)} | {', '.join(said)} |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clean", type=int, default=200)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2, 3])
    parser.add_argument("--shape", type=int, nargs=2, default=(32, 32))
    options = parser.parse_args()
    clean_table(options.clean)
    trap_table(tuple(options.shape), options.seeds)


if __name__ == "__main__":
    main()
