"""A job of the stack method, and its members: each a subspace and the network that works in it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from napari_xrf_denoise.core.cores import CACHED_BYTES
from napari_xrf_denoise.core.energy_axis import EnergyAxis
from napari_xrf_denoise.core.progress import Watch
from napari_xrf_denoise.core.workers import workers
from napari_xrf_denoise.denoising.diagnostics.statistics import CountStatistics
from napari_xrf_denoise.denoising.multifold_thinning import PhotonPartition
from napari_xrf_denoise.denoising.pairs import FOLD_STREAM, Source
from napari_xrf_denoise.denoising.settings import StackSettings
from napari_xrf_denoise.denoising.subspace import Matrix, Subspace

from .components.component_images import Scores, Strip, cut_into_strips, project, subsets

if TYPE_CHECKING:
    import torch

    from .components.component_network import ComponentNetwork

Tensors = Mapping[str, NDArray[np.float32]]

NETWORK = "network."
"""Prefix of the names of a network's tensors among those of a member."""
STRIP_BYTES = 2**27
"""Scores of a strip that are in memory at once."""


@dataclass(frozen=True, eq=False)
class StackJob:
    """A map to denoise, and how."""

    source: Source
    settings: StackSettings
    folds: int
    """Number of parts that are held out in turn; 0 leaves the score out."""
    found: CountStatistics
    """Of the map."""
    energy: EnergyAxis
    """Of the lines, and of the model."""
    scale: float
    """Line width, as `deconvolution.line_width` takes it."""
    device: torch.device

    @cached_property
    def partition(self) -> PhotonPartition:
        """The counts split into parts."""
        return partition_of(self.source, self.settings)

    @property
    def everything(self) -> list[int]:
        """All parts."""
        return list(range(self.partition.number))

    @property
    def held_out(self) -> list[list[int]]:
        """Parts of each fold."""
        return self.partition.folds(self.folds) if self.folds else []

    @property
    def rests(self) -> list[list[int]]:
        """Parts that are left without each fold."""
        return [self.partition.without(fold) for fold in self.held_out]

    @cached_property
    def line(self) -> Matrix:
        """Standard deviation of a line in each channel, in channels."""
        from .deconvolution import measured_width

        return measured_width(self.found.spectrum, self.energy, self.scale)


def partition_of(source: Source, settings: StackSettings) -> PhotonPartition:
    """Return the counts of a run split into parts."""
    return PhotonPartition.of(source, settings.seed, FOLD_STREAM)


def member_of(subspace: Subspace, weights: Tensors) -> Tensors:
    """Return the tensors of a subspace and its network."""
    network = {NETWORK + name: tensor for name, tensor in weights.items()}
    return {"analysis": subspace.analysis, "synthesis": subspace.synthesis, **network}


def subspace_of(member: Tensors) -> Subspace:
    """Return the subspace of a member."""
    return Subspace(np.asarray(member["analysis"]), np.asarray(member["synthesis"]))


def load_member(member: Tensors, device: torch.device) -> tuple[Subspace, ComponentNetwork]:
    """Return the subspace and the network of a member.

    Raises
    ------
    ValueError, KeyError
        If tensors are missing or do not fit together.
    """
    from .components.component_training import load_network

    subspace = subspace_of(member)
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


def component_images(
    job: StackJob,
    members: Sequence[Tensors],
    tasks: Sequence[tuple[int, list[int]]],
    size: int,
    watch: Watch,
) -> list[Scores]:
    """Return predictions (y, x, components) of members from some of the parts.

    Each task is the number of a member and its parts, of which a network sees `size` at once.
    """
    from .components.component_network import GRID, REACH

    partition, settings = job.partition, job.settings
    height, across, _ = job.source.shape
    chosen = [
        subsets(parts, size, settings.thinnings, np.random.default_rng(settings.seed + number))
        for number, (_, parts) in enumerate(tasks)
    ]
    work = _Predictions(partition, members, [member for member, _ in tasks], chosen, job.device)
    ranks = [subspace_of(member).rank for member in members]
    images = [np.empty((height, across, ranks[member]), np.float32) for member, _ in tasks]
    least = max(2 * REACH, STRIP_BYTES // (4 * partition.number * across * sum(ranks)))
    strips = cut_into_strips(height, least=least, margin=REACH, grid=GRID)
    elsewhere = workers()
    found: Iterator[list[Scores]]
    if elsewhere is None:
        found = map(work.strip, strips, watch.parts(len(strips)))
    else:
        found = elsewhere.map(work.strip, strips)
    for strip, predicted in zip(strips, found, strict=True):
        watch.step("computing the result", strip.rows.stop / height)
        for image, own in zip(images, predicted, strict=True):
            image[strip.rows] = own
    return images


@dataclass(frozen=True, eq=False)
class _Predictions:
    """What some members predict from some of the parts."""

    partition: PhotonPartition
    members: Sequence[Tensors]
    numbers: list[int]
    """Of the member of each prediction."""
    chosen: list[list[list[int]]]
    """Subsets of the parts that its network sees one after the other."""
    device: torch.device

    def strip(self, strip: Strip, watch: Watch | None = None) -> list[Scores]:
        """Return the predictions (rows, x, components) of a strip."""
        from napari_xrf_denoise.denoising.parallel import run_parallel

        from .components.component_training import predict_components

        watch = Watch() if watch is None else watch
        loaded = [load_member(member, self.device) for member in self.members]
        subspaces = [subspace for subspace, _ in loaded]
        scores = project(self.partition, subspaces, strip.around, watch.part(0, 0.2))
        calls = [
            partial(
                predict_components,
                loaded[member][1],
                subspaces[member],
                scores[member],
                self.partition.shares,
                own,
                self.device,
            )
            for member, own in zip(self.numbers, self.chosen, strict=True)
        ]
        found = run_parallel(calls, "computing the result", watch.part(0.2, 1))
        return [np.moveaxis(strip.inner(image), 0, 2) for image in found]


def member_bands(
    source: Source,
    images: Sequence[Scores],
    subspaces: Sequence[Subspace],
    spots: NDArray[np.intp],
) -> Iterator[Callable[[], list[Scores]]]:
    """Yield how to get what each member predicts from all counts, band by band.

    In `spots`, flat, the result is none of them: there they are all 0.
    """
    height, across, size = source.shape
    unit = np.float32(source.unit)
    step = max(1, CACHED_BYTES // (4 * across * size))
    used = np.ones((height, across, 1), np.float32)
    used.reshape(-1)[spots] = 0

    def predict(rows: slice) -> list[Scores]:
        return [
            np.maximum((image[rows] * used[rows] * unit) @ subspace.synthesis, 0)
            for image, subspace in zip(images, subspaces, strict=True)
        ]

    for start in range(0, height, step):
        yield partial(predict, slice(start, start + step))
