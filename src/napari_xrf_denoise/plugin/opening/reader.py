"""Opens spectra and maps in napari, and asks for what a file does not state."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable, Sequence
from typing import Any

from napari_xrf_denoise.core.errors import FormatError
from napari_xrf_denoise.core.spectrum_image import SpectrumImage
from napari_xrf_denoise.io import Source, recognise
from napari_xrf_denoise.io.options import ReadOptions
from napari_xrf_denoise.layers.convert import LayerData, layer_data
from napari_xrf_denoise.plugin.common.window_words import in_window

from .answers import AnswerStore
from .questions import Question, question_about

Ask = Callable[[Question, ReadOptions], ReadOptions | None]
"""``ask(question, preset)`` returns the user's answer, or None to leave the file unopened."""
Reader = Callable[[str | list[str]], list[Any]]

NOTHING: list[Any] = [(None,)]
"""Tells napari that a file was handled and gives no layer."""


def get_reader(path: str | list[str]) -> Reader | None:
    """Return the function that reads a file, or None for files that are not spectra.

    Files are recognised by their content: a TIFF image or a table of something else gives None, and
    so does a list that contains one. HDF5 files of unknown layout are accepted if there is a window
    to ask which of their arrays holds the counts, because napari itself does not read HDF5.
    """
    files = [path] if isinstance(path, str) else list(path)
    sources = [source for file in files if (source := _claimed(file)) is not None]
    if not files or len(sources) < len(files):
        return None
    return lambda _: read_sources(sources)


def read_layers(
    path: str | list[str], ask: Ask | None = None, memory: AnswerStore | None = None
) -> list[Any]:
    """Read files, each as one layer; see `read_sources`."""
    files = [path] if isinstance(path, str) else path
    return read_sources([recognise(file) for file in files], ask, memory)


def read_sources(
    sources: Sequence[Source], ask: Ask | None = None, memory: AnswerStore | None = None
) -> list[Any]:
    """Read recognised files, each as one layer.

    Parameters
    ----------
    sources : sequence of Source
    ask : callable, optional
        Asked about a file that does not state which dataset holds its counts or which axis is
        energy. By default a dialog if there is a window, otherwise the error is raised.
    memory : AnswerStore, optional
        Where answers are kept; by default in the user's folder for settings.

    Raises
    ------
    FormatError
        If a file cannot be read, or lacks information and nobody can be asked.
    """
    from napari.utils.notifications import show_warning

    layers: list[LayerData] = []
    interview = Interview(ask, memory)
    for source in sources:
        # Shown as a notification once the file is read: a missing calibration is no error.
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            image = interview.read(source)
            if image is not None:
                layers.append(layer_data(image))
        for entry in caught:
            show_warning(in_window(str(entry.message)))
    if layers and can_ask():
        _attend()
    return list(layers) or NOTHING


class Interview:
    """Reads files that are opened together, and asks once for each kind of file."""

    def __init__(self, ask: Ask | None, memory: AnswerStore | None) -> None:
        self._ask = ask
        self._memory = memory
        self._answers: dict[str, ReadOptions] = {}

    def read(self, source: Source) -> SpectrumImage | None:
        """Return the image of a file, or None if the user cancels."""
        try:
            return source.read()
        except FormatError as error:
            ask = self._ask or (_dialog() if can_ask() else None)
            question = None if ask is None else question_about(source, error)
            if ask is None or question is None:
                raise
        answer = self._answer(ask, question)
        return None if answer is None else source.read(answer)

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
        return False  # there is no window, and finding out must not import Qt
    from qtpy.QtCore import QThread
    from qtpy.QtWidgets import QApplication

    application = QApplication.instance()
    return application is not None and application.thread() == QThread.currentThread()


def _attend() -> None:
    """Load what stays on disk in the background, and show it at its strongest line."""
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


def _claimed(file: str) -> Source | None:
    """Return a file of spectra, or one of arrays about which the user can be asked."""
    try:
        source = recognise(file)
    except (FormatError, OSError):
        return None  # perhaps a file of another plugin
    if source.is_sure or not (can_ask() and source.is_hdf5):
        return source if source.is_sure else None
    try:
        return source if source.datasets() else None
    except (FormatError, OSError):
        # napari reads no HDF5: it would say that no plugin can, and not that the file is damaged.
        return source
