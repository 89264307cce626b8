"""A file that was recognised: passed on from the first look at it to its counts."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from pathlib import Path

from napari_xrf_denoise.core.energy_axis import NO_CALIBRATION
from napari_xrf_denoise.core.errors import (
    CalibrationWarning,
    DataError,
    FormatError,
    SettingsError,
)
from napari_xrf_denoise.core.spectrum_image import SpectrumImage

from .base.contents import build
from .base.layout import Layout, StoredArray
from .base.signatures import has_hdf5_signature, kind_of_content
from .hdf5 import nxdata
from .hdf5.file import open_hdf5, stored_arrays
from .options import ReadOptions

_MOST_NAMED = 12


@dataclass(frozen=True)
class Source:
    """A file, the layout it has, and why; `recognise` makes it."""

    path: Path
    layout: Layout
    reason: str
    """The evidence for the layout in the file."""
    is_sure: bool
    """Whether the content surely is spectra. Otherwise the file can be read on request."""
    unasked: tuple[Layout, ...] = ()
    """Layouts that were not tried, in which the file may hold further counts."""

    def __str__(self) -> str:
        return f"{self.layout.name}: {self.layout.description} ({self.reason})"

    @property
    def is_hdf5(self) -> bool:
        """Whether the file is HDF5, of which any dataset can be read."""
        return has_hdf5_signature(self.path)

    def read(self, options: ReadOptions | None = None, *, stacklevel: int = 2) -> SpectrumImage:
        """Return the counts; options, errors and warnings are those of `read`."""
        options = options or ReadOptions()
        path, layout = self.path, self._layout_for(options)
        try:
            found = layout.read(path, options)
            others = [] if options.datasets else self._beside(found.dataset)
            image, fresh = build(found, path, options, others)
        except OSError as error:
            raise FormatError(
                f"{path}: reading failed ({error}); check the disk or the network and read it again"
            ) from error
        except MemoryError as error:
            raise DataError(
                f"{path}: does not fit into memory ({error}); read a smaller file, or convert it "
                "to .h5 on a larger machine"
            ) from error
        for text in fresh:
            category = CalibrationWarning if text == NO_CALIBRATION else UserWarning
            warnings.warn(f"{path}: {text}", category, stacklevel=stacklevel)
        return image

    def datasets(self) -> tuple[StoredArray, ...]:
        """Return the arrays that may hold the counts, the largest first."""
        if self.is_hdf5:
            return stored_arrays(self.path)
        try:
            counts = self.layout.read(self.path, ReadOptions()).counts
        except FormatError:
            # Some readers find the array only when they know which axis is the energy.
            counts = self.layout.read(self.path, ReadOptions(energy_axis=-1)).counts
        shape = tuple(int(length) for length in counts.shape)
        if not 1 <= len(shape) <= 4 or 0 in shape or counts.dtype.kind not in "iuf":
            return ()
        return (StoredArray("", shape, str(counts.dtype), lambda: (counts, None)),)

    def _layout_for(self, options: ReadOptions) -> Layout:
        """Return the layout to read in: a named dataset may have another than its file."""
        if not options.datasets or self.layout.reads_any_dataset:
            return self.layout
        if self.is_hdf5:
            return nxdata.LAYOUT
        if not self.layout.has_datasets:
            raise SettingsError(
                f"{self.path}: dataset={options.dataset!r} names a part of an HDF5, Zarr, SPEC or "
                f"vendor file, but this is {kind_of_content(self.path)}; leave it out"
            )
        return self.layout

    def _beside(self, dataset: str) -> list[str]:
        """Return a warning that names further counts in the file, if there are any."""
        others = self._others(dataset) if self.layout.shares_files else []
        if not others:
            return []
        more = f"; and {len(others) - _MOST_NAMED} more" if len(others) > _MOST_NAMED else ""
        return [
            f"the file was read as {self.layout.name}, and also holds other counts: "
            f"{'; '.join(others[:_MOST_NAMED])}{more}. Choose the ones you want with "
            "dataset='/path' (--dataset /path)"
        ]

    def _others(self, dataset: str) -> list[str]:
        present = [self.layout]
        found: list[str] = []
        with open_hdf5(self.path):  # HDF5 shares an open file, so that it is opened once for all
            for layout in self.unasked:
                if not layout.shares_files:
                    continue
                if layout is nxdata.LAYOUT and any(one.names_all for one in present):
                    continue
                reason = layout.evidence(self.path)
                if reason is not None:
                    present.append(layout)
                    found.append(reason)
            if self.layout.names_all:
                return found
            marked = nxdata.beside(self.path, dataset)
        return found + [one for one in marked if not any(one in reason for reason in found)]
