"""How much dose do the methods for maps save, and what do they keep, against the exact truth?

Simulated maps of several seeds and counts a pixel. For each method: the dose gain of all voxels
("cube"), of the pictures of each element's strongest line (median and least), the counts that
one-pixel hot spots keep over those of the raw counts, and the time. Peers run on the same maps,
turn by turn; where a peer has settings (rank, widths), the best are chosen on the truth, which no
user could do. Our own dose gain, as the report tells it without truth, is compared with the true
one.

    python benchmarks/maps_simulated.py [--maps mosaic] [--seeds 0 1 2 3] [--counts 60 300]
                                        [--peers] [--fasthyde] [--presets]

`--maps mosaic` takes maps that are made in another way (`mosaic.py`).

`--peers` adds FastHyDe (PCA and BM3D, whose licence is for non-commercial use), NMF and HyperSpy,
where bm3d, scikit-learn and hyperspy are installed, and auto-denoise (minutes a map) where that is.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial

import numpy as np
import peers
from mosaic import simulate_mosaic

import napari_xrf_denoise as xrf
from napari_xrf_denoise.spectroscopy.xray_lines import line_energy

SHAPE, CHANNELS = (96, 96), 1024
EXCITED = 15.3
"""keV up to which the simulated excitation reaches the K lines that one would look at."""


Simulate = Callable[..., tuple[xrf.SpectrumImage, np.ndarray]]


@dataclass(frozen=True)
class Result:
    """What a method makes of a map."""

    counts: np.ndarray
    report: xrf.QualityReport | None = None
    setting: str = ""
    """The best one on the truth."""


def element_pictures(counts: np.ndarray, image: xrf.SpectrumImage) -> dict[str, np.ndarray]:
    whole = image.replace(counts=counts[None])
    lines = {
        element: "Ka" if line_energy(element, "Ka") < EXCITED else "La"
        for element in image.metadata["elements"]
    }
    return {element: xrf.element_map(whole, element, line) for element, line in lines.items()}


class Truth:
    """A simulated map, and how near to it a result is."""

    def __init__(
        self, counts_per_pixel: float, seed: int, simulate: Simulate = xrf.simulate_map
    ) -> None:
        self.image, self.rate = simulate(
            SHAPE, n_channels=CHANNELS, counts_per_pixel=counts_per_pixel, seed=seed
        )
        self.counts = self.image.counts[0].astype(np.float32)
        self.raw_error = self.error(self.counts)
        self.pictures = element_pictures(self.rate, self.image)
        self.raw_pictures = element_pictures(self.counts, self.image)

    def error(self, result: np.ndarray) -> float:
        """Return the squared error of all voxels."""
        return float(((result - self.rate) ** 2).sum(dtype=np.float64))

    def gain(self, result: np.ndarray) -> float:
        """Return the dose gain of all voxels."""
        return self.raw_error / self.error(result)

    def element_gains(self, result: np.ndarray) -> dict[str, float]:
        """Return the dose gain of each element's picture."""
        found = element_pictures(result, self.image)
        return {
            element: float(
                ((self.raw_pictures[element] - true) ** 2).sum()
                / ((found[element] - true) ** 2).sum()
            )
            for element, true in self.pictures.items()
        }

    def hot_spots(self, result: np.ndarray) -> tuple[float, float]:
        """Return the counts in the lines of all hot spots, of the result and of the raw counts."""
        spots = self.image.metadata["hot_spots"]
        found = element_pictures(result, self.image)
        return tuple(
            float(sum(pictures[spot["element"]][spot["y"], spot["x"]] for spot in spots))
            for pictures in (found, self.raw_pictures)
        )


Method = Callable[[Truth, int], Result]
KINDS: dict[str, Simulate] = {"usual": xrf.simulate_map, "mosaic": simulate_mosaic}


def stack(preset: str) -> Method:
    def run(truth: Truth, seed: int) -> Result:
        result = xrf.denoise(truth.image, method="stack", preset=preset, seed=seed, device="cpu")
        return Result(np.asarray(result.counts), result.report)

    return run


def default(truth: Truth, seed: int) -> Result:
    result = xrf.denoise(truth.image, seed=seed, device="cpu")
    return Result(np.asarray(result.counts), result.report)


def best(results: Callable[[np.ndarray], Iterator[tuple[str, np.ndarray]]]) -> Method:
    """Of the results of all settings, take the one that is nearest to the truth."""

    def run(truth: Truth, _: int) -> Result:
        found = results(truth.image.counts[0])
        setting, counts = max(found, key=lambda entry: truth.gain(entry[1]))
        return Result(counts, setting=setting)

    return run


def best_of(family: peers.Family) -> Method:
    return best(partial(peers.results, family))


def auto_denoise(truth: Truth, seed: int) -> Result:
    return Result(peers.auto_denoise(truth.image.counts[0], seed))


