"""What a format is: how its files are recognised, read and written."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from napari_xrf_denoise.core.spectrum_image import SpectrumImage
from napari_xrf_denoise.io.options import ReadOptions

from .contents import FileContents


def _nothing(path: Path) -> str | None:
    return None


def _never(path: Path) -> bool:
    return False


@dataclass(frozen=True, kw_only=True)
class Layout:
    """A family of files; the module that reads it ends in its ``LAYOUT``."""

    name: str
    """Short name, as `sniff` returns it."""
    description: str
    """For a list of formats."""
    read: Callable[[Path, ReadOptions], FileContents]
    recognise: Callable[[Path], str | None] = _nothing
    """``recognise(path)`` returns the evidence in the content that a file surely holds spectra in
    this layout, or None. It may raise on a damaged file."""
    opens: Callable[[Path], bool | None] = _never
    """``opens(path)`` is true if a file can be read in this layout on request, perhaps with options
    that say what the file does not. Ordinary images and tables are among them."""
    has_datasets: bool = False
    """Whether the option ``dataset`` has a meaning."""
    reads_any_dataset: bool = False
    """Whether it handles every ``dataset`` of an HDF5 file itself. Otherwise a named dataset is
    read with the axes and energies that NeXus attributes give it, whatever the layout."""
    shares_files: bool = False
    """Whether a file may hold counts in this layout beside counts in another."""
    names_all: bool = False
    """Whether it marks its counts with NeXus attributes more than once, or lists them itself: the
    marked datasets are then not named again as further counts."""
    write: Callable[[Path, SpectrumImage], None] | None = None
    """``write(path, image)`` makes a new file."""
    suffixes: tuple[str, ...] = ()
    """Endings of the names that `write` takes."""
    folder: Callable[[Path], bool] | None = None
    """If `write` makes a folder: ``folder(path)`` is true of one that it made, which may be
    replaced."""
    check_packages: Callable[[Path], object] | None = None
    """``check_packages(path)`` raises a MissingDependencyError if `write` would."""

    def evidence(self, path: Path) -> str | None:
        """Return why a file surely has this layout, None also for a damaged or foreign file."""
        try:
            return self.recognise(path)
        except Exception:
            return None  # on request, `read` says what is wrong with the file

    def can_open(self, path: Path) -> bool:
        """Whether a file can be read on request; a damaged one cannot."""
        try:
            return bool(self.opens(path))
        except Exception:
            return False


@dataclass(frozen=True, eq=False)
class StoredArray:
    """An array of numbers in a file, which may hold the counts."""

    dataset: str
    """Its path in the file, empty if the file holds one array."""
    shape: tuple[int, ...]
    dtype: str
    open: Callable[[], tuple[Any, Sequence[int] | None]]
    """Returns the array, to be indexed by slices, and the lengths of its blocks on disk or None."""

    def __str__(self) -> str:
        return f"{self.dataset} {self.shape} {self.dtype}"
