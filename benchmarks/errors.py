"""Do the intervals of a result hold the true counts as often as they should?

Simulated maps of several seeds and both kinds. For each element's map, ± 1.645 standard deviations
should hold the true counts in 90 % of the pixels: of all, and of the dim and the bright third, as
the result and as the truth have them. Sums over squares of several sizes are tried as well, and the
root mean square of the standard deviations is compared with that of the errors.

Models may come from the map itself, from another measurement of the same sample ("again"), or from
that of another sample ("other"), which may hold other elements.

Counts may be no photons either: several repeats, whose variance is 2.5 times their mean ("gain"),
which have noise of a detector beside that of photons, on a pedestal ("read") or cut off at zero
("clipped"), which share the counts unequally ("uneven", with the variance of "gain"), or which are
photons after all ("repeats"). `--repeats` says how many.

    python benchmarks/errors.py [--maps usual mosaic] [--seeds 20 21 22] [--counts 60 300]
                                [--methods fast balanced pca] [--models own again other]
                                [--noise photons gain read clipped uneven repeats]
                                [--repeats 4] [--elements]
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from itertools import product
from typing import Any, NamedTuple

import numpy as np
from mosaic import simulate_mosaic
from numpy.typing import NDArray
from scipy.special import ndtr

import napari_xrf_denoise as xrf
from napari_xrf_denoise.processing.element_maps import line_window
from napari_xrf_denoise.processing.standard_deviations import sum_deviation
from napari_xrf_denoise.spectroscopy.xray_lines import line_energy

SHAPE, CHANNELS = (64, 64), 512
EXCITED = 15.3
"""keV up to which the simulated excitation reaches the K lines that one would look at."""
NORMAL = 1.645
SIDES = (4, 8, 16, 32)
"""Of the squares, in pixels."""
KINDS = {"usual": xrf.simulate_map, "mosaic": simulate_mosaic}
MODELS = ("own", "again", "other")
NOISES = ("photons", "gain", "read", "clipped", "uneven", "repeats")
FANO = 2.5
READ = 0.3
"""Standard deviation of the noise of a detector in a voxel of a repeat, in photons."""
COLUMNS = ("all", "dim", "bright", "truly dim", "truly bright")

Image = NDArray[np.float64]


class Covered(NamedTuple):
    """Shares of true values inside, for an element."""

    element: str
    pixels: list[float]
    """As `COLUMNS`."""
    squares: list[float]
    """As `SIDES`."""
    ratio: float
    """Told over true error."""


def denoise(image: xrf.SpectrumImage, method: str, seed: int, pairs: str = "auto") -> xrf.Denoised:
    settings = {"method": "pca"} if method == "pca" else {"method": "stack", "preset": method}
    return xrf.denoise(image, seed=seed, device="cpu", pairs=pairs, **settings)


def measure(kind: str, seed: int, counts: float) -> tuple[xrf.SpectrumImage, Image]:
    return KINDS[kind](SHAPE, n_channels=CHANNELS, counts_per_pixel=counts, seed=seed)


def in_repeats(
    image: xrf.SpectrumImage, rate: Image, noise: str, number: int, seed: int
) -> tuple[xrf.SpectrumImage, Image]:
    """Return repeats that add up to the map, with noise of another kind, and their expectation."""
    rng = np.random.default_rng(seed)
    shares = np.full(number, 1 / number)
    if noise == "uneven":
        shares = np.arange(2, number + 2) / np.arange(2, number + 2).sum()
    means = shares[:, None, None, None] * rate
    if noise in ("gain", "uneven"):
        values = rng.negative_binomial(np.maximum(means, 1e-9) / (FANO - 1), 1 / FANO)
    elif noise == "repeats":
        values = rng.poisson(means)
    else:
        pedestal = 6 * READ if noise == "read" else 0
        values = np.maximum(rng.poisson(means) + rng.normal(pedestal, READ, means.shape), 0)
        means = means + pedestal if noise == "read" else clipped(means)
    values = values.astype(np.float32 if values.dtype.kind == "f" else np.uint16)
    kind = "detector" if noise == "uneven" else "frame"
    found = xrf.SpectrumImage(values, image.energy, repeat_kind=kind, metadata=image.metadata)
    return found, means.sum(axis=0)


def clipped(means: Image) -> Image:
    """Return what photons with a detector's noise are expected to be where none are below zero."""
    expected = np.zeros_like(means)
    chance = np.exp(-means)
    for photons in range(int(means.max() + 10 * means.max() ** 0.5) + 10):
        far = photons / READ
        density = np.exp(-(far**2) / 2) / np.sqrt(2 * np.pi)
        expected += chance * (photons * ndtr(far) + READ * density)
        chance = chance * means / (photons + 1)
    return expected


