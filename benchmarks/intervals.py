"""Does the interval of the dose gain hold the true one, on maps of all kinds?

30 kinds of small simulated maps: smooth, grainy and white pictures of the elements, 5 to 1,000
counts a pixel, lines of pixels, uneven dwell times, hot spots. The true dose gain is the variance
of the raw counts, which is their rate, over the squared error of the result.

    python benchmarks/intervals.py [--seeds 0 1 2 3] [--method stack] [--preset balanced]

Tells the share of intervals that hold the true gain, their half-widths, and how far the error that
was told is from the true one, in standard errors: 1 on average if these are right.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scenes import AXIS, continuum, spectrum_of
from scipy.ndimage import gaussian_filter
from scipy.spatial import cKDTree

import napari_xrf_denoise as xrf
from napari_xrf_denoise.denoising.quality.dose_gain import CONFIDENCE

ELEMENTS = (
    "Fe",
    "Ti",
    "Ca",
    "K",
    "Si",
    "Zn",
    "Cr",
    "Mn",
    "Cu",
    "Ni",
    "Co",
    "V",
    "S",
    "Cl",
    "Ga",
    "As",
)
Picture = NDArray[np.float64]


@dataclass(frozen=True)
class Condition:
    """A kind of map."""

    kind: str
    """How a picture of an element varies: ``"smooth"``, ``"grains"``, ``"white"`` or ``"flat"``."""
    counts: float
    """Mean of a pixel."""
    shape: tuple[int, int] = (24, 24)
    elements: int = 5
    dwell: str = "even"
    """How long pixels are measured: ``"even"``, ``"lognormal"``, ``"ramp"`` (25 to 1) or
    ``"half"`` (nothing in one half)."""
    spots: int = 0
    """Single pixels of 30 counts of an element that is nowhere else."""

    def __str__(self) -> str:
        size = "x".join(map(str, self.shape))
        more = f", {self.elements} elements" if self.elements != 5 else ""
        more += f", {self.dwell} dwell" if self.dwell != "even" else ""
        more += f", {self.spots} hot spots" if self.spots else ""
        return f"{self.kind} {size}, {self.counts:.0f} counts{more}"

    def simulate(self, seed: int) -> tuple[xrf.SpectrumImage, NDArray[np.float32]]:
        """Return a map of Poisson counts and its exact rate (y, x, energy)."""
        rng = np.random.default_rng([seed, *str(self).encode()])
        shared = self._picture(rng)
        rate = np.broadcast_to(continuum(0.06), (*self.shape, AXIS.size)).copy()
        for element, amount in zip(ELEMENTS[: self.elements], 0.7 ** np.arange(16), strict=False):
            picture = 0.5 * shared + 0.5 * self._picture(rng)
            rate += amount * picture[..., None] * spectrum_of(element)
        rate *= self._dwell(rng)[..., None]
        rate *= self.counts / rate.sum(axis=2).mean()
        for _ in range(self.spots):
            y, x = (int(rng.integers(size)) for size in self.shape)
            rate[y, x] += 30 * spectrum_of("Se")
        image = xrf.SpectrumImage(rng.poisson(rate).astype(np.uint16)[None], AXIS, name=str(self))
        return image, rate.astype(np.float32)

    def _picture(self, rng: np.random.Generator) -> Picture:
        """Return how an element varies over the map, 1 on average."""
        if self.kind == "flat":
            return np.ones(self.shape)
        if self.kind == "grains":
            corners = rng.random((12, 2)) * self.shape
            places = np.stack(np.indices(self.shape), -1).reshape(-1, 2)
            nearest = cKDTree(corners).query(places)[1].reshape(self.shape)
            field = rng.gamma(2, 0.5, 12)[nearest]
        else:
            field = rng.standard_normal(self.shape)
            if self.kind == "smooth":
                field = gaussian_filter(field, 5, mode="reflect")
            field = np.exp(0.5 * (field - field.mean()) / field.std())
        return np.asarray(field / field.mean())

    def _dwell(self, rng: np.random.Generator) -> Picture:
        along = np.broadcast_to(np.linspace(0, 1, self.shape[1]), self.shape)
        kinds = {
            "even": np.ones(self.shape),
            "lognormal": rng.lognormal(0, 0.5, self.shape),
            "ramp": 25**along,
            "half": (along < 0.5) + 1e-3,
        }
        return np.asarray(kinds[self.dwell])


CONDITIONS = (
    *(Condition("smooth", counts) for counts in (5, 20, 100, 300, 1000)),
    *(Condition(kind, counts) for kind in ("grains", "white") for counts in (20, 100, 1000)),
    *(Condition("smooth", counts, (40, 40)) for counts in (20, 100)),
    *(Condition(kind, 100, (40, 40)) for kind in ("grains", "white")),
    *(Condition("smooth", counts, elements=16) for counts in (100, 1000)),
    Condition("smooth", 100, elements=1),
    Condition("flat", 100),
    *(Condition("smooth", 100, dwell=dwell) for dwell in ("lognormal", "ramp")),
    *(Condition("smooth", counts, dwell="half") for counts in (20, 100)),
    *(Condition("smooth", 100, shape) for shape in ((1, 64), (1, 256), (2, 128))),
    *(Condition("smooth", counts, (8, 8)) for counts in (100, 1000)),
    Condition("white", 100, (8, 8)),
    Condition("smooth", 100, spots=5),
)
"""The thirty kinds."""


@dataclass(frozen=True)
class Verdict:
    """What was told about a result, and what is true."""

    told: float
    low: float
    high: float
    true: float

    @property
    def inside(self) -> bool:
        """Whether the interval holds the truth."""
        return self.low <= self.true <= self.high

    @property
    def half_width(self) -> float:
        """Half of the interval over the gain that was told."""
        return (self.high - self.low) / 2 / self.told

    @property
    def distance(self) -> float:
        """Told error less the true one, in standard errors of the side towards the truth."""
        end = self.low if self.true < self.told else self.high
        reach = abs(1 / end - 1 / self.told) / CONFIDENCE
        return (1 / self.told - 1 / self.true) / reach


def verdicts(condition: Condition, seeds: Sequence[int], options: dict[str, str]) -> list[Verdict]:
    """Denoise a kind of map with several seeds."""
    found = []
    for seed in seeds:
        image, rate = condition.simulate(seed)
        result = xrf.denoise(image, **options)
        error = (np.asarray(result.counts, dtype=np.float64) - rate) ** 2
        report = result.report
        true = float(rate.sum(dtype=np.float64) / error.sum())
        found.append(Verdict(report.dose_gain, *report.dose_gain_interval, true))
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2, 3])
    parser.add_argument("--method", default="stack")
    parser.add_argument("--preset", default="balanced")
    options = parser.parse_args()
    everything: list[Verdict] = []
    for condition in CONDITIONS:
        chosen = {"method": options.method, "preset": options.preset}
        found = verdicts(condition, options.seeds, chosen)
        everything += found
        told = " ".join(f"{v.told:.1f} ({v.low:.1f}-{v.high:.1f})/{v.true:.1f}" for v in found)
        inside = sum(v.inside for v in found)
        print(f"{condition!s:<48} {inside} of {len(found)}  {told}", flush=True)
    inside = sum(v.inside for v in everything)
    known = [v for v in everything if np.isfinite(v.told) and np.isfinite(v.high)]
    ratios = [v.told / v.true for v in known]
    distance = np.sqrt(np.mean([v.distance**2 for v in known]))
    print(f"inside {inside} of {len(everything)}; an upper end in {len(known)}")
    print(f"told over true {np.mean(ratios):.2f} ± {np.std(ratios):.2f}")
    print(f"half-width, median {np.median([v.half_width for v in known]):.0%}")
    print(f"error of the told error {distance:.2f} standard errors (root mean square)")


if __name__ == "__main__":
    main()
