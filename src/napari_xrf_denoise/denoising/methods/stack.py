"""The method "stack", 1D + 2D: a 2D network in a spectral subspace, and hot spots beside it.

The counts are split into parts once. A subspace of a few weighted spectra holds all that the
spectra of a map have in common (1D); a small 2D network denoises the images of their components.
Each of several networks leaves a fold of the counts out, which scores it, and the result is the
mean of all, kept as component images and spectra. Single pixels that stand out of it are kept as
they were counted.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from napari_xrf_denoise.core.cores import give_memory_back
from napari_xrf_denoise.core.factored_counts import FactoredCounts
from napari_xrf_denoise.core.progress import Preview, Watch
from napari_xrf_denoise.core.uncertainties.uncertainty import Scatter, Uncertainty
from napari_xrf_denoise.core.workers import workers
from napari_xrf_denoise.denoising.multifold_thinning import PartitionedBand, PhotonPartition
from napari_xrf_denoise.denoising.pairs import Photons
from napari_xrf_denoise.denoising.quality.dose_gain import DoseGainEstimate, spare
from napari_xrf_denoise.denoising.quality.held_out import Fewer, HeldOut, cross_score
from napari_xrf_denoise.denoising.settings import StackSettings
from napari_xrf_denoise.denoising.subspace import Subspace

from .components.component_images import TILE, Scores
from .components.component_search import find_subspaces
from .hot_spots import Candidates, HotSpots, SpotFinder
from .put_back import lacking_places, put_back
from .stack_members import (
    StackJob,
    Tensors,
    component_images,
    member_bands,
    member_of,
    subspace_of,
)
from .uncertainty import of_mean, scatter_between, uncertainty_of

if TYPE_CHECKING:
    import torch

    from .components.component_training import Trained

Tile = tuple[slice, slice]
"""Rows and columns of a map."""
_Factors = tuple[Scores, NDArray[np.float32]]

TRAINING_PIXELS = 2**16
"""Most pixels that networks learn from; a larger map gives tiles of it."""


@dataclass(frozen=True, eq=False)
class Fit:
    """What `fit_stack` learned and computed."""

    members: tuple[Tensors, ...]
    """Subspace and network of each fold."""
    counts: FactoredCounts
    """The result (1, y, x, energy) of all repeats together."""
    exposure: float
    """Share of the counts that a network sees at once."""
    losses: dict[str, list[float]]
    score: DoseGainEstimate | None
    spots: int
    """Number of hot spots that were kept."""
    places: int
    """Number of larger places in which lost or added counts were put right."""
    guesses: list[FactoredCounts]
    """Predictions without each fold, scaled to all counts."""
    uncertainty: Uncertainty | None
    """Of the result, where counts were held out."""


@dataclass(frozen=True, eq=False)
class _Learned:
    """Subspaces and networks, one of each for each fold."""

    subspaces: list[Subspace]
    resolved: Subspace
    """All spectra that the detector can resolve."""
    members: tuple[Tensors, ...]
    losses: dict[str, list[float]]


@dataclass(frozen=True, eq=False)
class _Predicted:
    """Predictions of all members."""

    size: int
    """Parts that a network sees at once."""
    whole: list[Scores]
    """Component images of each member, from all parts."""
    few: list[list[int]]
    """For each fold, still fewer parts than are left without it."""
    counts: list[FactoredCounts]
    """The result, the prediction without each fold, and that from few parts."""
    spots: NDArray[np.intp]
    """Pixels of the result, flat, whose lines are as they were counted."""
    places: int
    """Number of larger places in which lost or added counts were put right."""
    scatter: Scatter | None
    """Of predictions of the same networks from more and from fewer parts."""


def fit_stack(job: StackJob, watch: Watch) -> Fit:
    """Learn from a map, denoise it, and score the result."""
    learned = _learn(job, watch.part(0, 0.75))
    give_memory_back()
    predicted = _predict(job, learned, watch.part(0.75, 0.92))
    give_memory_back()
    score, uncertainty = None, None
    if job.folds:
        score = _estimate_gain(job, learned, predicted, watch.part(0.92, 1))
        uncertainty = _uncertainty(job, learned, predicted, score)
    return Fit(
        learned.members,
        predicted.counts[0],
        predicted.size / job.partition.number,
        learned.losses,
        score,
        len(predicted.spots),
        predicted.places,
        predicted.counts[1 : job.folds + 1],
        uncertainty,
    )


def _learn(job: StackJob, watch: Watch) -> _Learned:
    """Find the subspace of the counts without each fold, and train a network in it."""
    from napari_xrf_denoise.denoising.parallel import run_parallel

    from .components.component_training import divide
    from .deconvolution import line_width

    source, partition, settings = job.source, job.partition, job.settings
    spectrum = job.found.spectrum / source.unit
    width = line_width(job.energy, job.scale)
    # What judges a network must not have a part in the choice of its components: they would look
    # more certain than they are.
    groups = [divide(parts)[0] for parts in job.rests or [job.everything]]
    subspaces, resolved = find_subspaces(
        partition, groups, width, spectrum, settings, watch.part(0, 0.08)
    )
    height, across, _ = source.shape
    places = _tile_places(height, across, settings.seed)
    size = sum((y.stop - y.start) * (x.stop - x.start) for y, x in places)
    raw_error = size / (height * across) * float(spectrum.sum())
    lessons = [
        _Lesson(partition, space, places, parts, settings, member, raw_error, job.device)
        for member, (space, parts) in enumerate(
            zip(subspaces, job.rests or [job.everything], strict=True)
        )
    ]
    # Where the counts are at hand, they are read once for all networks.
    give_memory_back()
    tiles: Sequence[list[Scores] | None] = [None] * len(lessons)
    if workers() is None:
        tiles = _training_tiles(partition, subspaces, places, watch.part(0.08, 0.16))
    tasks = [partial(lesson.learn, own) for lesson, own in zip(lessons, tiles, strict=True)]
    trained = run_parallel(tasks, "training", watch.part(0.16, 1))
    members = [member_of(space, own.weights) for space, own in zip(subspaces, trained, strict=True)]
    losses = {
        f"{name}, network {index}": values
        for index, own in enumerate(trained, start=1)
        for name, values in own.losses.items()
    }
    return _Learned(subspaces, resolved, tuple(members), losses)


@dataclass(frozen=True, eq=False)
class _Lesson:
    """What a network is to learn, as one computer can tell another."""

    partition: PhotonPartition
    space: Subspace
    places: list[Tile]
    """Tiles of the map to learn from."""
    parts: list[int]
    """Parts of the counts to learn from."""
    settings: StackSettings
    member: int
    """Number of the network."""
    raw_error: float
    """Squared error of the raw counts of the tiles."""
    device: torch.device

    def learn(self, tiles: list[Scores] | None, watch: Watch) -> Trained:
        """Return the network that learned from these tiles, or from those that it reads itself."""
        from .components.component_training import Training, train_network

        if tiles is None:
            (tiles,) = _training_tiles(self.partition, [self.space], self.places, watch.part(0, 0))
        training = Training(
            tiles,
            self.space,
            self.partition.shares,
            self.parts,
            self.settings,
            self.member,
            self.raw_error,
            self.device,
        )
        spectra = self.space.synthesis * self.partition.source.unit
        # The preview of one network is enough.
        show = partial(_preview, spectra, self.places[0]) if not self.member else _none
        return train_network(training, show, watch)


def _predict(job: StackJob, learned: _Learned, watch: Watch) -> _Predicted:
    """Predict from all parts, from those without each fold, and from still fewer."""
    from .components.component_training import input_size

    everything, rests = job.everything, job.rests
    spectra = [subspace.synthesis for subspace in learned.subspaces]
    size = input_size(rests[0] if rests else everything)
    number = len(learned.members)
    few = [rest[: len(rest) // 2 + 1] for rest in rests]
    tasks = [(index, everything) for index in range(number)]
    tasks += [*enumerate(rests), *enumerate(few)]
    images = component_images(job, learned.members, tasks, size, watch.part(0, 0.6))
    whole, held_out = images[:number], images[number:]
    factors = [_mean_factors(whole, learned.subspaces)]
    factors += list(zip(held_out, [*spectra, *spectra], strict=False))
    groups = [everything, *rests, *few]
    counts, spots, places = _finish(job, groups, factors, watch.part(0.6, 1))
    scatter = None
    if rests:
        # Of two repeats none can be left out, but more are known.
        more, fewer = (held_out, held_out[number:]) if few != rests else (whole, held_out)
        own = _in_values(job, whole, learned.subspaces)
        scatter = scatter_between(more[:number], fewer[:number], own)
    return _Predicted(size, whole, few, counts, spots.places, places, scatter)


def _in_values(
    job: StackJob, images: Sequence[Scores], subspaces: Sequence[Subspace]
) -> list[NDArray[np.float32]]:
    """Return the spectra of each member's components in the values of the source.

    Images times spectra have the sum of all values, as results do: members that differ by a
    thousandth of a pedestal would seem far apart beside the noise of the values.
    """
    spectra = [subspace.synthesis for subspace in subspaces]
    if isinstance(job.source, Photons):
        return spectra
    counts = (
        FactoredCounts(image, own).total() for image, own in zip(images, spectra, strict=True)
    )
    factors = (_total(job) / found if found > 0 else job.source.unit for found in counts)
    return [own * np.float32(factor) for own, factor in zip(spectra, factors, strict=True)]


def _finish(
    job: StackJob, groups: list[list[int]], factors: list[_Factors], watch: Watch
) -> tuple[list[FactoredCounts], HotSpots, int]:
    """Return predictions from groups of parts, the first of all, with what networks do not hold.

    And the hot spots of the first, and the number of larger places in which counts were put right.
    These are searched in all counts, once; how much is put back, each group says for itself.
    """
    spots = _find_spots(job, groups, factors, watch.part(0, 0.6))
    total = _total(job)
    counts = [_counts(own, spot, total) for own, spot in zip(factors, spots, strict=True)]
    partition, windows = job.partition, job.found.windows
    places = lacking_places(partition, counts[0], job.energy, windows, watch.part(0.6, 0.9))
    if places:
        counts = put_back(partition, groups, counts, places, job.line, watch.part(0.9, 1))
        counts = [_with_total(own, total) for own in counts]
    return counts, spots[0], len(places)


def _estimate_gain(
    job: StackJob, learned: _Learned, predicted: _Predicted, watch: Watch
) -> DoseGainEstimate:
    """Score the result by the folds that were held out."""
    partition, subspaces, folds = job.partition, learned.subspaces, job.folds
    scored, from_few = predicted.counts[1 : folds + 1], predicted.counts[folds + 1 :]
    most = predicted.size * job.settings.thinnings
    used = _used_shares(partition, (predicted.few, job.rests, [job.everything]), most)
    fewer = Fewer.of(from_few, used)
    score = cross_score(
        held_out_of(partition, scored),
        watch,
        windows=job.found.windows,
        resolved=learned.resolved,
        fewer=fewer if used[0] < used[1] else None,
        with_products=True,
    )
    return spare(score, member_bands(job.source, predicted.whole, subspaces, predicted.spots))


def _uncertainty(
    job: StackJob, learned: _Learned, predicted: _Predicted, score: DoseGainEstimate
) -> Uncertainty | None:
    """Return the uncertainty of the result, where the map is large enough to tell."""
    if score.products is None or predicted.scatter is None:
        return None
    spots = predicted.counts[0].own_spectra
    spectra = _in_values(job, predicted.whole, learned.subspaces)
    products = score.products.of_all(score.share)
    sums = of_mean(products, predicted.whole, spectra, spots)
    return uncertainty_of(sums, predicted.scatter, spots, job.found)


@dataclass(frozen=True, eq=False)
class Prediction:
    """What members that were trained before make of a map."""

    counts: FactoredCounts
    """The result (1, y, x, energy) of all repeats together."""
    guesses: list[FactoredCounts]
    """The same from the counts without each fold, scaled to all of them."""
    scatter: Scatter | None
    """Of predictions without a fold about those from all counts; None without folds."""


def predict_stack(
    job: StackJob, members: Sequence[Tensors], exposure: float, watch: Watch
) -> Prediction:
    """Denoise a map with members that were trained before.

    `exposure` is the share of the counts that a network sees at once.
    """
    groups = [job.everything, *job.rests]
    number = len(members)
    tasks = [(index, group) for group in groups for index in range(number)]
    size = max(1, round(exposure * job.partition.number))
    images = component_images(job, members, tasks, size, watch.part(0, 0.6))
    subspaces = [subspace_of(member) for member in members]
    factors = [
        _mean_factors(images[number * place : number * (place + 1)], subspaces)
        for place in range(len(groups))
    ]
    counts, _, _ = _finish(job, groups, factors, watch.part(0.6, 1))
    scatter = None
    if job.folds:
        # Each member without one fold, in turn: all of them would tell little more.
        without = [images[number * (1 + k % job.folds) + k] for k in range(number)]
        spectra = [subspace.synthesis for subspace in subspaces]
        scatter = scatter_between(images[:number], without, spectra)
    return Prediction(counts[0], counts[1:], scatter)


def held_out_of(partition: PhotonPartition, guesses: Sequence[FactoredCounts]) -> HeldOut:
    """Return the folds with the predictions that were made without them, given at the full rate."""
    number = len(guesses)
    shares = partition.fold_shares(number)
    spots = np.any([guess.own_spectra for guess in guesses], axis=0)
    bands = partition.in_folds(number)
    return HeldOut(partition.source, bands, shares, guesses=guesses, spots=spots)


def _training_tiles(
    partition: PhotonPartition, subspaces: list[Subspace], places: Sequence[Tile], watch: Watch
) -> list[list[Scores]]:
    """Return scores (parts, components, y, x) of these tiles, for each subspace."""
    height = partition.source.shape[0]
    matrix = np.hstack([subspace.analysis for subspace in subspaces])
    tiles = [
        [
            np.empty((partition.number, space.rank, y.stop - y.start, x.stop - x.start), np.float32)
            for y, x in places
        ]
        for space in subspaces
    ]
    ends = np.cumsum([0, *(space.rank for space in subspaces)])

    def project(rows: slice, band: PartitionedBand) -> slice:
        """Fill these rows of the tiles."""
        taken = [(number, y, x) for number, (y, x) in enumerate(places)
                 if y.start < rows.stop and rows.start < y.stop]  # fmt: skip
        if not taken:
            return rows
        scores = np.moveaxis(band.project_each(matrix), 3, 1)
        for number, y, x in taken:
            first, last = max(rows.start, y.start), min(rows.stop, y.stop)
            part = scores[:, :, first - rows.start : last - rows.start, x]
            for own, (low, high) in zip(tiles, pairwise(ends), strict=True):
                own[number][:, :, first - y.start : last - y.start] = part[:, low:high]
        return rows

    for rows in partition.map(project):
        watch.step("projecting the counts", rows.start / height)
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


def _mean_factors(images: Sequence[Scores], subspaces: Sequence[Subspace]) -> _Factors:
    """Return scores and spectra whose product is the mean of the members' predictions."""
    scores = np.concatenate(images, axis=2)
    scores /= np.float32(len(images))
    return scores, np.concatenate([subspace.synthesis for subspace in subspaces])


