"""Files that do not say enough, read with what the user said about such files before."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from napari_xrf_denoise.batch.record import read_quietly
from napari_xrf_denoise.batch.sources import Sources
from napari_xrf_denoise.core.errors import DataError, FormatError
from napari_xrf_denoise.core.spectrum_image import SpectrumImage
from napari_xrf_denoise.io.options import ReadOptions

from .answers import AnswerStore
from .questions import question_about


class RememberedAnswers(Sources):
    """Reads files whole; nobody is asked, but answers of the read dialog hold for a batch, too.

    Parameters
    ----------
    memory : AnswerStore, optional
        Where the answers are kept; by default in the user's folder for settings.
    """

    def __init__(self, memory: AnswerStore | None = None) -> None:
        self._memory = memory or AnswerStore()
        self._said: dict[Path, Mapping[str, Any]] = {}

    def read(self, path: Path) -> SpectrumImage:
        """Return the counts of a file.

        Raises
        ------
        FormatError
            If the file does not say enough, and nothing was said about such files before.
        """
        try:
            return super().read(path)
        except FormatError as error:
            answer = self._answer(path, error)
        self._said[path] = answer.given()
        return read_quietly(path, **self._said[path])

    def stated(self, path: Path) -> Mapping[str, Any]:
        """Return the answer with which a file was read, nothing if none was needed."""
        return self._said.get(path, {})

    def is_unchanged(self, path: Path, before: Mapping[str, Any]) -> bool:
        """Whether a file would be read as it was for an earlier result."""
        if not before:
            return True  # it was read without an answer, and has not changed
        try:
            self.read(path)
        except DataError:
            return False
        return super().is_unchanged(path, before)

    def _answer(self, path: Path, error: FormatError) -> ReadOptions:
        question = question_about(path, error)
        if question is None:
            raise error
        answer = self._memory.recall(question.kind)
        if answer is None or question.problem(answer):
            raise FormatError(
                f"{error}. In napari: open this file once by itself and answer what is asked; "
                "files of the same layout and shape are then read in the same way"
            ) from error
        return answer
