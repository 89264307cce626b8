"""Opens spectra and maps in napari, and asks what a file does not say."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

from napari_xrf_denoise.core.errors import FormatError
from napari_xrf_denoise.core.spectrum_image import SpectrumImage
from napari_xrf_denoise.io.options import ReadOptions
from napari_xrf_denoise.layers.convert import LayerData, layer_data
from napari_xrf_denoise.plugin.common.window_words import in_window

from .answers import AnswerStore
from .questions import Question, hdf5_candidates, question_about

Ask = Callable[[Question, ReadOptions], ReadOptions | None]
"""``ask(question, preset)`` returns the user's answer, or None to leave the file unopened."""
Reader = Callable[[str | list[str]], list[Any]]

NOTHING: list[Any] = [(None,)]
"""What napari takes for a file that was dealt with and gives no layer."""


def get_reader(path: str | list[str]) -> Reader | None:
    """Return the function that reads a file, or None for files that are not spectra.

    What a file is, its content says: a TIFF, a table of something else gives None, and so does a
    list that holds one. HDF5 files of unknown layout are taken when there is a window to ask in
    which of their arrays are the counts: napari itself does not read HDF5.

    Parameters
    ----------
    path : str or list of str

    Returns
    -------
    callable or None
    """
    from napari_xrf_denoise.io import sniff

    files = [path] if isinstance(path, str) else list(path)
    if not files or not all(sniff(file) is not None or _can_be_asked(file) for file in files):
        return None
    return read_layers


def read_layers(
    path: str | list[str], ask: Ask | None = None, memory: AnswerStore | None = None
) -> list[Any]:
    """Read files, each as one layer.

    Parameters
    ----------
    path : str or list of str
    ask : callable, optional
        Asked about a file that does not say where its counts are or which axis is the energy. By
        default a dialog where there is a window, and nobody elsewhere.
    memory : AnswerStore, optional
        Where answers are kept; by default in the user's folder for settings.

    Returns
    -------
    list of tuple
        Data, attributes and layer type; what napari takes for nothing when the user cancelled.

    Raises
    ------
    FormatError
        If a file cannot be read, or does not say enough and there is nobody to ask.
    """
    from napari.utils.notifications import show_warning

    files = [path] if isinstance(path, str) else list(path)
    layers: list[LayerData] = []
    interview = Interview(ask, memory)
    for file in files:
        # The notification is shown once the file is read: a missing calibration is no error.
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            image = interview.read(Path(file))
            if image is not None:
                layers.append(layer_data(image))
        for entry in caught:
            show_warning(in_window(str(entry.message)))
    if layers and can_ask():
        _attend()
    return list(layers) or NOTHING


class Interview:
    """Reads files that are opened together, and asks once for each kind of them.

    Parameters
    ----------
    ask, memory
        As of `read_layers`.
    """

    def __init__(self, ask: Ask | None, memory: AnswerStore | None) -> None:
        self._ask = ask
        self._memory = memory
        self._answers: dict[str, ReadOptions] = {}

    def read(self, path: Path) -> SpectrumImage | None:
        """Return the image of a file, or None when the user does not want it."""
        from napari_xrf_denoise.io import read

        try:
            return read(path)
        except FormatError as error:
            ask = self._ask or (_dialog() if can_ask() else None)
            question = None if ask is None else question_about(path, error)
            if ask is None or question is None:
                raise
        answer = self._answer(ask, question)
        return None if answer is None else read(path, **answer.given())

    def _answer(self, ask: Ask, question: Question) -> ReadOptions | None:
        if question.kind in self._answers:
            return self._answers[question.kind]
        if self._memory is None:
            self._memory = AnswerStore()
        preset = self._memory.recall(question.kind)
        if preset is None or question.problem(preset):
            preset = question.suggestion()
        answer = ask(question, preset)
        if answer is not None:
            self._answers[question.kind] = answer
            self._memory.remember(question.kind, answer)
        return answer


def can_ask() -> bool:
    """Whether a dialog can be opened: a Qt application runs, and this is its thread."""
    if "qtpy.QtWidgets" not in sys.modules:
        return False  # without napari's window; and importing Qt to find out would be wrong
    from qtpy.QtCore import QThread
    from qtpy.QtWidgets import QApplication

    application = QApplication.instance()
    return application is not None and application.thread() == QThread.currentThread()


def _attend() -> None:
    """Have what stays on the disk loaded while it is already shown, at its strongest line."""
    from napari import current_viewer

    from .loading import follow
    from .samples import show_strongest_line

    viewer = current_viewer()
    if viewer is not None:
        follow(viewer)
        show_strongest_line(viewer)


def _dialog() -> Ask:
    from .dialog import ask_in_dialog

    return ask_in_dialog


def _can_be_asked(path: str) -> bool:
    """Whether this is an HDF5 file with arrays, and there is a window to ask about it in."""
    from napari_xrf_denoise.io.hdf5 import generic as hdf5

    try:
        return can_ask() and hdf5.opens(Path(path)) and bool(hdf5_candidates(Path(path)))
    except (FormatError, OSError):
        return False
