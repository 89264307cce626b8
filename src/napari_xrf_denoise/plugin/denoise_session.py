"""Runs the engine for the Denoise panel: no widget in here, only the model, layers and a thread."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from napari_xrf_denoise.denoising import Denoised, denoise
from napari_xrf_denoise.errors import Cancelled, DataError, SettingsError
from napari_xrf_denoise.layers import image_from_layer, layer_data
from napari_xrf_denoise.spectrum_image import SpectrumImage

from .background_job import BackgroundJob, Work
from .denoise_model import DenoiseModel

LOADING = "Loading torch…"
AddLayer = Callable[[Any, Mapping[str, Any]], object]


class DenoiseSession:
    """Starts, watches and stops one run at a time.

    Parameters
    ----------
    model : DenoiseModel
    add_layer : callable
        ``add_layer(data, attributes)``, called on the thread that polls.
    engine : callable
        `napari_xrf_denoise.denoise`, or what stands in for it.
    """

    def __init__(
        self, model: DenoiseModel, add_layer: AddLayer, engine: Callable[..., Denoised] = denoise
    ) -> None:
        self._model = model
        self._add_layer = add_layer
        self.engine = engine
        self._job: BackgroundJob | None = None
        self._place: dict[str, float] = {}

    @property
    def job(self) -> BackgroundJob | None:
        """The run that is going on."""
        return self._job

    def prepare(self) -> bool:
        """Take the data of the chosen layers; return whether the run can start.

        From here on the run has its own view of the counts: what happens to the layers does not
        matter any more.
        """
        model = self._model
        model.outcome, model.outcome_kind = "", "none"
        try:
            images = [image_from_layer(layer) for layer in model.sources]
        except DataError as error:
            self._end(str(error), "error")
            return False
        first = model.sources[0]
        self._place = dict(zip(first.axis_labels, map(float, first.translate), strict=True))
        data: SpectrumImage | list[SpectrumImage] = images[0] if len(images) == 1 else images
        settings = {"method": model.method, "preset": model.preset}
        self._job = BackgroundJob(_work(self.engine, data, settings), "xrf-denoise")
        model.fraction, model.seconds_left = 0.0, None
        model.stage = "starting" if "torch" in sys.modules else LOADING
        model.status = "loading"
        return True

    def start(self) -> None:
        """Begin the run that was prepared, unless it was stopped in the meantime."""
        if self._job is not None and self._model.status == "loading":
            self._job.start()
            self._model.status = "running"

    def stop(self) -> None:
        """Ask the run to end."""
        if self._job is None:
            return
        self._job.stop()
        if self._model.status == "loading":
            self._end("Stopped. No layer was added.", "stopped")
            return
        self._model.stage = "stopping"
        self._model.status = "stopping"

    def poll(self) -> None:
        """Show how far the run is; when it has ended, add its layer or say why there is none."""
        job = self._job
        if job is None:
            return
        if self._model.status == "loading":
            self.start()
            return
        progress = job.progress
        if progress is not None and self._model.status == "running":
            self._model.stage = progress.stage
            self._model.fraction = progress.fraction
            self._model.seconds_left = progress.seconds_left
        if not job.is_done:
            return
        if self._model.status == "stopping" or isinstance(job.error, Cancelled):
            self._end("Stopped. No layer was added.", "stopped")
        elif job.error is not None:
            self._end(_in_words(job.error), "error")
        else:
            self._finish(job.result)

    def _finish(self, result: Denoised) -> None:
        data, attributes, _ = layer_data(result.image)
        # The result lies where its source lies, also when that was moved by hand.
        attributes["translate"] = [
            self._place.get(label, 0.0) if label in ("y", "x") else start
            for label, start in zip(attributes["axis_labels"], attributes["translate"], strict=True)
        ]
        self._add_layer(data, attributes)
        self._end(_report(result), "report")

    def _end(self, outcome: str, kind: Any) -> None:
        self._job = None
        model = self._model
        model.outcome, model.outcome_kind = outcome, kind
        model.stage, model.fraction, model.seconds_left = "", 0.0, None
        model.status = "idle"


def _work(engine: Callable[..., Denoised], data: Any, settings: Mapping[str, Any]) -> Work:
    def work(on_progress: Any, should_stop: Callable[[], bool]) -> Denoised:
        load_torch()
        run = partial(engine, on_progress=on_progress, should_stop=should_stop)
        return run(data, **settings)

    return work


def load_torch() -> None:
    """Import torch, which takes a moment, and say what to do where it cannot be.

    Raises
    ------
    ImportError
    """
    try:
        import torch  # noqa: F401
    except (ImportError, OSError) as error:
        raise ImportError(
            f"torch could not be loaded ({error}). Reinstall it with: pip install torch. On "
            "Windows torch must be loaded before Qt: start napari with "
            'python -c "import torch, napari; napari.Viewer(); napari.run()", and install the '
            "Microsoft Visual C++ Redistributable if that is not enough."
        ) from error


def _in_words(error: BaseException) -> str:
    if isinstance(error, DataError | SettingsError | ImportError):
        return str(error)
    if isinstance(error, MemoryError):
        return f"Not enough memory ({error}). Crop or rebin the map, or use a larger machine."
    return f"{type(error).__name__}: {error}. No layer was added; please report this as a bug."


def _report(result: Denoised) -> str:
    report = result.report
    summary = report.summary()
    lines = [summary[0].upper() + summary[1:] + "."]
    if report.dose_gain > 0 and math.isfinite(report.dose_gain_interval[1]):
        lines.append(f"As good as {report.dose_gain:.1f} times the measuring time.")
    if report.measured_by:
        lines.append(f"Measured by: {report.measured_by}.")
    lines.append(f"Counts: the result holds {100 * report.count_ratio:.2f} % of the raw counts.")
    lines += [f"Warning: {text}" for text in report.warnings]
    lines.append(f"Added as layer “{result.image.name}”.")
    return "\n".join(lines)
