"""What the user said about a file, remembered for the next file of the same layout and shape.

A small JSON file in the user's folder for settings. It is a comfort: when it is damaged, or cannot
be written, files are asked about as if nothing had been said before.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from napari_xrf_denoise.core.atomic_write import replacing
from napari_xrf_denoise.core.errors import SettingsError
from napari_xrf_denoise.io.options import ReadOptions

MOST_ANSWERS = 200
"""The oldest answers beyond these are forgotten."""
_MOST_BYTES = 2**20


def answers_file() -> Path:
    """Return where the answers are kept, in the folder that the platform has for settings."""
    from platformdirs import user_config_path

    return user_config_path("napari-xrf-denoise", appauthor=False) / "file_answers.json"


class AnswerStore:
    """Answers by kind of file.

    Parameters
    ----------
    path : pathlib.Path, optional
        The JSON file; `answers_file` when left out.
    """

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
