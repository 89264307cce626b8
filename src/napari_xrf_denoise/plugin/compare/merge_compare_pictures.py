"""The pictures of two layers at one energy, read beside the window, without Qt."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from napari_xrf_denoise.core.spectrum_image import SpectrumImage
from napari_xrf_denoise.plugin.common.jobs import BackgroundJob

Pictures = tuple[NDArray[np.float32], NDArray[np.float32]]
Wanted = tuple[SpectrumImage, SpectrumImage, int]


class EnergyPictures:
    """The pictures of a pair of spectrum images at the energy that is wanted."""

    def __init__(self) -> None:
        self.latest: Pictures | None = None
        self.problem = ""
        self._wanted: Wanted | None = None
        self._read: Wanted | None = None
        self._reading: Wanted | None = None
        self._job: BackgroundJob | None = None

    @property
    def is_waiting(self) -> bool:
        """Whether pictures are being read."""
        return self._job is not None

    def want(self, before: SpectrumImage, after: SpectrumImage, channel: int) -> None:
        """Read these pictures, unless they are there; older ones stay until they are."""
        wanted = (before, after, channel)
        if not _is_same(wanted, self._wanted):
            self._wanted = wanted
        self.poll()

    def poll(self) -> bool:
        """Take over what was read; return whether nothing is waited for."""
        job = self._job
        if job is not None and job.is_done:
            self._job = None
            self._read = self._reading
            self.problem = "" if job.error is None else str(job.error)
            self.latest = job.result
        if self._job is None and self._wanted and not _is_same(self._wanted, self._read):
            before, after, channel = self._reading = self._wanted
            self._job = BackgroundJob(
                lambda *_: (picture_at(before, channel), picture_at(after, channel)),
                "xrf-compare-pictures",
            )
            self._job.start()
            # Counts in memory are there at once, so that nothing flickers.
            if self._job.wait(0.02):
                return self.poll()
        return self._job is None

    def forget(self) -> None:
        """Forget the pictures, and those that are being read."""
        self._job = self._wanted = self._read = self._reading = self.latest = None
        self.problem = ""


def picture_at(image: SpectrumImage, channel: int) -> NDArray[np.float32]:
    """Return the counts of a channel, repeats combined, shape (y, x)."""
    repeats = np.asarray(image.counts[:, :, :, channel])
    combined: NDArray[np.float64] = repeats.sum(axis=0, dtype=np.float64)
    if image.combination == "mean":
        combined /= len(repeats)
    return combined.astype(np.float32)


def compose(pictures: Pictures, share: float) -> NDArray[np.float32]:
    """Return a picture whose left part, a share of its width, is the first one."""
    before, after = pictures
    cut = round(share * before.shape[1])
    composed: NDArray[np.float32] = np.concatenate([before[:, :cut], after[:, cut:]], axis=1)
    return composed


def _is_same(one: Wanted, other: Wanted | None) -> bool:
    return other is not None and (one[0] is other[0] and one[1] is other[1] and one[2] == other[2])
