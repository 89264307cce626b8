"""Runs the engine for the Denoise panel: no widget in here, only the model, layers and a thread.

A thread, not a process: counts need not be copied, models and results need not be sent back, and
the window stays alive, since torch lets go of the interpreter while it computes
(docs/benchmarks.md, "The window while it works").
"""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from napari_xrf_denoise.core.errors import Cancelled, DataError, FormatError, SettingsError
from napari_xrf_denoise.core.progress import Progress
from napari_xrf_denoise.core.spectrum_image import SpectrumImage
from napari_xrf_denoise.denoising import Denoised, Model, denoise
from napari_xrf_denoise.layers.convert import (
    image_from_layer_data,
    layer_attributes,
    layer_data,
    moved_like,
)
from napari_xrf_denoise.plugin.common.jobs import BackgroundJob, Work, load_torch

from .call import Call, Trained
from .history import HistoryKeeper
from .model import DenoiseModel

LOADING = "Loading torch…"
MAP_AXES = ("energy", "y", "x")
LEAST_MEASURED = 3.0
"""Seconds of a run from which it tells how fast the machine is."""
SHOWN_EVERY = 5
"""Looks at a run from one that is shown to the next: drawing may take the processor from it."""
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
        self._place: dict[str, Any] = {}
        self._course = HistoryKeeper()
        self._looks = 0
        self._is_added = False
        self._speed_key = ("", "")
        self._counts: tuple[SpectrumImage, ...] = ()
        self._began = 0.0
        self._expected = self._took = 0.0

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
        model.outcome, model.outcome_kind, model.preview = "", "none", None
        plan = model.plan()
        if plan.problem:
            self._end(plan.problem, "error")
            return False
        first = model.sources[0]
        self._place = moved_like(first, MAP_AXES)
        self._course, self._looks = HistoryKeeper(), 0
        self._expected = 0.0 if plan.cost is None else plan.cost.seconds
        self._speed_key = model.speed_key(plan)
        taken = [(layer.data, layer_attributes(layer)) for layer in model.sources]
        self._job = BackgroundJob(self._work(model.call(plan), taken), "xrf-denoise")
        model.history, model.fraction, model.seconds_left = {}, 0.0, None
        model.stage = "starting" if "torch" in sys.modules else LOADING
        model.status = "loading"
        return True

    def start(self) -> None:
        """Begin the run that was prepared, unless it was stopped in the meantime."""
        if self._job is not None and self._model.status == "loading":
            self._began = time.monotonic()
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
        if job.progress is not None and self._model.status == "running":
            self._course.add(job.progress)
            if self._looks % SHOWN_EVERY == 0:
                self._show(job.progress)
            self._looks += 1
        if not job.is_done:
            return
        if self._is_added:
            self._conclude(job.result)
        elif self._model.status == "stopping" or isinstance(job.error, Cancelled):
            self._end("Stopped. No layer was added.", "stopped")
        elif job.error is not None:
            self._end(_in_words(job.error), "error")
        else:
            self._add(job.result)

    def open_model(self, path: str | Path) -> None:
        """Read a model's file and choose it; what is wrong with it becomes the outcome."""
        path = Path(path)
        try:
            trained = Trained(path.name, Model.load(path), path)
        except (FormatError, OSError) as error:
            self._model.outcome, self._model.outcome_kind = str(error), "error"
            return
        self._model.offer(trained, choose=True)

    def save_model(self, path: str | Path, *, overwrite: bool = False) -> None:
        """Write the last run's model; what came of it becomes the outcome's last line."""
        model = self._model
        assert model.result is not None
        try:
            saved = model.result.model.save(path, overwrite=overwrite)
        except (FormatError, OSError) as error:
            model.outcome += f"\nThe model was not saved: {error}"
            return
        model.outcome += f"\nModel saved as {saved}."
        model.offer(Trained(saved.name, model.result.model, saved))

    def _work(self, call: Call, taken: Sequence[tuple[Any, Mapping[str, Any]]]) -> Work:
        def work(on_progress: Any, should_stop: Callable[[], bool]) -> Denoised:
            load_torch()
            from napari_xrf_denoise.denoising.device import threads

            images = [image_from_layer_data(data, attributes) for data, attributes in taken]
            self._counts = tuple(images)
            data: SpectrumImage | list[SpectrumImage] = images[0] if len(images) == 1 else images
            with threads(call.threads):
                return call.run(data, self.engine, on_progress=on_progress, should_stop=should_stop)

        return work

    def _show(self, progress: Progress) -> None:
        model = self._model
        model.stage = progress.stage
        model.fraction = progress.fraction
        model.seconds_left = progress.seconds_left
        # Written by the thread, shown from here on.
        model.counts = self._counts
        # Pictures and curves are drawn in turn, so that the window is never long at it.
        if self._looks // SHOWN_EVERY % 2 == 0:
            if progress.preview is not None and progress.preview is not model.preview:
                model.preview = progress.preview
        elif (history := self._course.history()) != model.history:
            model.history = history

    def _add(self, result: Denoised) -> None:
        # And nothing else: napari takes a while for that. The next look tells what came of it.
        self._took = time.monotonic() - self._began
        data, attributes, _ = layer_data(result.image)
        if tuple(attributes["axis_labels"]) == MAP_AXES:
            # The result lies where its source lay, also when that was moved or turned by hand.
            attributes |= self._place
        try:
            self._add_layer(data, attributes)
        except Exception as error:
            # Else it would be tried again at every look.
            self._end(_in_words(error), "error")
            return
        self._is_added = True

    def _conclude(self, result: Denoised) -> None:
        model = self._model
        if self._expected and self._took > LEAST_MEASURED:
            before = model.speeds.get(self._speed_key, 1.0)
            factor = before * self._took / self._expected
            model.speeds = {**model.speeds, self._speed_key: factor}
        model.history = self._course.history()
        model.result = result
        model.offer(Trained(f"that of {result.image.name}", result.model))
        self._end(_report(result), "report")

    def _end(self, outcome: str, kind: Any) -> None:
        self._job, self._counts = None, ()
        self._is_added = False
        model = self._model
        model.outcome, model.outcome_kind = outcome, kind
        model.stage, model.fraction, model.seconds_left = "", 0.0, None
        model.preview, model.counts = None, ()
        model.status = "idle"


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
    if report.measured_by and report.measured_by not in summary:
        lines.append(f"Measured by: {report.measured_by}.")
    lines.append(f"Counts: the result holds {100 * report.count_ratio:.2f} % of the raw counts.")
    lines += [f"Warning: {text}" for text in report.warnings]
    lines.append(f"Added as layer “{result.image.name}”.")
    return "\n".join(lines)
