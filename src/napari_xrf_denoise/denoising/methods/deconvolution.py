"""Spectra that the detector's resolution allows: sums of lines as wide as it makes them.

No true spectrum has a feature narrower than a line of the detector. Writing the expected counts as
f = R·u, with the detector's response R and u ≥ 0, forbids all that is narrower and all that is
negative. u is found by the iteration of Richardson and Lucy, which raises the Poisson likelihood at
every step and keeps the counts. Stopped early, f is a smooth spectrum; run long, it follows the
noise as far as lines of that width can.

W. H. Richardson, J. Opt. Soc. Am. 62 (1972) 55; L. B. Lucy, Astron. J. 79 (1974) 745;
L. A. Shepp and Y. Vardi, IEEE Trans. Med. Imaging 1 (1982) 113.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.fft import next_fast_len

from napari_xrf_denoise.core.energy_axis import EnergyAxis
from napari_xrf_denoise.spectroscopy.detector import detector_fwhm

NODES = 3
"""Widths between which that of a channel is interpolated, so that Fourier transforms serve."""
FWHM = 2.3548
"""Full width at half maximum of a Gaussian of standard deviation 1."""
START = 0.5
"""Width, in line widths, with which counts are smoothed to begin the iteration: the nearer to the
lines it begins, the fewer steps it takes."""
LEAST = 1e-9
"""Smallest expected count, so that logarithms and quotients exist."""
ITERATIONS = (20, 40, 80)
"""Numbers of iterations whose results a network chooses from: smooth, and near to the counts."""
WIDE = (3.0, 8.0)
"""Widths of Gaussians, in line widths, that smooth where there are no lines."""
PEAKS = 9
"""Most peaks whose width is measured."""
SCALES = (0.35, 0.5, 0.7, 0.9, 1.2, 1.6)
"""Line widths that are tried on calibrated spectra, over that of a good silicon detector."""
CHANNELS = (0.7, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0, 8.0, 12.0, 16.0)
"""Line widths that are tried on spectra without calibration, in channels."""


def line_width(energy: EnergyAxis, scale: float) -> NDArray[np.float64]:
    """Return the standard deviation of a line in each channel, in channels, shape (energy,).

    `scale` is the width over that of a good silicon drift detector; in channels where the axis is
    not calibrated.
    """
    if not energy.calibrated:
        return np.full(energy.size, scale)
    width = detector_fwhm(np.maximum(energy.centers, 0.05)) / FWHM
    return np.asarray(scale * width / energy.gain)


class Resolution:
    """A Gaussian response whose width (energy,), in channels, changes slowly along the spectrum."""

    def __init__(self, width: NDArray[np.float64], device: torch.device) -> None:
        size = len(width)
        nodes = np.unique(np.linspace(width.min(), width.max(), NODES))
        reach = int(np.ceil(4.5 * nodes[-1])) + 1
        self._reach, self._size = reach, size
        self._length = next_fast_len(size + 2 * reach, real=True)
        channels = np.arange(-reach, reach + 1)
        kernels = self._tensor(_gaussian(channels, nodes), device)
        self._kernels = torch.fft.rfft(kernels, self._length)
        # Between the squares, so that a mixture of two Gaussians has the right variance.
        hats = [np.interp(width**2, nodes**2, row) for row in np.eye(len(nodes))]
        self._hats = self._tensor(np.stack(hats), device)
        self._seen = self.back(torch.ones(1, size, device=device)).clamp_min(1e-6)
        self._start = torch.fft.rfft(
            self._tensor(_gaussian(channels, START * nodes[:1]), device), self._length
        )

    @staticmethod
    def _tensor(values: NDArray[np.float64], device: torch.device) -> torch.Tensor:
        return torch.from_numpy(values.astype(np.float32)).to(device)

    def blur(self, lines: torch.Tensor) -> torch.Tensor:
        """Return the detector's response to lines, both (spectra, energy)."""
        parts = torch.fft.rfft(lines[:, None] * self._hats, self._length) * self._kernels
        return self._cut(parts.sum(1)).clamp_min(LEAST)

    def back(self, counts: torch.Tensor) -> torch.Tensor:
        """Return the transpose of `blur`."""
        parts = torch.fft.rfft(counts, self._length)[:, None] * self._kernels
        return (self._cut(parts) * self._hats).sum(1).clamp_min(0)

    def restore(self, counts: torch.Tensor, iterations: Sequence[int]) -> list[torch.Tensor]:
        """Return expected counts after each of these rising numbers of iterations.

        Both counts and results have the shape (spectra, energy).
        """
        smooth = self._cut(torch.fft.rfft(counts, self._length) * self._start)
        lines = smooth.clamp_min(0) + 1e-3 * counts.mean(1, keepdim=True)
        expected = self.blur(lines)
        kept = []
        for step in range(1, iterations[-1] + 1):
            lines = lines * self.back(counts / expected) / self._seen
            expected = self.blur(lines)
            if step in iterations:
                kept.append(expected)
        return kept

    def _cut(self, transformed: torch.Tensor) -> torch.Tensor:
        whole: torch.Tensor = torch.fft.irfft(transformed, self._length)
        return whole[..., self._reach : self._reach + self._size]


