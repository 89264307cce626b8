"""Computes residuals for the Compare dock: no widget in here, only the model and a thread."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from napari_xrf_denoise.core.errors import Cancelled, DataError
from napari_xrf_denoise.layers.convert import image_from_layer_data, layer_attributes
from napari_xrf_denoise.layers.geometry import layer_transform
from napari_xrf_denoise.plugin.common.jobs import BackgroundJob
from napari_xrf_denoise.processing.residuals import StandardResiduals, standard_residuals

from .model import CompareModel


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
        problem, window = model.window_problem(), model.window()
        if problem:
            self._end(problem, "error")
            return
        is_map = bool({"y", "x"} & set(model.before.axis_labels))
        place = layer_transform(model.before) if is_map else {}
        # Taken on the main thread: the thread that computes may not touch a layer.
        counts = [(layer.data, layer_attributes(layer)) for layer in model.pair]
        self._pair = model.pair

        def work(on_progress: Any, should_stop: Callable[[], bool]) -> StandardResiduals:
            before, after = (image_from_layer_data(*one) for one in counts)
            return standard_residuals(
                before, after, window=window, on_progress=on_progress, should_stop=should_stop
            )

        def finish(found: StandardResiduals) -> None:
            if found.raw.is_map:
                data, attributes, _ = found.layer_data()
                self._add_layer(data, attributes | place)
                done = "Residual map added."
            else:
                done = "Residual spectrum drawn; a single spectrum has no map."
            if model.pair == self._pair:
                model.residuals = found
            self._end(f"{done} {found.summary()}".rstrip(), "done")

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
