"""Does `xrf.score` tell the truth about denoisers of others?

Simulated maps with exact truth. Each denoiser is scored by held-out photons, which know nothing of
the truth, and its result for all counts is compared with the truth: the variance of the raw counts,
which is their rate, over the squared error. All denoisers see the same counts. The settings of each
are shown side by side, since a referee must be right about bad ones too.

    python benchmarks/referee.py [--seeds 0 1 2] [--shape 48 48] [--channels 256] [--counts 100]

FastHyDe needs bm3d (its licence is for non-commercial use) and NMF needs scikit-learn; they are
left out where these are missing.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

import numpy as np
import peers

import napari_xrf_denoise as xrf


@dataclass(frozen=True)
class Verdict:
    """What was told about a denoiser, and what is true."""

    denoiser: str
    seed: int
    told: float
    low: float
    high: float
    true: float
    lines: list[bool]
    """Whether the true dose gain of each line is inside its interval."""
    seconds: float

    @property
    def inside(self) -> bool:
        """Whether the true dose gain is inside the interval."""
        return self.low <= self.true <= self.high

    def __str__(self) -> str:
        return (
            f"| {self.denoiser} | {self.seed} | {self.told:.2f} ({self.low:.2f} to {self.high:.2f})"
            f" | {self.true:.2f} | {'yes' if self.inside else '**no**'} "
            f"| {sum(self.lines)} of {len(self.lines)} | {self.seconds:.0f} |"
        )


def raw(counts: np.ndarray) -> np.ndarray:
    return counts


def mean_spectrum(counts: np.ndarray) -> np.ndarray:
    return np.broadcast_to(counts.mean(axis=(0, 1)), counts.shape)


def denoisers() -> Iterator[tuple[str, peers.Denoiser]]:
    yield "raw counts", raw
    yield "mean spectrum everywhere", mean_spectrum
    yield "Gaussian, σ 0.7 pixels", partial(peers.gaussian, pixels=0.7, channels=0)
    yield "Gaussian, σ 1 pixel, 1 channel", partial(peers.gaussian, pixels=1, channels=1)
    yield "Savitzky–Golay, window 7, order 3", partial(peers.savitzky_golay, window=7, order=3)
    for rank in (4, 8, 16):
        yield f"PCA, rank {rank}", partial(peers.pca, rank=rank)
    for name, family in (("FastHyDe", peers.FASTHYDE), ("NMF", peers.KL_NMF)):
        for setting, denoiser in family.items():
            yield f"{name}, {setting}", denoiser


def judge(name: str, denoiser: peers.Denoiser, seed: int, options: argparse.Namespace) -> Verdict:
    image, rate = xrf.simulate_map(
        tuple(options.shape),
        n_channels=options.channels,
        counts_per_pixel=options.counts,
        seed=seed,
    )
    began = time.perf_counter()
    report = xrf.score(image, denoiser, seed=seed, folds=options.folds)
    seconds = time.perf_counter() - began
    result = denoiser(image.counts[0])
    lines = []
    for window in report.windows:
        centers = image.energy.centers
        inside = (centers > window.low - 1e-6) & (centers < window.high + 1e-6)
        found, true = (part[..., inside].sum(axis=-1) for part in (result, rate))
        low, high = window.dose_gain_interval
        lines.append(bool(low <= true.sum() / ((found - true) ** 2).sum() <= high))
    true_gain = float(rate.sum() / ((result - rate) ** 2).sum())
    return Verdict(
        name, seed, report.dose_gain, *report.dose_gain_interval, true_gain, lines, seconds
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--shape", type=int, nargs=2, default=[48, 48])
    parser.add_argument("--channels", type=int, default=256)
    parser.add_argument("--counts", type=float, default=100.0)
    parser.add_argument("--folds", type=int, default=4)
    options = parser.parse_args()
    verdicts: list[Verdict] = []
    print("| denoiser | seed | told dose gain | true | inside | lines inside | s |")
    print("|---|---|---|---|---|---|---|")
    for name, denoiser in denoisers():
        for seed in options.seeds:
            try:
                verdicts.append(judge(name, denoiser, seed, options))
            except ImportError as error:
                print(f"{name} is left out: {error}")
                break
            print(verdicts[-1], flush=True)
    ratios = np.array([verdict.told / verdict.true for verdict in verdicts])
    lines = np.concatenate([verdict.lines for verdict in verdicts])
    print(
        f"\ntold over true {np.nanmean(ratios):.2f} ± {np.nanstd(ratios):.2f}; true one inside "
        f"{sum(verdict.inside for verdict in verdicts)} of {len(verdicts)} times; of lines "
        f"{lines.sum()} of {len(lines)}"
    )


if __name__ == "__main__":
    main()