def _gaussian(channels: NDArray[np.int_], width: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return kernels (widths, channels) whose sum is 1."""
    kernels = np.exp(-0.5 * (channels / width[:, None]) ** 2)
    return np.asarray(kernels / kernels.sum(axis=1, keepdims=True))


class Candidates:
    """Smooth versions of a spectrum that a network chooses from, channel by channel."""

    number = len(ITERATIONS) + len(WIDE)

    def __init__(self, energy: EnergyAxis, scale: float, device: torch.device) -> None:
        self.device = device
        width = self.width = line_width(energy, scale)
        self._lines = Resolution(width, device)
        # Not wider than the spectrum: what lies beyond its ends is not known.
        widest = max(energy.size / 4, 1.0)
        self._wide = [
            Resolution(np.full(energy.size, min(times * width.mean(), widest)), device)
            for times in WIDE
        ]

    def __call__(self, counts: torch.Tensor) -> torch.Tensor:
        """Return the candidates of spectra (spectra, energy): (spectra, candidates, energy)."""
        ones = torch.ones_like(counts[:1])
        restored = self._lines.restore(counts, ITERATIONS)
        smooth = [wide.blur(counts) / wide.blur(ones) for wide in self._wide]
        return torch.stack([*restored, *smooth], dim=1)


def find_scale(
    spectrum: NDArray[np.integer], energy: EnergyAxis, seed: int, device: torch.device
) -> float:
    """Return the width of the lines in a spectrum, as the scale of `line_width`.

    A random half of the counts is restored with each width; the one that explains the other half
    best, by the Poisson likelihood, is taken. Wider ones cannot follow the lines, narrower ones
    follow the noise. `spectrum` (energy,) holds Poisson counts of any number of pixels.
    """
    half = np.random.default_rng(seed).binomial(spectrum, 0.5)
    given, wanted = (
        torch.from_numpy(part.astype(np.float32)[None]).to(device)
        for part in (half, spectrum - half)
    )
    losses = {}
    for scale in SCALES if energy.calibrated else CHANNELS:
        rate = Resolution(line_width(energy, scale), device).restore(given, (40,))[0]
        losses[scale] = float((rate - wanted * torch.log(rate)).sum())
    return min(losses, key=losses.__getitem__)


def measured_width(
    spectrum: NDArray[np.floating], energy: EnergyAxis, scale: float
) -> NDArray[np.float64]:
    """Return how wide the lines of a spectrum are, shape (energy,), as `line_width` does.

    `find_scale` gives the width that serves a restoration best, which is a little narrow. Here the
    tops of the highest peaks of the spectrum (energy,) of all pixels are compared with a Gaussian:
    the logarithm of the counts is a parabola there, whose curvature is the width. Where there are
    no clear peaks, it is `scale`.
    """
    from scipy.signal import find_peaks

    expected = line_width(energy, scale)
    enough = 10 * np.sqrt(np.maximum(spectrum, 1))
    peaks, _ = find_peaks(spectrum, prominence=(enough, None), distance=max(1, expected.min()))
    found = []
    for peak in peaks[np.argsort(spectrum[peaks])[::-1]][:PEAKS]:
        reach = max(2, round(1.2 * expected[peak]))
        part = np.arange(max(0, peak - reach), min(len(spectrum), peak + reach + 1))
        counts = np.maximum(spectrum[part], 1)
        curvature = np.polyfit(part - peak, np.log(counts), 2, w=np.sqrt(counts))[0]
        if curvature < 0:
            found.append((-0.5 / curvature) ** 0.5 / expected[peak])
    return expected * float(np.clip(np.median(found), 0.5, 2.0)) if found else expected
