"""Alignment of repeats with different energy scales, photon by photon: counts stay Poisson.

A channel of one repeat covers parts of two or three channels of the common axis. Interpolation
would split each count into fractions: sums of neighbours, smoother than photon noise and no longer
independent. Here each photon moves as a whole to one of those channels, at random, with the
probability of the overlap, as if its energy were uniform within its channel. Poisson counts
distributed in this way are again independent Poisson counts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_xrf_denoise.core.energy_axis import EnergyAxis
from napari_xrf_denoise.core.errors import DataError, SettingsError
from napari_xrf_denoise.core.lazy_arrays import as_lazy, is_lazy, is_on_disk, is_whole
from napari_xrf_denoise.core.spectrum_image import BLOCK_BYTES, SpectrumImage
from napari_xrf_denoise.spectroscopy.energy_scales import counted_channels, fit_scales, known_edges

__all__ = ["align_repeats"]

STREAM = 5
"""Separates these random numbers from those of other steps with the same seed."""
CLEAR = 4.0
"""Standard errors by which a scale must differ to be changed, so that noise moves no repeat."""
LEAST_SHIFT = 0.1
"""Channels; smaller shifts would only blur the lines."""

Counts = NDArray[Any]
Array = NDArray[np.float64]


def align_repeats(
    image: SpectrumImage, /, *, energies: Sequence[EnergyAxis] | None = None, seed: int = 0
) -> SpectrumImage:
    """Return an image whose repeats share one energy scale, as whole Poisson counts.

    Detector elements have separate amplifiers, and detectors drift from scan to scan: the same
    line lies in different channels. Uncorrected, lines of the combined spectrum are broadened or
    doubled.

    Parameters
    ----------
    image : SpectrumImage
        Whole counts of at least two repeats.
    energies : sequence of EnergyAxis, optional
        Known energy axis of each repeat, by default ``image.repeat_energies``. Without them, the
        scales are fitted to the spectra; their mean is then described by the energy axis of the
        image.
    seed : int
        Random seed.

    Returns
    -------
    SpectrumImage
        Lazy if the image is lazy or on disk. ``metadata["alignment"]`` records the energy axis of
        each repeat, which repeats were moved, their shifts at both ends in channels, and the
        number of photons lost beyond the ends of the axis.

    Raises
    ------
    DataError
        If there is only one repeat, counts are not whole, or the axes do not fit.
    SettingsError
        If the seed is not a whole number of at least 0.

    Examples
    --------
    >>> channel, places = np.arange(300), np.array([[[[140]]], [[[150]]]])
    >>> line = 1000 * np.exp(-0.5 * ((channel - places) / 6) ** 2)
    >>> aligned = align_repeats(SpectrumImage(line.astype(np.uint16)))
    >>> spectra = aligned.counts[:, 0, 0]
    >>> (spectra @ channel / spectra.sum(axis=1)).round().tolist()
    [145.0, 145.0]
    """
    if seed != int(seed) or not 0 <= seed < 2**63:
        raise SettingsError(f"seed: expected a whole number from 0 and below 2**63, found {seed}")
    if image.n_repeats < 2:
        raise DataError(
            f"{image.name}: alignment needs at least 2 repeats, found 1; give the energy axis of "
            "one repeat with energy_offset and energy_gain instead"
        )
    spectra = _spectra(image)
    if energies is None:
        energies = image.repeat_energies
    if energies is None:
        edges, record = _fitted_edges(spectra, image.energy)
    else:
        edges, record = _given_edges(energies, image)
    moves = [_Move(row) if not _is_identity(row) else None for row in edges]
    counts, outside = _moved(image, moves, spectra, int(seed))
    record |= {
        "seed": int(seed),
        "moved": [move is not None for move in moves],
        "shift_of_first_channel": [float(row[0] + 0.5) for row in edges],
        "shift_of_last_channel": [float(row[-1] - image.shape[3] + 0.5) for row in edges],
        "photons_outside": outside,
    }
    aligned = image.replace(counts=counts, repeat_energies=None)
    return aligned.with_metadata(alignment=record)


def _spectra(image: SpectrumImage) -> Array:
    """Return the counts of each repeat, shape (repeat, energy), refusing fractions."""
    spectra = np.zeros((image.n_repeats, image.shape[3]))
    for _, band in image.blocks():
        if not is_whole(band):
            raise DataError(
                f"{image.name}: alignment moves whole photons, found counts that are not whole "
                "numbers; align the raw counts, before they are normalised"
            )
        spectra += band.sum(axis=(1, 2), dtype=np.float64)
    return spectra


def _fitted_edges(spectra: Array, common: EnergyAxis) -> tuple[Array, dict[str, Any]]:
    """Return the borders of channels on the common axis and a record, from fitted scales."""
    scales = fit_scales(spectra)
    size = spectra.shape[1]
    places = counted_channels(spectra)
    shifts, errors = scales.shifts(places), scales.errors(places)
    differs = np.any(np.abs(shifts) > np.maximum(LEAST_SHIFT, CLEAR * errors), axis=1)
    edges = np.tile(np.arange(size + 1) - 0.5, (len(spectra), 1))
    edges[differs] = scales.edges(size)[differs]
    axes = [_axis_of((row[1:] + row[:-1]) / 2, common) for row in edges]
    return edges, {
        "scales": "fitted to the spectra",
        "channels": places.tolist(),
        "shifts": shifts.tolist(),
        "errors": errors.tolist(),
        "repeat_energy": [axis.as_dict() for axis in axes],
    }


def _axis_of(places: Array, common: EnergyAxis) -> EnergyAxis:
    """Return the energy axis of channels at these positions in channels of another axis."""
    channels = np.arange(common.size)
    # Deviation from a straight line, so that the axis continues as that line beyond its ends.
    bend = np.interp(places, channels, common.centers - common.gain * channels)
    return EnergyAxis.from_centers(
        bend + common.gain * places, calibrated=common.calibrated, tolerance=1e-6
    )


def _given_edges(
    energies: Sequence[EnergyAxis], image: SpectrumImage
) -> tuple[Array, dict[str, Any]]:
    """Return the borders of channels on the common axis and a record, from known scales."""
    sizes = [axis.size for axis in energies]
    if sizes != [image.shape[3]] * image.n_repeats:
        raise DataError(
            f"{image.name}: expected {image.n_repeats} energy axes of {image.shape[3]} channels, "
            f"one for each repeat, found {len(sizes)} of {sizes} channels"
        )
    edges = known_edges(energies, image.energy)
    return edges, {
        "scales": "given",
        "repeat_energy": [axis.as_dict() for axis in energies],
    }


def _is_identity(edges: Array) -> bool:
    return bool(np.all(np.abs(edges - (np.arange(edges.size) - 0.5)) < 1e-6))


@dataclass(frozen=True, eq=False)
class _Targets:
    """Consecutive target channels for the photons of each channel, and their probabilities.

    `chances` are conditional on a photon not being in an earlier one of the targets.
    """

    first: NDArray[np.int64]
    chances: Array


class _Move:
    """Moves the photons of one repeat; `edges` are its borders of channels on the common axis."""

    def __init__(self, edges: Array) -> None:
        self.size = edges.size - 1
        low, high = edges[:-1], edges[1:]
        first = np.floor(low + 0.5).astype(np.int64)
        number = int(np.max(np.ceil(high - 0.5) - first)) + 1
        borders = first[:, None] - 0.5 + np.arange(number + 1)
        inside = np.clip(borders, low[:, None], high[:, None])
        shares = np.diff(inside, axis=1) / (high - low)[:, None]
        left = np.cumsum(shares[:, ::-1], axis=1)[:, ::-1]
        chances = np.divide(shares, left, out=np.zeros_like(shares), where=left > 1e-12)
        self.targets = _Targets(first, np.clip(chances, 0, 1))
        target = first[:, None] + np.arange(number)
        self._lost = (shares * ((target < 0) | (target >= self.size))).sum(axis=1)

    def expected_outside(self, spectrum: Array) -> float:
        """Return the expected number of photons of a spectrum that leave the axis."""
        return float(spectrum @ self._lost)

    def __call__(self, row: Counts, rng: np.random.Generator) -> NDArray[np.int64]:
        """Return the counts of a row (x, energy) with each photon in its new channel."""
        width, size = row.shape
        place, channel = np.nonzero(row)
        left = row[place, channel].astype(np.int64)
        moved = np.zeros(width * size, dtype=np.int64)
        for step in range(self.targets.chances.shape[1]):
            part = rng.binomial(left, self.targets.chances[channel, step])
            target = self.targets.first[channel] + step
            kept = (target >= 0) & (target < size) & (part > 0)
            flat = place[kept] * size + target[kept]
            moved += np.bincount(flat, part[kept], minlength=moved.size).astype(np.int64)
            left = left - part
        return moved.reshape(width, size)


def _moved(
    image: SpectrumImage, moves: list[_Move | None], spectra: Array, seed: int
) -> tuple[Any, list[int]]:
    """Return the moved counts and the number of lost photons of each repeat.

    For lazy counts, which are not drawn yet, it is the expected number.
    """
    if is_lazy(image.counts) or is_on_disk(image.counts):
        expected = [
            0 if move is None else round(move.expected_outside(spectrum))
            for move, spectrum in zip(moves, spectra, strict=True)
        ]
        return _lazily_moved(image, moves, seed), expected
    kind = image.counts.dtype if image.counts.dtype.kind in "ui" else np.dtype(np.uint32)
    counts = np.empty(image.shape, dtype=kind)
    kept = np.zeros(image.n_repeats)
    for rows, band in image.blocks():
        drawn = _move_band(band, rows.start, moves, seed)
        kept += drawn.sum(axis=(1, 2, 3), dtype=np.float64)
        if drawn.max(initial=0) > np.iinfo(counts.dtype).max:
            counts = counts.astype(np.uint32 if drawn.max() < 2**32 else np.uint64)
        counts[:, rows] = drawn
    return counts, [round(lost) for lost in spectra.sum(axis=1) - kept]


def _move_band(
    band: Counts, first_row: int, moves: list[_Move | None], seed: int
) -> NDArray[np.int64]:
    """Return a band with its photons moved; each row has its own random numbers."""
    moved = np.empty(band.shape, dtype=np.int64)
    for repeat, move in enumerate(moves):
        if move is None:
            moved[repeat] = band[repeat]
            continue
        for place, row in enumerate(band[repeat]):
            rng = np.random.default_rng([seed, STREAM, repeat, first_row + place])
            moved[repeat, place] = move(row, rng)
    return moved


def _lazily_moved(image: SpectrumImage, moves: list[_Move | None], seed: int) -> Any:
    """Return a dask array that moves the photons of a band when it is read."""
    repeats, _, width, size = image.shape
    rows = max(1, BLOCK_BYTES // (8 * repeats * width * size))
    counts = as_lazy(image.counts).rechunk((repeats, rows, width, size))
    # Two or three channels become one: a type that holds their sum.
    kind = np.uint16 if counts.dtype == np.uint8 else np.uint32

    def move(band: Counts, block_info: Any = None) -> Counts:
        first_row = block_info[0]["array-location"][1][0]
        return _move_band(band, first_row, moves, seed).astype(kind)

    return counts.map_blocks(move, dtype=kind, meta=np.empty((0,) * 4, dtype=kind))
