"""The sum spectrum of a layer, added up beside the window, without Qt."""

from __future__ import annotations

from typing import Any

from .jobs import BackgroundJob
from .merge_preview import Preview, preview_of


class SumSpectrum:
    """The sum spectrum of a bounded part of a layer, added up in a thread."""

    def __init__(self) -> None:
        self.preview: Preview | None = None
        self.words = ""
        self._of: tuple[Any, ...] | None = None
        self._job: BackgroundJob | None = None

    @property
    def is_waiting(self) -> bool:
        """Whether it is being added up."""
        return self._job is not None

    def want(self, layer: Any, energy_axis: int | None, repeat_axis: int | None) -> None:
        """Begin to add up, unless this is what was wanted before."""
        wanted = None if layer is None else (id(layer.data), energy_axis, repeat_axis)
        if wanted == self._of:
            return
        self.stop()
        self._of = wanted
        if layer is None or energy_axis is None:
            return
        data = layer.data
        self.words = "Adding up the spectra…"
        self._job = BackgroundJob(
            lambda _, should_stop: preview_of(
                data, energy_axis, repeat_axis, should_stop=should_stop
            ),
            "xrf-sum-spectrum",
        )
        self._job.start()

    def poll(self) -> bool:
        """Take over what is done; return whether nothing is waited for."""
        job = self._job
        if job is None:
            return True
        if not job.is_done:
            return False
        self._job = None
        if job.error is not None:
            self.words = str(job.error)
        else:
            self.preview = job.result
            self.words = job.result.words.replace("Preview", "Sum", 1)
        return True

    def stop(self) -> None:
        """Forget the spectrum, and one that is being added up."""
        if self._job is not None:
            self._job.stop()
        self._job = self.preview = self._of = None
        self.words = ""