def results(
    kind: str, seed: int, counts: float, method: str, model: str, noise: str, repeats: int
) -> tuple[Any, Image]:
    """Return a result, by a model of this map or of another one, and the true rate."""
    image, rate = measure(kind, seed, counts)
    if noise != "photons":
        image, rate = in_repeats(image, rate, noise, repeats, seed)
        return denoise(image, method, seed, "repeats").image, rate
    if model == "own":
        return denoise(image, method, seed).image, rate
    first = measure(kind, seed + 1000, counts)[0]
    if model == "again":
        fresh = np.random.default_rng(seed).poisson(rate)[None].astype(image.counts.dtype)
        first = image.replace(counts=fresh)
    return xrf.apply(denoise(first, method, seed).model, image, device="cpu").image, rate


def covered(result: xrf.SpectrumImage, rate: Image, elements: list[str]) -> Iterator[Covered]:
    """Yield what the intervals of each element hold."""
    truth = xrf.SpectrumImage(rate[None], result.energy)
    for element in elements:
        line = "Ka" if line_energy(element, "Ka") < EXCITED else "La"
        true = xrf.element_map(truth, element, line)
        found, deviation = xrf.element_map(result, element, line, error=True)
        within = (np.abs(found - true) < NORMAL * deviation).ravel()
        third = within.size // 3
        parts = [np.arange(within.size)]
        for values in (found, true):
            order = np.argsort(values, axis=None)
            parts += [order[:third], order[-third:]]
        ratio = np.sqrt(np.mean(deviation**2) / np.mean((found - true) ** 2))
        squares = [in_squares(result, truth, element, line, side) for side in SIDES]
        yield Covered(element, [within[part].mean() for part in parts], squares, float(ratio))


def in_squares(
    result: xrf.SpectrumImage, truth: xrf.SpectrumImage, element: str, line: str, side: int
) -> float:
    """Return the share of squares of this side whose true sums are inside."""
    window = line_window(element, line, result.energy)
    weights = np.zeros((1, result.energy.size))
    weights[0, window] = 1
    inside = []
    for y, x in product(*(range(0, length - side + 1, side) for length in SHAPE)):
        mask = np.zeros(SHAPE, bool)
        mask[y : y + side, x : x + side] = True
        counts = np.asarray(result.counts[0, mask]), np.asarray(truth.counts[0, mask])
        found, true = (part.sum(axis=0, dtype=np.float64) for part in counts)
        deviation = sum_deviation(result, mask, weights, found)
        inside.append(abs(found[window].sum() - true[window].sum()) < NORMAL * deviation[0])
    return float(np.mean(inside))


def report(results: list[Covered], title: str) -> None:
    """Print the shares of all elements of one method."""
    pixels = np.array([own.pixels for own in results])
    squares = np.array([own.squares for own in results])
    logs = np.log([own.ratio for own in results])
    print(f"\n{title}: {len(results)} element maps")
    print("pixels        mean  0.85-0.95  below 0.70  lowest")
    for name, shares in zip(COLUMNS, pixels.T, strict=True):
        good = np.mean((shares >= 0.85) & (shares <= 0.95))
        low = np.mean(shares < 0.7)
        print(f"{name:12s} {shares.mean():5.3f}  {good:9.2f}  {low:10.2f}  {shares.min():6.2f}")
    sums = ", ".join(f"{s}×{s} {m:.3f}" for s, m in zip(SIDES, squares.mean(axis=0), strict=True))
    print(f"squares      {sums}")
    print(f"told / true  {np.exp(logs.mean()):.2f}, scatter {logs.std():.2f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--maps", nargs="+", choices=KINDS, default=list(KINDS))
    parser.add_argument("--seeds", nargs="+", type=int, default=[20, 21, 22])
    parser.add_argument("--counts", nargs="+", type=float, default=[60, 300])
    parser.add_argument("--methods", nargs="+", default=["fast", "balanced", "pca"])
    parser.add_argument("--models", nargs="+", choices=MODELS, default=["own"])
    parser.add_argument("--noise", nargs="+", choices=NOISES, default=["photons"])
    parser.add_argument("--repeats", type=int, default=4)
    parser.add_argument("--elements", action="store_true", help="print each element as well")
    given = parser.parse_args()
    cases = product(given.methods, given.models, given.noise, given.maps)
    for method, model, noise, kind in cases:
        found: list[Covered] = []
        for seed, counts in product(given.seeds, given.counts):
            result, rate = results(kind, seed, counts, method, model, noise, given.repeats)
            own = list(covered(result, rate, list(result.metadata["elements"])))
            found += own
            if given.elements:
                for one in own:
                    shares = " ".join(f"{share:.2f}" for share in (*one.pixels, *one.squares))
                    print(f"{seed} {counts:g} {one.element:3s} {shares}  {one.ratio:.2f}")
        report(found, f"{method}, model {model}, {noise}, {kind} maps")


if __name__ == "__main__":
    main()
