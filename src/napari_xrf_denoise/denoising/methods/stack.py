"""The method "stack", 1D + 2D: a 2D network in a spectral subspace, and hot spots beside it.

The counts are dealt into parts once. A subspace of a few weighted spectra takes in all that the
spectra of a map have in common (1D); a small 2D network denoises the pictures of their scores. Each
of several networks leaves a fold of the counts out, which scores it, and the result is the mean of
all, kept as scores and spectra. Single pixels that stand out of it are kept as they were counted.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from napari_xrf_denoise.core.factored_counts import FactoredCounts
from napari_xrf_denoise.core.progress import Preview, Watch
from napari_xrf_denoise.denoising.multifold_thinning import PhotonPartition
from napari_xrf_denoise.denoising.pairs import Counts, Source
from napari_xrf_denoise.denoising.quality.dose_gain import (
    DoseGainEstimate,
    Fewer,
    cross_score,
    spare,
)
from napari_xrf_denoise.denoising.settings import StackSettings
from napari_xrf_denoise.denoising.subspace import Matrix, Subspace
from napari_xrf_denoise.spectroscopy.line_windows import Window

from .component_images import TILE, Scores, find_subspaces, strips
from .hot_spots import HotSpots, SpotFinder

if TYPE_CHECKING:
    import torch

    from .component_network import ComponentNetwork

Tile = tuple[slice, slice]
"""Rows and columns of a map."""
_Factors = tuple[Scores, NDArray[np.float32]]
Tensors = Mapping[str, NDArray[np.float32]]

NETWORK = "network."
"""How the names of a network's tensors begin among those of a member."""
TRAINING_PIXELS = 2**16
"""Most pixels that networks learn from; a larger map gives tiles of it."""
STRIP_BYTES = 2**26
"""Scores of a strip that are in memory at once."""


@dataclass(frozen=True, eq=False)
class Fit:
    """What `fit_stack` learned and computed.

    Parameters
    ----------
    members : tuple of mapping of str to numpy.ndarray
        Subspace and network of each fold.
    counts : FactoredCounts
        The result, shape (1, y, x, energy), of all repeats together.
    exposure : float
        Share of the counts that a network sees at once.
    losses : dict of str to list of float
    score : Score or None
    spots : int
        Number of hot spots that were kept.
    errors : tuple of float
        Held-out squared errors of the networks, as the members of a mean, and of the projection
        alone, summed over members.
    """

    members: tuple[Tensors, ...]
    counts: FactoredCounts
    exposure: float
    losses: dict[str, list[float]]
    score: DoseGainEstimate | None
    spots: int
    errors: tuple[float, float]


