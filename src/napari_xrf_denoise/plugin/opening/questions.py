"""What a file does not say about itself, as questions that can be put to the user, without Qt."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from napari_xrf_denoise.core.errors import (
    DataError,
    FormatError,
    MissingDependencyError,
    SettingsError,
)
from napari_xrf_denoise.io import describe
from napari_xrf_denoise.io.hdf5 import generic as hdf5
from napari_xrf_denoise.io.hdf5.file import DatasetOnDisk, candidates, get_dataset, open_hdf5
from napari_xrf_denoise.io.options import ReadOptions

MOST_CANDIDATES = 200
"""Datasets of one file that are offered, the largest first."""

# An error that an option can mend names it; all others are no questions.
_ANSWERABLE = re.compile(r"--(dataset|energy-axis|repeat-axis)\b")


@dataclass(frozen=True, eq=False)
class Candidate:
    """An array that may hold the counts.

    Parameters
    ----------
    dataset : str
        Its path in the file; empty where a file holds one array.
    shape : tuple of int
    dtype : str
    open : callable
        Returns the array, to be indexed by slices, and the lengths of its blocks on disk or None.
    """

    dataset: str
    shape: tuple[int, ...]
    dtype: str
    open: Callable[[], tuple[Any, Sequence[int] | None]]


@dataclass(frozen=True, eq=False)
class Question:
    """What to ask about a file.

    Parameters
    ----------
    path : pathlib.Path
    layout : str
        Name of the layout in which the file is read.
    reason : str
        Why it cannot be read without an answer.
    candidates : tuple of Candidate
        At least one.
    """

    path: Path
    layout: str
    reason: str
    candidates: tuple[Candidate, ...]

    @property
    def kind(self) -> str:
        """What files for which the same answer may hold have in common: layout and shapes."""
        shapes = [(entry.dataset, entry.shape) for entry in self.candidates]
        return f"{self.layout} {hashlib.sha256(json.dumps(shapes).encode()).hexdigest()[:32]}"

    def problem(self, answer: ReadOptions) -> str:
        """Return what is wrong with an answer in words, nothing if it can be tried."""
        chosen = self.chosen(answer)
        if not chosen:
            return "Choose the dataset that holds the counts"
        if len({entry.shape for entry in chosen}) > 1:
            return "Datasets that are repeats of each other have the same shape; choose such ones"
        shape = chosen[0].shape
        if answer.energy_axis is None or not 0 <= answer.energy_axis < len(shape):
            return "Choose the axis that is the energy"
        repeat = answer.repeat_axis
        if repeat is not None and not 0 <= repeat < len(shape):
            return "Choose an axis that exists for the repeats"
        if repeat == answer.energy_axis:
            return f"Axis {repeat} cannot be both energy and repeats"
        if repeat is not None and len(chosen) > 1:
            return "Several datasets are the repeats themselves; choose no axis of repeats"
        if len(shape) - 1 - (repeat is not None) > 2:
            return "Choose which axis holds repeats: a picture has two axes, and more are left"
        return ""

    def chosen(self, answer: ReadOptions) -> list[Candidate]:
        """Return the candidates that an answer names."""
        if self.candidates[0].dataset == "":
            return list(self.candidates[:1])
        return [entry for entry in self.candidates if entry.dataset in answer.datasets]

    def suggestion(self) -> ReadOptions:
        """Return a first answer: the largest array, its longest axis, and no more than is needed.

        Only a suggestion: it is shown, with what would become of it, and not used unseen.
        """
        entry = self.candidates[0]
        energy_axis = int(np.argmax(entry.shape))
        others = [axis for axis in range(len(entry.shape)) if axis != energy_axis]
        return ReadOptions(
            dataset=entry.dataset or None,
            energy_axis=energy_axis,
            repeat_axis=others[0] if len(others) > 2 else None,
        )


def question_about(path: Path, error: FormatError) -> Question | None:
    """Return the question that an error of `read` amounts to.

    Parameters
    ----------
    path : pathlib.Path
    error : FormatError
        Of reading it without options.

    Returns
    -------
    Question or None
        None where nothing that a user can say would help, as with a damaged file.
    """
    if _ANSWERABLE.search(str(error)) is None:
        return None
    try:
        found = hdf5_candidates(path) if hdf5.opens(path) else _single(path)
        layout = describe(path).layout.name
    except (DataError, SettingsError, MissingDependencyError, OSError):
        return None
    return Question(path, layout, str(error), found) if found else None


def hdf5_candidates(path: Path) -> tuple[Candidate, ...]:
    """Return the datasets of an HDF5 file that may hold counts.

    Raises
    ------
    FormatError
        If the file is damaged.
    """
    with open_hdf5(path) as file:
        found = [entry for entry in candidates(file) if 0 not in entry[1]][:MOST_CANDIDATES]
    return tuple(
        Candidate(name, tuple(int(n) for n in shape), dtype, lambda name=name: _opened(path, name))  # type: ignore[misc]
        for name, shape, dtype in found
    )


def _opened(path: Path, name: str) -> tuple[Any, Sequence[int] | None]:
    with open_hdf5(path) as file:
        dataset = get_dataset(file, path, name)
        return DatasetOnDisk(dataset, path), dataset.chunks


def _single(path: Path) -> tuple[Candidate, ...]:
    """Return the one array of a file in which there are no names to choose from."""
    layout = describe(path).layout
    try:
        counts = layout.read(path, ReadOptions()).counts
    except FormatError:
        # Some readers find the array only when they know which axis is the energy.
        counts = layout.read(path, ReadOptions(energy_axis=-1)).counts
    shape = tuple(int(length) for length in counts.shape)
    if not 1 <= len(shape) <= 4 or 0 in shape or counts.dtype.kind not in "iuf":
        return ()
    return (Candidate("", shape, str(counts.dtype), lambda: (counts, None)),)
