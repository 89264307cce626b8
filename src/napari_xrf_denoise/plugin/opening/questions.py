"""What a file does not say about itself, as a question to the user, without Qt."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass

import numpy as np

from napari_xrf_denoise.core.errors import (
    DataError,
    FormatError,
    MissingDependencyError,
    SettingsError,
)
from napari_xrf_denoise.io import Source, StoredArray
from napari_xrf_denoise.io.options import ReadOptions

# An error that an option can mend names the option; all others are no questions.
_ANSWERABLE = re.compile(r"--(dataset|energy-axis|repeat-axis)\b")


@dataclass(frozen=True, eq=False)
class Question:
    """What to ask about a file."""

    source: Source
    reason: str
    """Why the file cannot be read without an answer."""
    candidates: tuple[StoredArray, ...]
    """Arrays that may hold the counts; at least one."""

    @property
    def kind(self) -> str:
        """Layout and shapes: what files to which the same answer may apply have in common."""
        shapes = [(entry.dataset, entry.shape) for entry in self.candidates]
        digest = hashlib.sha256(json.dumps(shapes).encode()).hexdigest()
        return f"{self.source.layout.name} {digest[:32]}"

    def problem(self, answer: ReadOptions) -> str:
        """Return what is wrong with an answer, nothing if it can be tried."""
        chosen = self.chosen(answer)
        if not chosen:
            return "Choose the dataset that holds the counts"
        if len({entry.shape for entry in chosen}) > 1:
            return "Choose datasets of the same shape: they are read as repeats"
        shape = chosen[0].shape
        if answer.energy_axis is None or not 0 <= answer.energy_axis < len(shape):
            return "Choose the energy axis"
        repeat = answer.repeat_axis
        if repeat is not None and not 0 <= repeat < len(shape):
            return "Choose a repeat axis that exists"
        if repeat == answer.energy_axis:
            return f"Axis {repeat} cannot be both energy and repeats"
        if repeat is not None and len(chosen) > 1:
            return "Choose no repeat axis: the datasets are the repeats"
        if len(shape) - 1 - (repeat is not None) > 2:
            return (
                "Choose the repeat axis: besides energy, a map has only two axes (y, x), and this "
                "array has more"
            )
        return ""

    def chosen(self, answer: ReadOptions) -> list[StoredArray]:
        """Return the candidates that an answer names."""
        if self.candidates[0].dataset == "":
            return list(self.candidates[:1])
        return [entry for entry in self.candidates if entry.dataset in answer.datasets]

    def suggestion(self) -> ReadOptions:
        """Return a first answer: the largest array and its longest axis.

        Only a suggestion: it is shown with a preview, and not used without the user's consent.
        """
        entry = self.candidates[0]
        energy_axis, repeat_axis = suggested_axes(entry.shape)
        return ReadOptions(
            dataset=entry.dataset or None, energy_axis=energy_axis, repeat_axis=repeat_axis
        )


def suggested_axes(shape: tuple[int, ...]) -> tuple[int, int | None]:
    """Return the longest axis for the energy, and one for the repeats if there are four."""
    energy_axis = int(np.argmax(shape))
    others = [axis for axis in range(len(shape)) if axis != energy_axis]
    return energy_axis, others[0] if len(others) > 2 else None


def question_about(source: Source, error: FormatError) -> Question | None:
    """Return the question behind an error of reading a file without options.

    None if no answer of a user would help, as with a damaged file.
    """
    if _ANSWERABLE.search(str(error)) is None:
        return None
    try:
        found = source.datasets()
    except (DataError, SettingsError, MissingDependencyError, OSError):
        return None
    return Question(source, str(error), found) if found else None
