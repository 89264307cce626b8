"""Each spectrum alone: mixing networks, trained on parts of the counts."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from napari_xrf_denoise.core.progress import Watch
from napari_xrf_denoise.denoising.device import threads
from napari_xrf_denoise.denoising.pairs import FOLD_STREAM, Counts, Repeats, Source
from napari_xrf_denoise.denoising.settings import SpectrumSettings

if TYPE_CHECKING:
    import torch

    from .deconvolution import Candidates
    from .spectrum_networks import Mixing

Weights = Mapping[str, NDArray[np.float32]]

FEW_SPECTRA = 8
"""With fewer spectra in a step, a second thread costs more than it helps."""
SUMMED_PIXELS = 2048
"""Most spectra whose sum tells which lines the predictions lack."""
BATCH = 64
"""Spectra in one pass of the network; each holds several smoothed copies in memory."""


@dataclass(frozen=True)
class TrainedNetworks:
    """One network for each held-out part of the counts, and how their training went."""

    members: tuple[Weights, ...]
    losses: dict[str, list[float]]
    line_width: float


def sample_pixels(shape: tuple[int, ...], most: int, seed: int) -> NDArray[np.intp]:
    """Return which pixels of a map to learn from, in rising order."""
    number = shape[0] * shape[1]
    if number <= most:
        return np.arange(number)
    return np.sort(np.random.default_rng(seed).choice(number, most, replace=False))


def train_members(
    source: Source, settings: SpectrumSettings, folds: int, device: torch.device, watch: Watch
) -> TrainedNetworks:
    """Train a network without each part of the counts, or one with all when there is no score."""
    from .deconvolution import Candidates, find_scale
    from .spectrum_training import train_mixing

    pixels = sample_pixels(source.shape, settings.pixels, settings.seed)
    energy = source.image.energy
    scale = settings.line_width
    if scale is None:
        whole = np.rint(sum(band.sum(axis=(0, 1)) for _, band in source.bands())).astype(np.int64)
        scale = find_scale(whole, energy, settings.seed, device)
    candidates = Candidates(energy, scale, device)
    members: list[Weights] = []
    losses: dict[str, list[float]] = {}
    for part, part_watch in enumerate(watch.parts(max(folds, 1))):
        rest = source.without(part, folds, settings.seed, FOLD_STREAM) if folds else source
        spectra = _gather(rest, pixels)
        tiny = min(len(pixels), settings.batch) < FEW_SPECTRA
        with threads(1 if tiny else 0):
            network, found = train_mixing(
                spectra,
                candidates,
                settings,
                part_watch,
                number=part + 1,
                whole=folds / (folds - 1) if folds else 1.0,
            )
        members.append({name: value.cpu().numpy() for name, value in network.state_dict().items()})
        losses[f"training, network {part + 1}"] = found["training"]
    return TrainedNetworks(tuple(members), losses, scale)


def _gather(source: Source, pixels: NDArray[np.intp]) -> Counts:
    """Return the counts of some pixels, (pixel, energy); with the repeats in front if they pair."""
    if isinstance(source, Repeats):
        return gather_pixels(source.repeat_bands(), pixels, source.shape[1])
    return _gather_sums(source, pixels)


def _gather_sums(source: Source, pixels: NDArray[np.intp]) -> Counts:
    """Return the counts of some pixels, (pixel, energy), of all repeats together."""
    bands = ((rows, band[None]) for rows, band in source.bands())
    spectra: Counts = gather_pixels(bands, pixels, source.shape[1])[0]
    return spectra


def gather_pixels(
    bands: Iterable[tuple[slice, Counts]],
    pixels: NDArray[np.intp],
    width: int,
    prepare: Callable[[Counts, int], Counts] = lambda band, _: band,
) -> Counts:
    """Return the spectra of some pixels, shape (repeat, pixel, energy).

    `bands` are (rows, counts of shape (repeat, rows, x, energy)), `pixels` rising places in the
    flattened map of this width. A band with such pixels is first prepared, given its first row.
    """
    taken = []
    for rows, band in bands:
        first, last = np.searchsorted(pixels, [rows.start * width, rows.stop * width])
        if first < last:
            ready = prepare(band, rows.start)
            flat = ready.reshape(ready.shape[0], -1, ready.shape[-1])
            taken.append(flat[:, pixels[first:last] - rows.start * width])
    return np.concatenate(taken, axis=1)


def load_network(weights: Weights, device: torch.device) -> Mixing:
    """Return the network that has these weights.

    Raises
    ------
    ValueError
        If tensors are missing or have another shape.
    """
    from .spectrum_networks import Mixing, load_weights

    network = Mixing(len(weights["last.bias"]), len(weights["first.bias"]))
    load_weights(network, weights)
    return network.to(device).eval()


@dataclass(frozen=True, eq=False)
class Predictor:
    """Predicts spectra as the mean of networks, such that the lines of their sum are held."""

    networks: list[Mixing]
    candidates: Candidates
    """Of the line width that the networks were trained with."""
    factors: NDArray[np.float32] | None = None
    """Of each channel; None: 1."""

    @classmethod
    def of(
        cls, networks: list[Mixing], candidates: Candidates, source: Source, seed: int
    ) -> Predictor:
        """Make the predictor of these counts."""
        from .sum_spectrum import channel_factors

        spectra = _gather_sums(source, sample_pixels(source.shape, SUMMED_PIXELS, seed))
        predicted = cls(networks, candidates)(spectra[None])[0]
        counted, guessed = (part.sum(axis=0, dtype=np.float64) for part in (spectra, predicted))
        factors = channel_factors(counted, guessed, candidates.width, source.unit)
        return cls(networks, candidates, factors)

    def __call__(self, counts: Counts) -> NDArray[np.float32]:
        """Return expected counts, each spectrum's total kept.

        Counts and result have the shape (rows, x, energy) and the same exposure.
        """
        import torch

        spectra = counts.reshape(-1, counts.shape[-1]).astype(np.float32)
        result = np.empty_like(spectra)
        with torch.inference_mode():
            for start in range(0, len(spectra), BATCH):
                batch = torch.from_numpy(spectra[start : start + BATCH]).to(self.candidates.device)
                smooth = self.candidates(batch)
                guess = torch.stack([network(smooth) for network in self.networks]).mean(dim=0)
                result[start : start + BATCH] = guess.cpu().numpy()
        if self.factors is not None:
            result *= self.factors
        # A spectrum's own total is the best estimate of its total.
        result *= spectra.sum(axis=1, keepdims=True) / result.sum(axis=1, keepdims=True)
        return result.reshape(counts.shape)
