"""Do the intervals of a result hold the true counts as often as they should?

Simulated maps of several seeds and both kinds. For each element's map, ± 1.645 standard deviations
should hold the true counts in 90 % of the pixels: of all, and of the dim and the bright third, as
the result and as the truth have them. Sums over squares of several sizes are tried as well, and the
root mean square of the standard deviations is compared with that of the errors.

Models may come from the map itself, from another measurement of the same sample ("again"), or from
that of another sample ("other"), which may hold other elements.

    python benchmarks/errors.py [--maps usual mosaic] [--seeds 20 21 22] [--counts 60 300]
                                [--methods fast balanced pca] [--models own again other]
                                [--elements]
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from itertools import product
from typing import Any, NamedTuple

import numpy as np
from mosaic import simulate_mosaic
from numpy.typing import NDArray

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


def denoise(image: xrf.SpectrumImage, method: str, seed: int) -> xrf.Denoised:
    settings = {"method": "pca"} if method == "pca" else {"method": "stack", "preset": method}
    return xrf.denoise(image, seed=seed, device="cpu", **settings)


def measure(kind: str, seed: int, counts: float) -> tuple[xrf.SpectrumImage, Image]:
    return KINDS[kind](SHAPE, n_channels=CHANNELS, counts_per_pixel=counts, seed=seed)


def results(kind: str, seed: int, counts: float, method: str, model: str) -> tuple[Any, Image]:
    """Return a result, by a model of this map or of another one, and the true rate."""
    image, rate = measure(kind, seed, counts)
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
    parser.add_argument("--elements", action="store_true", help="print each element as well")
    given = parser.parse_args()
    for method, model, kind in product(given.methods, given.models, given.maps):
        found: list[Covered] = []
        for seed, counts in product(given.seeds, given.counts):
            result, rate = results(kind, seed, counts, method, model)
            own = list(covered(result, rate, list(result.metadata["elements"])))
            found += own
            if given.elements:
                for one in own:
                    shares = " ".join(f"{share:.2f}" for share in (*one.pixels, *one.squares))
                    print(f"{seed} {counts:g} {one.element:3s} {shares}  {one.ratio:.2f}")
        report(found, f"{method}, model {model}, {kind} maps")


if __name__ == "__main__":
    main()