@dataclass
class Row:
    """What a method reached on the maps so far."""

    cube: list[float] = field(default_factory=list)
    median: list[float] = field(default_factory=list)
    least: list[float] = field(default_factory=list)
    kept: list[tuple[float, float]] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    reported: list[tuple[float, float, float]] = field(default_factory=list)
    settings: list[str] = field(default_factory=list)

    def add(self, truth: Truth, run: Method, seed: int) -> None:
        """Run a method on a map."""
        began = time.perf_counter()
        result = run(truth, seed)
        self.seconds.append(time.perf_counter() - began)
        gains = truth.element_gains(result.counts)
        self.cube.append(truth.gain(result.counts))
        self.median.append(float(np.median(list(gains.values()))))
        self.least.append(min(gains.values()))
        self.kept.append(truth.hot_spots(result.counts))
        self.settings.append(result.setting)
        if result.report is not None:
            self.reported.append((result.report.dose_gain, *result.report.dose_gain_interval))

    def last(self) -> str:
        """Return what was reached on the last map."""
        told = "told {:.1f} ({:.1f}–{:.1f})".format(*self.reported[-1]) if self.reported else ""
        return (
            f"cube {self.cube[-1]:.1f}, median {self.median[-1]:.2f}, least {self.least[-1]:.2f}, "
            f"{self.seconds[-1]:.0f} s {told}"
        )

    def text(self, name: str) -> str:
        """Return the row of the table."""
        kept = np.sum(self.kept, axis=0)
        settings = sorted({setting for setting in self.settings if setting})
        named = f"{name} ({' or '.join(settings)})" if settings else name
        return (
            f"| {named} | {np.mean(self.cube):.1f} ({min(self.cube):.1f}–{max(self.cube):.1f}) "
            f"| {np.mean(self.median):.2f} | {min(self.least):.2f} "
            f"| {kept[0] / max(kept[1], 1):.3f} | {np.median(self.seconds):.1f} |"
        )

    def coverage(self) -> str:
        """Return how the reported dose gains compare with the true ones."""
        inside = sum(
            low <= true <= high
            for true, (_, low, high) in zip(self.cube, self.reported, strict=True)
        )
        ratios = [gain / true for true, (gain, _, _) in zip(self.cube, self.reported, strict=True)]
        widths = [(high - low) / 2 / gain for gain, low, high in self.reported]
        return (
            f"reported over true dose gain {np.mean(ratios):.2f} ± {np.std(ratios):.2f}; true one "
            f"inside the interval {inside} of {len(ratios)} times; half-width {np.mean(widths):.0%}"
        )


def methods(options: argparse.Namespace) -> Iterator[tuple[str, Method]]:
    yield "**default**", default
    if options.presets:
        yield "stack, fast", stack("fast")
        yield "stack, best", stack("best")
    if options.fasthyde:
        yield "FastHyDe, best on the truth", best_of(peers.FASTHYDE)
        return
    yield "PCA, best on the truth", best_of(peers.PCA)
    yield "Gaussian, best on the truth", best_of(peers.GAUSSIAN)
    yield "Savitzky–Golay, best on the truth", best_of(peers.SAVITZKY_GOLAY)
    if options.peers:
        yield "FastHyDe, best on the truth", best_of(peers.FASTHYDE)
        yield "NMF, Kullback–Leibler, best on the truth", best_of(peers.KL_NMF)
        yield "HyperSpy, best on the truth", best(peers.hyperspy)
        yield "auto-denoise 1D, 10 epochs", auto_denoise


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, nargs="+", default=list(range(8)))
    parser.add_argument("--counts", type=float, nargs="+", default=[300.0, 60.0])
    parser.add_argument("--maps", choices=KINDS, default="usual")
    parser.add_argument("--fasthyde", action="store_true", help="no other peer than FastHyDe")
    parser.add_argument("--peers", action="store_true")
    parser.add_argument("--presets", action="store_true")
    options = parser.parse_args()
    for counts in options.counts:
        rows: dict[str, Row] = {}
        for seed in options.seeds:
            truth = Truth(counts, seed, KINDS[options.maps])
            for name, run in methods(options):
                try:
                    rows.setdefault(name, Row()).add(truth, run, seed)
                except ImportError as error:
                    rows.pop(name, None)
                    print(f"{name} is left out: {error}")
            for name, row in rows.items():
                print(f"  seed {seed} {name}: {row.last()}", flush=True)
        print(f"\n{counts:g} counts a pixel, {len(options.seeds)} maps")
        print("| method | cube | elements, median | least | hot spots | s |")
        print("|---|---|---|---|---|---|")
        for name, row in rows.items():
            print(row.text(name))
        for name, row in rows.items():
            if row.reported:
                print(f"{name}: {row.coverage()}")
        print(flush=True)


if __name__ == "__main__":
    main()