def fit_stack(
    source: Source,
    settings: StackSettings,
    folds: int,
    stream: int,
    width: Matrix,
    line: Matrix,
    spectrum: Matrix,
    windows: Sequence[Window],
    device: torch.device,
    watch: Watch,
) -> Fit:
    """Learn from a map, and denoise and score it.

    Parameters
    ----------
    source : Source
    settings : StackSettings
    folds : int
        Number of parts that are held out in turn; 0 leaves the score out.
    stream : int
        Of the random numbers that deal the counts.
    width : numpy.ndarray, shape (energy,)
        Standard deviation, in channels, of the narrowest feature that components may have.
    line : numpy.ndarray, shape (energy,)
        Standard deviation of a line in each channel, in channels.
    spectrum : numpy.ndarray, shape (energy,)
        Sum of all pixels and repeats, in counts.
    windows : sequence of Window
        Line windows to score.
    device : torch.device
    watch : Watch
    """
    from napari_xrf_denoise.denoising.parallel import run_parallel

    from .component_training import input_size, train_network

    partition = PhotonPartition.of(source, settings.seed, stream)
    held = partition.folds(folds) if folds else []
    subspaces, resolved = find_subspaces(
        partition,
        held,
        width,
        spectrum,
        floor=settings.weight_floor,
        rank=settings.rank,
        most=settings.max_rank,
        watch=watch.part(0, 0.06),
    )
    height, across, _ = source.shape
    places = _tile_places(height, across, settings.seed)
    tiles = _training_tiles(partition, subspaces, places, watch.part(0.06, 0.12))
    seen = sum(tile.shape[2] * tile.shape[3] for tile in tiles) / (height * across)
    everything = list(range(partition.number))
    rests = [[part for part in everything if part not in fold] for fold in held] or [everything]
    tasks = [
        partial(
            train_network,
            [tile[:, index * subspace.rank : (index + 1) * subspace.rank] for tile in tiles],
            subspace.synthesis,
            partition.shares,
            parts,
            settings,
            index,
            seen * float(spectrum.sum()),
            # One network's picture is enough to look at.
            partial(_preview, subspace.synthesis * source.unit, places[0]) if not index else _none,
            device,
        )
        for index, (subspace, parts) in enumerate(zip(subspaces, rests, strict=True))
    ]
    trained = run_parallel(tasks, "training", watch.part(0.12, 0.75))
    members = [_member(space, own.weights) for space, own in zip(subspaces, trained, strict=True)]
    errors = np.sum([own.errors for own in trained], axis=0)
    losses = {
        f"{name}, network {index}": values
        for index, own in enumerate(trained, start=1)
        for name, values in own.losses.items()
    }
    del tasks
    del tiles
    size = input_size(rests[0])
    jobs = [(index, everything) for index in range(len(members))]
    fewer = [rest[: len(rest) // 2 + 1] for rest in rests if held]
    jobs += [(index, rest) for index, rest in enumerate(rests) if held]
    jobs += list(enumerate(fewer))
    pictures = _predict_pictures(
        partition, members, jobs, size, settings, device, watch.part(0.75, 0.85)
    )
    number = len(members)
    whole, without, worse = (pictures[number * k : number * (k + 1)] for k in range(3))
    factors = [_mean_factors(whole, subspaces)]
    factors += [(s, space.synthesis) for s, space in zip(without, subspaces, strict=False)]
    spots = _find_spots(partition, [everything, *rests], factors, line, watch.part(0.85, 0.92))
    total = float(spectrum.sum()) * source.unit
    counts = _counts(factors[0], spots[0], total)
    score = None
    if held:
        guesses = [_counts(f, s, total) for f, s in zip(factors[1:], spots[1:], strict=True)]
        others = [
            _counts((scores, space.synthesis), spot, total)
            for scores, space, spot in zip(worse, subspaces, spots[1:], strict=True)
        ]
        used = _used_shares(partition, (fewer, rests, [everything]), size * settings.thinnings)
        lesser = (others, used) if used[0] < used[1] else None
        score = _score(partition, held, guesses, windows, watch.part(0.92, 1), resolved, lesser)
        score = spare(score, _member_bands(source, whole, subspaces))
        errors[0] -= len(members) * seen * float(score.spared.sum()) / source.unit**2
    return Fit(
        tuple(members),
        counts,
        size / partition.number,
        losses,
        score,
        len(spots[0].places),
        (float(errors[0]), float(errors[1])),
    )


def predict_stack(
    source: Source,
    total: float,
    members: Sequence[Tensors],
    exposure: float,
    settings: StackSettings,
    stream: int,
    line: Matrix,
    device: torch.device,
    watch: Watch,
    folds: int = 0,
) -> tuple[FactoredCounts, list[FactoredCounts]]:
    """Denoise a map with members that were trained before.

    Parameters
    ----------
    source : Source
    total : float
        Sum of all its values.
    members : sequence of mapping
        As `Fit` has them.
    exposure : float
        Share of the counts that a network sees at once.
    settings : StackSettings
    stream : int
        Of the random numbers that deal the counts.
    line : numpy.ndarray, shape (energy,)
        Standard deviation of a line in each channel, in channels.
    device : torch.device
    watch : Watch
    folds : int
        How many times a part of the counts is left out as well, for a score.

    Returns
    -------
    FactoredCounts
        Of all repeats together.
    list of FactoredCounts
        The same from the counts without each fold, scaled to all of them.
    """
    partition = PhotonPartition.of(source, settings.seed, stream)
    everything = list(range(partition.number))
    groups = [everything]
    groups += [[p for p in everything if p not in fold] for fold in partition.folds(folds) if folds]
    number = len(members)
    jobs = [(index, group) for group in groups for index in range(number)]
    size = max(1, round(exposure * partition.number))
    pictures = _predict_pictures(
        partition, members, jobs, size, settings, device, watch.part(0, 0.6)
    )
    subspaces = [_subspace(member) for member in members]
    factors = [
        _mean_factors(pictures[number * place : number * (place + 1)], subspaces)
        for place in range(len(groups))
    ]
    spots = _find_spots(partition, groups, factors, line, watch.part(0.6, 1))
    counts = [_counts(f, s, total) for f, s in zip(factors, spots, strict=True)]
    return counts[0], counts[1:]


def score_stack(
    source: Source,
    guesses: Sequence[FactoredCounts],
    settings: StackSettings,
    stream: int,
    windows: Sequence[Window],
    watch: Watch,
) -> DoseGainEstimate:
    """Score predictions of `predict_stack` that left each fold out."""
    partition = PhotonPartition.of(source, settings.seed, stream)
    return _score(partition, partition.folds(len(guesses)), guesses, windows, watch)


def load_member(member: Tensors, device: torch.device) -> tuple[Subspace, ComponentNetwork]:
    """Return the subspace and the network of a member.

    Raises
    ------
    ValueError, KeyError
        If tensors are missing or do not fit together.
    """
    from .component_training import load_network

    subspace = _subspace(member)
    weights = {
        name.removeprefix(NETWORK): tensor
        for name, tensor in member.items()
        if name.startswith(NETWORK)
    }
    network = load_network(weights, device)
    if subspace.analysis.shape != subspace.synthesis.shape[::-1] or network.rank != subspace.rank:
        raise ValueError(
            f"factors of shape {subspace.analysis.shape} and {subspace.synthesis.shape} for a "
            f"network of {network.rank} components"
        )
    return subspace, network


def _member(subspace: Subspace, weights: Tensors) -> Tensors:
    network = {NETWORK + name: tensor for name, tensor in weights.items()}
    return {"analysis": subspace.analysis, "synthesis": subspace.synthesis, **network}


def _subspace(member: Tensors) -> Subspace:
    return Subspace(np.asarray(member["analysis"]), np.asarray(member["synthesis"]))


def _training_tiles(
    partition: PhotonPartition, subspaces: list[Subspace], places: Sequence[Tile], watch: Watch
) -> list[Scores]:
    """Return scores (parts, components, y, x) of these tiles."""
    height = partition.source.shape[0]
    matrix = np.hstack([subspace.analysis for subspace in subspaces])
    tiles = [
        np.empty(
            (partition.number, matrix.shape[1], y.stop - y.start, x.stop - x.start), np.float32
        )
        for y, x in places
    ]
    for rows, band in partition.bands():
        watch.step("projecting the counts", rows.start / height)
        taken = [(tile, y, x) for tile, (y, x) in zip(tiles, places, strict=True)
                 if y.start < rows.stop and rows.start < y.stop]  # fmt: skip
        if not taken:
            continue
        scores = np.moveaxis(band.project_each(matrix), 3, 1)
        for tile, y, x in taken:
            first, last = max(rows.start, y.start), min(rows.stop, y.stop)
            part = scores[:, :, first - rows.start : last - rows.start, x]
            tile[:, :, first - y.start : last - y.start] = part
    return tiles


def _tile_places(height: int, across: int, seed: int) -> list[Tile]:
    """Return the whole map, or random tiles of a large one."""
    if height * across <= TRAINING_PIXELS:
        return [(slice(0, height), slice(0, across))]
    size = (min(TILE, height), min(TILE, across))
    cells = [(y, x) for y in range(0, height - size[0] + 1, size[0])
             for x in range(0, across - size[1] + 1, size[1])]  # fmt: skip
    number = min(len(cells), max(1, TRAINING_PIXELS // (size[0] * size[1])))
    chosen = np.random.default_rng(seed).choice(len(cells), number, replace=False)
    return [
        (slice(y, y + size[0]), slice(x, x + size[1]))
        for y, x in (cells[index] for index in np.sort(chosen))
    ]


def _preview(spectra: NDArray[np.float32], place: Tile, scores: Scores) -> Preview:
    return Preview(FactoredCounts(np.moveaxis(scores, 0, 2), spectra)[0], *place)


def _none(scores: Scores) -> None:
    return None


def _predict_pictures(
    partition: PhotonPartition,
    members: Sequence[Tensors],
    jobs: Sequence[tuple[int, list[int]]],
    size: int,
    settings: StackSettings,
    device: torch.device,
    watch: Watch,
) -> list[Scores]:
    """Return what members predict from some parts, each of shape (y, x, components).

    Parameters
    ----------
    deal : Deal
    members : sequence of mapping
    jobs : sequence of (int, list of int)
        Number of the member, and the parts that it predicts from.
    size : int
        How many parts a network sees at once.
    settings : StackSettings
    device : torch.device
    watch : Watch
    """
    from napari_xrf_denoise.denoising.parallel import run_parallel

    from .component_training import predict_components

    height, across, _ = partition.source.shape
    loaded = [load_member(member, device) for member in members]
    subspaces = [subspace for subspace, _ in loaded]
    ends = np.cumsum([0, *(subspace.rank for subspace in subspaces)])
    pictures = [np.empty((height, across, subspaces[k].rank), np.float32) for k, _ in jobs]
    reach = max(network.reach for _, network in loaded)
    least = max(2 * reach, STRIP_BYTES // (4 * partition.number * across * int(ends[-1])))
    for strip in strips(partition.bands(), subspaces, height, least=least, margin=reach):
        tasks = [
            partial(
                predict_components,
                loaded[member][1],
                np.moveaxis(strip.scores[..., ends[member] : ends[member + 1]], 3, 1),
                partition.shares,
                parts,
                size,
                settings.thinnings,
                settings.seed + number,
                device,
            )
            for number, (member, parts) in enumerate(jobs)
        ]
        fraction = strip.rows.start / height, strip.rows.stop / height
        found = run_parallel(tasks, "computing the result", watch.part(*fraction))
        for picture, scores in zip(pictures, found, strict=True):
            picture[strip.rows] = np.moveaxis(strip.inner(scores), 0, 2)
    return pictures


def _mean_factors(pictures: Sequence[Scores], subspaces: Sequence[Subspace]) -> _Factors:
    """Return scores and spectra whose product is the mean of the members' predictions."""
    scores = np.concatenate(pictures, axis=2) / np.float32(len(pictures))
    return scores, np.concatenate([subspace.synthesis for subspace in subspaces])


def _find_spots(
    partition: PhotonPartition,
    groups: list[list[int]],
    factors: list[_Factors],
    line: Matrix,
    watch: Watch,
) -> list[HotSpots]:
    """Return the hot spots of each result, given the parts that it was made of."""
    finders = [SpotFinder(partition.source.shape, line) for _ in factors]
    exposures = [float(partition.shares[group].sum()) for group in groups]
    for rows, band in partition.bands():
        watch.step("looking for hot spots", rows.start / partition.source.shape[0])
        for finder, group, exposure, (scores, spectra) in zip(
            finders, groups, exposures, factors, strict=False
        ):
            finder.add(rows, band.dense(group), scores, spectra, exposure)
    return [finder.finish() for finder in finders]


def _counts(factors: _Factors, spots: HotSpots, total: float) -> FactoredCounts:
    """Return the result with as many counts in all as there were: no estimate of them is better."""
    counts = FactoredCounts(*factors, spots.places, spots.rows)
    found = float(counts.sum(dtype=np.float64))
    return counts.scaled(total / found) if found > 0 else counts


def _score(
    partition: PhotonPartition,
    folds: list[list[int]],
    guesses: Sequence[FactoredCounts],
    windows: Sequence[Window],
    watch: Watch,
    resolved: Subspace | None = None,
    fewer: tuple[Sequence[FactoredCounts], tuple[float, float, float]] | None = None,
) -> DoseGainEstimate:
    """Score results that were made without each fold, given at the full rate.

    `resolved` is the subspace of all spectra that there can be; `fewer` are such results from
    still fewer counts, and the shares of the counts that these, the others and the final one use.
    """
    shares = [float(partition.shares[fold].sum()) for fold in folds]
    unit = partition.source.unit

    def parts() -> Iterator[tuple[slice, list[Counts]]]:
        for rows, band in partition.bands():
            held = [band.dense(fold) for fold in folds]
            yield rows, held if unit == 1 else [part * np.float32(unit) for part in held]

    predictions = [
        lambda _, rows, guess=guess, share=share: np.asarray(guess[0, rows]) * np.float32(1 - share)
        for guess, share in zip(guesses, shares, strict=True)
    ]
    lesser = None
    if fewer is not None:
        others, used = fewer
        lesser = Fewer([partial(_rows, guess) for guess in others], used)
    return cross_score(
        partition.source,
        parts(),
        shares,
        predictions,
        watch,
        windows=windows,
        fewer=lesser,
        resolved=resolved,
    )


def _used_shares(
    partition: PhotonPartition, kinds: Sequence[Sequence[list[int]]], most: int
) -> tuple[float, float, float]:
    """Return the share of the counts that predictions of each kind make use of.

    A mean over a few subsets of the parts may not reach all of them.
    """
    few, scored, result = (
        float(np.mean([partition.shares[g].sum() * min(1.0, most / len(g)) for g in groups]))
        for groups in kinds
    )
    return few, scored, result


def _rows(counts: FactoredCounts, rows: slice) -> NDArray[np.float32]:
    return np.asarray(counts[0, rows])


def _member_bands(
    source: Source, pictures: Sequence[Scores], subspaces: Sequence[Subspace]
) -> Iterator[list[Scores]]:
    """Yield what each member predicts from all counts, band by band."""
    height, across, size = source.shape
    unit = np.float32(source.unit)
    step = max(1, STRIP_BYTES // (4 * across * size * len(pictures)))
    for start in range(0, height, step):
        yield [
            np.maximum(picture[start : start + step] @ subspace.synthesis, 0) * unit
            for picture, subspace in zip(pictures, subspaces, strict=True)
        ]
