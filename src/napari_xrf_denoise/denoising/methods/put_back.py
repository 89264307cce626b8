"""Counts that predictions lack or add in places of several pixels, put back in their shape.

What extends over few pixels, or is faint in many, may be beyond what components and networks can
hold, and shows only in the sum over its own pixels. All that is known of it is what was counted
there in all: it is put back as a line, evenly over the place.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from napari_xrf_denoise.core.energy_axis import EnergyAxis
from napari_xrf_denoise.core.factored_counts import FactoredCounts
from napari_xrf_denoise.core.progress import Watch
from napari_xrf_denoise.denoising.multifold_thinning import PartitionedBand, PhotonPartition
from napari_xrf_denoise.denoising.quality.losses.place_search import FOR_MENDING
from napari_xrf_denoise.denoising.quality.losses.places import Place
from napari_xrf_denoise.denoising.quality.losses.suspect_places import Comparison, SuspectPlaces
from napari_xrf_denoise.denoising.quality.residuals import compare
from napari_xrf_denoise.denoising.subspace import Matrix
from napari_xrf_denoise.spectroscopy.line_windows import Window, WindowPartition

Image = NDArray[np.float32]

NARROWEST = 0.3
"""Standard deviation of a line in channels, at the least."""


def lacking_places(
    partition: PhotonPartition,
    result: FactoredCounts,
    energy: EnergyAxis,
    windows: Sequence[Window],
    watch: Watch,
) -> list[Place]:
    """Return the places of several pixels where a result departs from the counts it was made from.

    It has learned a part of their noise, so that fewer places than by chance seem to depart. Those
    of single pixels are the matter of hot spots.
    """
    source = partition.source
    height, across, _ = source.shape
    cells = WindowPartition(energy, windows)
    search = SuspectPlaces((height, across), cells, energy, strict=FOR_MENDING)

    def look(rows: slice, band: PartitionedBand) -> tuple[slice, list[Image], Comparison]:
        # In units in which the variance of the counts is their mean.
        guess = cells.cells(np.asarray(result[0, rows])) / np.float32(source.unit)
        counts = band.summed_in(cells.cell_of, band.counts.sum(axis=1))
        both = [cells.halves(part) for part in (counts, guess)]
        return rows, both, compare(both[0], both[1:], [1.0]).lines()

    for rows, both, compared in partition.map(look):
        watch.step("looking for lost signal", 0.6 * rows.start / height)
        search.add(rows, both, [1.0], compared)
    found = search.find(watch.part(0.6, 1)).places
    return [place for place in found if place.departure.pixels > 1]


def put_back(
    partition: PhotonPartition,
    groups: Sequence[list[int]],
    predictions: Sequence[FactoredCounts],
    places: Sequence[Place],
    width: Matrix,
    watch: Watch,
) -> list[FactoredCounts]:
    """Return predictions (1, y, x, energy), each from a group of the parts, with what they lack.

    What is missing is taken from the counts of the same group alone: whether counts that were held
    out show it as well, the score tells anew.

    Parameters
    ----------
    places : sequence of Place
        Pixels and channels of what is missing, or too much.
    width : numpy.ndarray, shape (energy,)
        Standard deviation of a line in each channel, in channels.
    """
    counted = _spectra(partition, groups, places, watch)
    unit = partition.source.unit
    scales = [unit / float(partition.shares[group].sum()) for group in groups]
    found = []
    for spectra, prediction, scale in zip(counted, predictions, scales, strict=True):
        images, lines = [], []
        for place, spectrum in zip(places, spectra, strict=True):
            part, own = place.channels, place.departure
            here = np.asarray(prediction[0, own.y, own.x, part])[place.pixels[own.y, own.x]]
            excess = scale * spectrum - here.sum(axis=0, dtype=np.float64)
            if np.sign(excess.sum()) != np.sign(own.missing):
                continue
            line = _line(part, excess * np.sign(own.missing), width)
            amount = excess.sum() / line[part].sum() / own.pixels
            images.append(amount * place.pixels)
            lines.append(line)
        more = prediction.plus(np.stack(images, -1), np.stack(lines)) if lines else prediction
        found.append(more)
    return found


def _spectra(
    partition: PhotonPartition,
    groups: Sequence[list[int]],
    places: Sequence[Place],
    watch: Watch,
) -> list[list[Matrix]]:
    """Return the counts of each group in each place, (channel,) in its channels."""
    height, _, size = partition.source.shape
    sums = np.zeros((len(groups), len(places), size))

    def add_up(rows: slice, band: PartitionedBand) -> tuple[slice, Matrix]:
        inside = np.stack([place.pixels[rows].ravel() for place in places], 1).astype(np.float32)
        parts = band.joined(groups).counts.T
        return rows, np.stack([(band.sparse(own).T @ inside).T for own in parts])

    for rows, found in partition.map(add_up):
        watch.step("putting back lost signal", rows.start / height)
        sums += found
    return [[part[p.channels] for part, p in zip(own, places, strict=True)] for own in sums]


def _line(part: slice, excess: Matrix, width: Matrix) -> NDArray[np.float32]:
    """Return a line (energy,) of one count, in the middle of an excess in some channels."""
    channels = np.arange(part.start, part.stop)
    weight = np.maximum(excess, 0)
    center = float(channels @ weight / weight.sum())
    spread = max(float(np.interp(center, np.arange(len(width)), width)), NARROWEST)
    line = np.exp(-0.5 * ((np.arange(len(width)) - center) / spread) ** 2)
    return np.asarray(line / line.sum(), np.float32)