def _find_spots(
    job: StackJob, groups: list[list[int]], factors: list[_Factors], watch: Watch
) -> list[HotSpots]:
    """Return the hot spots of each result, given the parts that it was made from."""
    partition = job.partition
    finders = [
        SpotFinder(*own, job.line, float(partition.shares[group].sum()))
        for group, own in zip(groups, factors, strict=True)
    ]

    def look(rows: slice, band: PartitionedBand) -> tuple[slice, list[Candidates | None]]:
        both = zip(finders, groups, strict=True)
        return rows, [finder.look(rows, band.joined([group])) for finder, group in both]

    for rows, found in partition.map(look):
        watch.step("looking for hot spots", rows.start / job.source.shape[0])
        for finder, own in zip(finders, found, strict=True):
            finder.add(own)
    return [finder.finish() for finder in finders]


def _total(job: StackJob) -> float:
    """Return the sum of all values of the map."""
    return float((job.found.spectrum / job.source.unit).sum()) * job.source.unit


def _counts(factors: _Factors, spots: HotSpots, total: float) -> FactoredCounts:
    """Return the result with as many counts in all as there were: no estimate of them is better."""
    return _with_total(FactoredCounts(*factors, spots.places, spots.rows), total)


def _with_total(counts: FactoredCounts, total: float) -> FactoredCounts:
    found = counts.total()
    return counts.scaled(total / found) if found > 0 else counts


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
