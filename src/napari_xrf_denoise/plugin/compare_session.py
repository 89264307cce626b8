"""Computes residuals for the Compare dock: no widget in here, only the model and a thread."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from napari_xrf_denoise import __version__
from napari_xrf_denoise.denoising.progress import Watch
from napari_xrf_denoise.errors import Cancelled, DataError
from napari_xrf_denoise.layers import (
    image_from_layer_data,
    layer_attributes,
    layer_energy,
    picture_data,
)
from napari_xrf_denoise.spectrum_image import SpectrumImage

from .background_job import BackgroundJob
from .compare_model import CompareModel
from .compare_residuals import (
    CHANCE,
    OTHER_TOTAL,
    ResidualSpectrum,
    residuals,
    window_channels,
    window_words,
)
from .source_place import place_of

COLORMAP = "coolwarm"
KEPT = 0.05
"""Standard deviations below which a residual map shows nothing."""
LIMIT = 5.0
"""Standard deviations at the ends of the colours."""


class CompareSession:
    """Starts, watches and stops one computation at a time.

    Parameters
    ----------
    model : CompareModel
    add_layer : callable
        ``add_layer(data, attributes)``, called on the thread that polls.
    """

    def __init__(
        self, model: CompareModel, add_layer: Callable[[Any, dict[str, Any]], object]
    ) -> None:
        self._model = model
        self._add_layer = add_layer
        self._job: BackgroundJob | None = None
        self._pair: tuple[Any, Any] = (None, None)
        self._finish: Callable[[Any], None] = lambda result: None

    def start(self) -> None:
        """Compute the residuals of the chosen pair and window.

        From here on it has its own view of the counts: what happens to the layers does not
        matter any more.
        """
        model = self._model
        if self._job is not None or model.problem():
            return
        window = model.window()
        try:
            axis = layer_energy(model.before)
            channels = window_channels(axis, window)
        except DataError as error:
            self._end(str(error), "error")
            return
        words = window_words(axis, window)
        is_map = bool({"y", "x"} & set(model.before.axis_labels))
        place = place_of(model.before) if is_map else {}
        # Taken on the main thread: the thread that computes may not touch a layer.
        counts = [(layer.data, layer_attributes(layer)) for layer in model.pair]
        self._pair = model.pair

        def work(on_progress: Any, should_stop: Callable[[], bool]) -> Any:
            before, after = (image_from_layer_data(*one) for one in counts)
            found = residuals(before, after, channels, Watch(on_progress, should_stop))
            return before, after, *found

        def finish(result: Any) -> None:
            before, after, picture, spectrum = result
            if before.is_map:
                data, attributes = _layer(before, after, picture, words)
                self._add_layer(data, attributes | place)
            if model.pair == self._pair:
                model.residuals = spectrum
            self._end(_report(before, after, picture, spectrum, words), "done")

        self._finish = finish
        self._job = BackgroundJob(work, "xrf-compare")
        model.outcome, model.outcome_kind = "", "none"
        model.stage, model.fraction, model.seconds_left = "starting", 0.0, None
        model.status = "running"
        self._job.start()

    def stop(self) -> None:
        """Ask the computation to end."""
        if self._job is not None:
            self._job.stop()
            self._model.stage = "stopping"
            self._model.status = "stopping"

    def poll(self) -> None:
        """Show how far the computation is; when it has ended, show what came of it."""
        job, model = self._job, self._model
        if job is None:
            return
        if job.progress is not None and model.status == "running":
            model.stage = job.progress.stage
            model.fraction = job.progress.fraction
            model.seconds_left = job.progress.seconds_left
        if not job.is_done:
            return
        if model.status == "stopping" or isinstance(job.error, Cancelled):
            self._end("Stopped. No layer was added.", "stopped")
        elif isinstance(job.error, DataError):
            self._end(str(job.error), "error")
        elif isinstance(job.error, MemoryError):
            self._end(f"Not enough memory ({job.error}). Close other layers, or crop.", "error")
        elif job.error is not None:
            self._end(
                f"{type(job.error).__name__}: {job.error}. No layer was added; please report "
                "this as a bug.",
                "error",
            )
        else:
            self._finish(job.result)

    def _end(self, outcome: str, kind: Any) -> None:
        # What holds the counts of layers, which may be closed, is let go.
        self._job, self._pair, self._finish = None, (None, None), lambda result: None
        model = self._model
        model.outcome, model.outcome_kind = outcome, kind
        model.stage, model.fraction, model.seconds_left = "", 0.0, None
        model.status = "idle"


def _layer(
    before: SpectrumImage, after: SpectrumImage, picture: Any, words: str
) -> tuple[Any, dict[str, Any]]:
    record = {
        "before": before.name,
        "after": after.name,
        "window": words,
        "unit": "standard deviations of the raw counts",
        "version": __version__,
    }
    name = f"Residual of {after.name}, {words} (standard deviations)"
    data, attributes, _ = picture_data(before, picture, name, {"residual": record})
    attributes["contrast_limits"] = (-LIMIT, LIMIT)
    attributes["colormap"] = COLORMAP
    return data, attributes


def _report(
    before: SpectrumImage,
    after: SpectrumImage,
    picture: Any,
    spectrum: ResidualSpectrum,
    words: str,
) -> str:
    lines = []
    if before.is_map:
        beyond = float(np.mean(np.abs(picture) > CHANCE))
        lines.append(
            f"Residual map added ({words}): {100 * beyond:.2g} % of the pixels beyond "
            f"± {CHANCE:g} standard deviations; chance alone gives about "
            f"{100 * spectrum.chance:.2g} % at these counts."
        )
        if float(np.abs(picture).max()) < KEPT:
            lines.append(
                "Each pixel kept its counts in this window, as some methods do with totals; "
                "choose the window of a line to see more."
            )
    else:
        lines.append("Residual spectrum drawn; a single spectrum has no map.")
    if abs(spectrum.count_ratio - 1) > OTHER_TOTAL:
        lines.append(
            f"Careful: “{after.name}” holds {spectrum.count_ratio:.3f} times the counts of "
            f"“{before.name}” (repeats as their {before.combination}). It may be the result of "
            "other repeats."
        )
    if not spectrum.is_photons:
        lines.append(
            "Careful: the raw counts are not whole numbers, so that their standard deviations "
            "may not be those of photons."
        )
    return "\n".join(lines)
