"""Runs the engine for the Denoise dock: no widget in here, only the model, layers and a thread.

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

from napari_xrf_denoise.core.errors import FormatError, in_words
from napari_xrf_denoise.core.progress import Progress
from napari_xrf_denoise.core.spectrum_image import SpectrumImage
from napari_xrf_denoise.denoising import Denoised, Model, denoise
from napari_xrf_denoise.layers.convert import (
    image_from_layer_data,
    layer_attributes,
    layer_data,
    moved_like,
)
from napari_xrf_denoise.plugin.common.jobs import (
    BackgroundJob,
    Outcome,
    RunSession,
    Work,
    load_torch,
)
from napari_xrf_denoise.plugin.common.window_words import in_window

from .call import Call, Trained
from .history import HistoryKeeper
from .model import DenoiseModel

LOADING = "Loading torch…"
MAP_AXES = ("energy", "y", "x")
LEAST_MEASURED = 3.0
"""Seconds of a run that is long enough to judge the speed of the machine."""
SHOWN_EVERY = 5
"""Polls from one that is shown to the next: drawing may take the processor from the run."""
AddLayer = Callable[[Any, Mapping[str, Any]], object]


class DenoiseSession(RunSession):
    """Runs `denoise`, or an engine in its place, on the layers of the model."""

    model: DenoiseModel

    def __init__(
        self, model: DenoiseModel, add_layer: AddLayer, engine: Callable[..., Denoised] = denoise
    ) -> None:
        super().__init__(model)
        self._add_layer = add_layer
        self.engine = engine
        self._place: dict[str, Any] = {}
        self._history = HistoryKeeper()
        self._looks = 0
        self._is_added = False
        self._speed_key = ("", "")
        self._counts: tuple[SpectrumImage, ...] = ()
        self._began = 0.0
        self._expected = self._took = 0.0

    def prepare(self) -> bool:
        """Take the data of the chosen layers; return whether the run can start.

        From here on it does not matter what happens to the layers.
        """
        model = self.model
        model.preview = None
        plan = model.plan()
        if plan.problem:
            self.end(plan.problem, "error")
            return False
        self._place = moved_like(model.sources[0], MAP_AXES)
        self._history, self._looks = HistoryKeeper(), 0
        self._expected = 0.0 if plan.cost is None else plan.cost.seconds
        self._speed_key = model.speed_key(plan)
        taken = [(layer.data, layer_attributes(layer)) for layer in model.sources]
        self.job = BackgroundJob(self._work(model.call(plan), taken), "xrf-denoise")
        model.history = {}
        self._set("starting" if "torch" in sys.modules else LOADING, "loading")
        return True

    def start(self) -> None:
        """Begin the run that was prepared, unless it was stopped in the meantime."""
        if self.job is not None and self.model.status == "loading":
            self._began = time.monotonic()
            self.job.start()
            self.model.status = "running"

    def stop(self) -> None:
        """Ask the run to end."""
        if self.job is not None and self.model.status == "loading":
            self.end(self.STOPPED, "stopped")
            return
        super().stop()

    def poll(self) -> bool:
        """Show how far the run is; when it has ended, add its layer or say why there is none."""
        if self.model.status == "loading":
            self.start()
            return False
        return super().poll()

    def look(self, job: BackgroundJob) -> None:
        """Take over figures and pictures of the run."""
        if job.progress is None or self.model.status != "running":
            return
        self._history.add(job.progress)
        if self._looks % SHOWN_EVERY == 0:
            super().look(job)
            self._show(job.progress)
        self._looks += 1

    def conclude(self, job: BackgroundJob) -> None:
        """Add the layer; at the next poll, since napari takes a while for that, the report."""
        if self._is_added:
            self.end(self._report(job.result), "report")
        elif job.error is not None or self.model.status == "stopping":
            super().conclude(job)
        else:
            try:
                self._add(job.result)
            except Exception as error:
                # Else it would be tried again at every poll.
                self.end(in_words(error), "error")

    def end(self, outcome: str, kind: Outcome) -> None:
        """Let go of the run and its counts, and show its outcome."""
        self._counts, self._is_added = (), False
        self.model.preview, self.model.counts = None, ()
        super().end(outcome, kind)

    def open_model(self, path: str | Path) -> None:
        """Read a model's file and choose it; an error becomes the outcome."""
        path = Path(path)
        try:
            trained = Trained(path.name, Model.load(path), path)
        except (FormatError, OSError) as error:
            self.model.outcome, self.model.outcome_kind = str(error), "error"
            return
        self.model.offer(trained, choose=True)

    def save_model(self, path: str | Path, *, overwrite: bool = False) -> None:
        """Write the last run's model; the outcome gets a line about it."""
        model = self.model
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
        model = self.model
        # Written by the thread, shown from here on.
        model.counts = self._counts
        # Pictures and curves are drawn in turn, so that the window is never long at it.
        if self._looks // SHOWN_EVERY % 2 == 0:
            if progress.preview is not None and progress.preview is not model.preview:
                model.preview = progress.preview
        elif (history := self._history.history()) != model.history:
            model.history = history

    def _add(self, result: Denoised) -> None:
        self._took = time.monotonic() - self._began
        data, attributes, _ = layer_data(result.image)
        if tuple(attributes["axis_labels"]) == MAP_AXES:
            # The result lies where its source lay, also when that was moved or turned by the user.
            attributes |= self._place
        self._add_layer(data, attributes)
        self._is_added = True

    def _report(self, result: Denoised) -> str:
        model = self.model
        if self._expected and self._took > LEAST_MEASURED:
            before = model.speeds.get(self._speed_key, 1.0)
            factor = before * self._took / self._expected
            model.speeds = {**model.speeds, self._speed_key: factor}
        model.history = self._history.history()
        model.result = result
        model.offer(Trained(f"that of {result.image.name}", result.model))
        return _report_text(result)


def _report_text(result: Denoised) -> str:
    report = result.report
    summary = report.summary()
    lines = [summary[0].upper() + summary[1:] + "."]
    if report.dose_gain > 0 and math.isfinite(report.dose_gain_interval[1]):
        lines.append(f"Equivalent to measuring {report.dose_gain:.1f} times longer.")
    if report.measured_by and report.measured_by not in summary:
        lines.append(f"Estimated from: {report.measured_by}.")
    lines.append(f"Counts: the result holds {100 * report.count_ratio:.2f} % of the raw counts.")
    lines += [f"Warning: {in_window(text)}" for text in report.warnings]
    lines.append(f"Added as layer “{result.image.name}”.")
    return "\n".join(lines)
