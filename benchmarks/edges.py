"""How right are the widths of edges that a report tells, and is the warning?

Known edges: discs and strips of three elements whose edges are sharp, 2 or 5 pixels wide (10-90 %),
averaged over pixels, under a background. Results that know the rate, blurred or not, a filter of
the counts, and those of `denoise`. For each line: the widths that are told of the result and of
the counts (mean and standard deviation over seeds), and how many warnings there are for how many
maps with clear edges.

    python benchmarks/edges.py [--seeds 5] [--size 64] [--widths 0 2 5] [--methods pca stack]

With `--clean 600`: of so many maps of a line, how often the true rate is accused, and how right the
errors are.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator, Sequence

import numpy as np
from false_alarms import ENERGIES, as_image, edges, grains, line, smooth
from scipy.ndimage import gaussian_filter

import napari_xrf_denoise as xrf
from napari_xrf_denoise.denoising.quality.edges import PIXEL, WIDTH, EdgeWidths, edge_widths

FOLDS = 4
FINE = 8
"""Points in a pixel, along y and x."""
ELEMENTS = {"Ca": (3.69, 6.0), "Cr": (5.41, 20.0), "Fe": (6.40, 60.0)}
"""Energy of the Ka line, and counts per pixel inside."""
OUTSIDE = 0.1
"""Share of these outside."""


def shapes(size: int, width: float, seed: int) -> Iterator[np.ndarray]:
    """Yield a map (y, x) between 0 and 1 for each element."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[: size * FINE, : size * FINE] / FINE
    for number in range(len(ELEMENTS)):
        centre = size * rng.uniform(0.3, 0.7, 2)
        slope = rng.uniform(-0.4, 0.4)
        place = centre[1] + slope * (y - size / 2)
        disc = np.hypot(y - centre[0], x - centre[1]) < size / 4
        strip = np.abs(x - place) < size / 6
        fine = (disc, strip, x > place)[number].astype(float)
        soft = gaussian_filter(fine, FINE * width / WIDTH, mode="nearest") if width else fine
        yield soft.reshape(size, FINE, size, FINE).mean((1, 3))


def rate_of(size: int, width: float, seed: int) -> np.ndarray:
    """Return the rate (y, x, energy)."""
    rate = np.zeros((size, size, len(ENERGIES)))
    for (energy, counts), shape in zip(ELEMENTS.values(), shapes(size, width, seed), strict=True):
        peak = line(energy)
        rate += counts * (OUTSIDE + (1 - OUTSIDE) * shape)[..., None] * peak / peak.sum()
    background = np.exp(-ENERGIES / 4)
    return rate + 10 * background / background.sum()


def denoisers(rate: np.ndarray) -> Iterator[tuple[str, Callable[[np.ndarray], np.ndarray]]]:
    """Yield functions of counts, by name."""

    def knows(result: np.ndarray, own: float = 0.0) -> Callable[[np.ndarray], np.ndarray]:
        def predict(counts: np.ndarray) -> np.ndarray:
            known = result * (counts.sum() / result.sum())
            return ((1 - own) * known + own * counts).astype(np.float32)

        return predict

    yield "the rate", knows(rate)
    yield "the rate, σ 1", knows(gaussian_filter(rate, (1, 1, 0)))
    yield "the rate, σ 2", knows(gaussian_filter(rate, (2, 2, 0)))
    yield "30 % counts, 70 % rate", knows(rate, 0.3)
    yield "counts, σ 1.5", lambda counts: gaussian_filter(counts.astype(np.float32), (1.5, 1.5, 0))


def reports(
    size: int, width: float, seed: int, methods: list[str]
) -> Iterator[tuple[str, xrf.QualityReport]]:
    rate = rate_of(size, width, seed)
    image = as_image(np.random.default_rng([seed, 2]).poisson(rate))
    for name, denoiser in denoisers(rate):
        yield name, xrf.score(image, denoiser, checks=False)
    for method in methods:
        yield f"{method}, fast", xrf.denoise(image, method=method, preset="fast").report


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--size", type=int, default=64)
    parser.add_argument("--widths", type=float, nargs="+", default=[0, 2, 5])
    parser.add_argument("--clean", type=int, default=0)
    parser.add_argument("--methods", nargs="*", default=["pca", "stack"])
    options = parser.parse_args()
    if options.clean:
        clean(options.clean)
        return
    print(f"| edges | result | {' | '.join(ELEMENTS)} |\n|---|---|{'---|' * len(ELEMENTS)}")
    for width in options.widths:
        true = max(PIXEL, float(np.hypot(width, WIDTH / 12**0.5)))
        found: dict[str, list[list[EdgeWidths]]] = {}
        for seed in range(options.seeds):
            for name, report in reports(options.size, width, seed, options.methods):
                own = [report.lines[f"{element} Ka"].edge for element in ELEMENTS]
                found.setdefault(name, []).append(own)
        for name, all_seeds in found.items():
            cells = " | ".join(in_words(of_line) for of_line in zip(*all_seeds, strict=True))
            print(f"| {true:.1f} | {name} | {cells} |", flush=True)


def clean(number: int) -> None:
    """Print how often a result that is the true rate, with or without noise, is accused."""
    for own in (0.0, 0.3):
        known = told = 0
        apart, off = [], []
        for seed in range(number):
            rng = np.random.default_rng([seed, 3])
            picture = (smooth, grains, edges)[seed % 3]((48, 48), rng)
            rate = gaussian_filter(picture, rng.uniform(0, 2)) * rng.choice([0.5, 1, 3, 10, 30])
            parts = rng.poisson(rate / FOLDS, (FOLDS, *rate.shape)) * float(FOLDS)
            rest = (parts.sum(axis=0) - parts) / (FOLDS - 1)
            guesses = (1 - own) * rate + own * rest
            found = edge_widths(parts.astype(np.float32), guesses.astype(np.float32))
            if np.isnan(found.raw):
                continue
            true = edge_widths(np.broadcast_to(rate, parts.shape), guesses.astype(np.float32)).raw
            known += 1
            told += found.is_unsharp
            apart.append((found.result - found.raw) / found.difference_error)
            off.append((found.raw - true) / found.raw_error)
        held = np.mean(np.abs(off) < 1.645)
        print(
            f"{own:.0%} counts: {told} of {known} accused; difference over its error "
            f"{np.mean(apart):.2f} ± {np.std(apart):.2f}, largest {max(apart):.1f}; width of the "
            f"counts within 1.645 errors: {held:.1%}",
            flush=True,
        )


def in_words(found: Sequence[EdgeWidths]) -> str:
    """Return both widths in the mean over seeds, and for how many there is a warning."""
    known = [edge for edge in found if np.isfinite(edge.raw)]
    if not known:
        return "not known"
    result, raw = (np.array([getattr(edge, kind) for edge in known]) for kind in ("result", "raw"))
    told = sum(edge.is_unsharp for edge in known)
    return f"{result.mean():.2f}, {raw.mean():.2f} ± {raw.std():.2f}; {told} of {len(known)}"


if __name__ == "__main__":
    main()
