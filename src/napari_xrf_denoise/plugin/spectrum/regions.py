"""The sums over shapes and labels for one spectral layer, kept up to date in a thread."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_xrf_denoise.core.spectrum_image import SpectrumImage
from napari_xrf_denoise.layers.regions import DrawnRegions
from napari_xrf_denoise.plugin.common.jobs import BackgroundJob
from napari_xrf_denoise.processing.spectra import PixelSums, region_sums

from .merge_spectrum_regions import RegionKey, take_regions


@dataclass(frozen=True, eq=False)
class RegionSums:
    """The sums of each region.

    Parameters
    ----------
    sums : dict
        By region.
    masks : dict
        The pixels that they are of.
    is_cut : bool
        Whether more regions are drawn than are summed.
    """

    sums: dict[RegionKey, PixelSums] = field(default_factory=dict)
    masks: dict[RegionKey, NDArray[np.bool_]] = field(default_factory=dict)
    is_cut: bool = False


class RegionWatcher:
    """Adds up the counts of regions whenever they change.

    Parameters
    ----------
    image : SpectrumImage
    """

    def __init__(self, image: SpectrumImage) -> None:
        self._image = image
        self._latest = RegionSums()
        self._of: tuple[Any, ...] = ()
        self._job: BackgroundJob | None = None
        self.problem = ""

    @property
    def is_waiting(self) -> bool:
        """Whether something is being added up."""
        return self._job is not None

    def want(self, drawn: Sequence[DrawnRegions]) -> RegionSums:
        """Return the sums of these regions, or until those are there the ones before."""
        of = tuple(layer.signature for layer in drawn)
        if of != self._of:
            self._of = of
            self.stop()
            image, known = self._image, self._latest
            self._job = BackgroundJob(
                lambda _, stop: sums_of(image, drawn, known, stop), "xrf-sum-regions"
            )
            self._job.start()
            # Small maps are done at once, so that curves move with the shapes.
            self._job.wait(0.01)
        if self._job is not None and self._job.is_done:
            self.problem = "" if self._job.error is None else str(self._job.error)
            self._latest = self._job.result or RegionSums()
            self._job = None
        return self._latest

    def stop(self) -> None:
        """Leave sums unfinished."""
        if self._job is not None:
            self._job.stop()
        self._job = None


def sums_of(
    image: SpectrumImage,
    drawn: Sequence[DrawnRegions],
    known: RegionSums | None = None,
    should_stop: Callable[[], bool] = lambda: False,
) -> RegionSums:
    """Return the sums of drawn regions; those whose pixels are known are not added up again.

    Parameters
    ----------
    image : SpectrumImage
    drawn : sequence of DrawnRegions
    known : RegionSums, optional
        Of the same image, earlier.
    should_stop : callable, optional
        Asked at every band.

    Raises
    ------
    Cancelled
        If `should_stop` returned True.
    DataError
        If counts on disk cannot be used.
    """
    known = known or RegionSums()
    masks, is_cut = take_regions(drawn, image.shape[1:3])
    same = {
        key
        for key, mask in masks.items()
        if key in known.sums and np.array_equal(known.masks[key], mask)
    }
    new = [key for key in masks if key not in same]
    fresh = dict(
        zip(new, region_sums(image, [masks[key] for key in new], should_stop), strict=True)
    )
    sums = {key: known.sums[key] if key in same else fresh[key] for key in masks}
    return RegionSums(sums, masks, is_cut)
