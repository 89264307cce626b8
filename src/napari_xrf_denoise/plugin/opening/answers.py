"""Answers about a file, remembered for the next file of the same layout and shape.

A small JSON file in the user's folder for settings. It is only a convenience: if it is damaged or
cannot be written, the user is asked again.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from napari_xrf_denoise.batch.sources import Sources
from napari_xrf_denoise.core.atomic_write import replacing
from napari_xrf_denoise.core.errors import DataError, FormatError, SettingsError
from napari_xrf_denoise.core.spectrum_image import SpectrumImage
from napari_xrf_denoise.io import recognise
from napari_xrf_denoise.io.api import read_quietly
from napari_xrf_denoise.io.options import ReadOptions

from .questions import question_about

MOST_ANSWERS = 200
"""The oldest answers beyond these are forgotten."""
_MOST_BYTES = 2**20


def answers_file() -> Path:
    """Return where the answers are kept, in the folder that the platform has for settings."""
    from platformdirs import user_config_path

    return user_config_path("napari-xrf-denoise", appauthor=False) / "file_answers.json"


class AnswerStore:
    """Answers by kind of file, in a JSON file; by default `answers_file`."""

    def __init__(self, path: Path | None = None) -> None:
        self._path = answers_file() if path is None else path

    def recall(self, kind: str) -> ReadOptions | None:
        """Return the last answer for a kind of file, or None."""
        content = self._load().get(kind)
        if not isinstance(content, Mapping):
            return None
        try:
            return ReadOptions(**content)
        except (SettingsError, TypeError):
            return None  # another version's, or edited by hand

    def remember(self, kind: str, answer: ReadOptions) -> bool:
        """Keep an answer; return whether that was possible."""
        answers = self._load()
        answers.pop(kind, None)
        answers[kind] = answer.given()
        newest = dict(list(answers.items())[-MOST_ANSWERS:])
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with replacing(self._path, overwrite=True) as temporary:
                temporary.write_text(json.dumps(newest, indent=1), encoding="utf-8")
        except OSError:
            return False
        return True

    def _load(self) -> dict[str, Any]:
        try:
            if self._path.stat().st_size > _MOST_BYTES:
                return {}
            content = json.loads(self._path.read_text(encoding="utf-8"))
        except (OSError, ValueError, RecursionError):
            return {}
        return content if isinstance(content, dict) else {}


class RememberedAnswers(Sources):
    """Reads files with the answers of the read dialog, without asking, as in a batch."""

    def __init__(self, memory: AnswerStore | None = None) -> None:
        super().__init__()
        self._memory = memory or AnswerStore()
        self._said: dict[Path, Mapping[str, Any]] = {}

    def read(self, path: Path) -> SpectrumImage:
        """Return the counts of a file; refuse one that needs an answer never given before."""
        try:
            return super().read(path)
        except FormatError as error:
            answer = self._answer(path, error)
        self._said[path] = answer.given()
        return read_quietly(path, **self._said[path])

    def read_options(self, path: Path) -> Mapping[str, Any]:
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
        question = question_about(recognise(path), error)
        if question is None:
            raise error
        answer = self._memory.recall(question.kind)
        if answer is None or question.problem(answer):
            raise FormatError(
                f"{error}. In napari, open this file once on its own and answer the "
                "questions; files of the same layout and shape are then read in the same way"
            ) from error
        return answer
