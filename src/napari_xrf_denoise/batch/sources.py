"""The files of a batch, and how they are read."""

from __future__ import annotations

import glob
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from napari_xrf_denoise.core.errors import SettingsError
from napari_xrf_denoise.core.spectrum_image import SpectrumImage
from napari_xrf_denoise.io.api import read_quietly

from .results import DOUBLE_SUFFIXES, is_result_name

READABLE = (
    *(".h5", ".hdf5", ".nxs", ".tif", ".tiff", ".csv", ".bcf", ".hspy", ".emd", ".pts", ".spd"),
    *(".elid", ".edf", ".rpl", ".mca", ".msa", ".emsa", ".spec", ".zarr", ".zspy"),
)
"""Endings of files taken from a folder; single files may have any name."""


class Sources:
    """How the files of a batch are read: each whole, with the same options.

    A subclass may know more about single files. The options belong to a result's record: the same
    file read in another way is another job.

    Parameters
    ----------
    **options
        As `napari_xrf_denoise.read` takes them, for files that do not describe themselves.

    Examples
    --------
    >>> Sources(energy_axis=0, energy_gain=0.01).read_options(Path("cube.npy"))
    {'energy_axis': 0, 'energy_gain': 0.01}
    """

    def __init__(self, **options: Any) -> None:
        self._options = options

    def read(self, path: Path) -> SpectrumImage:
        """Return the counts of a file."""
        return read_quietly(path, **self._options)

    def read_options(self, path: Path) -> Mapping[str, Any]:
        """Return the options with which a file was read, as plain values."""
        return self._options

    def is_unchanged(self, path: Path, before: Mapping[str, Any]) -> bool:
        """Whether a file is read with the options of an earlier result."""
        return dict(before) == dict(self.read_options(path))


def files_of(path: Path) -> list[Path]:
    """Return a file, or the files of a folder that may hold counts and are not results.

    Only names are checked: other files are refused when they are read.
    """
    if not path.is_dir() or path.suffix.lower() in READABLE:
        return [path]
    return sorted(
        entry
        for entry in path.iterdir()
        if entry.name.lower().endswith((*READABLE, *DOUBLE_SUFFIXES))
        and not entry.name.startswith(".")
        and not is_result_name(entry)
    )


def find_files(entries: Iterable[Path]) -> list[Path]:
    """Return the files of names, folders and patterns (``*``, ``?``, ``[…]``), each once.

    Patterns do not match results of denoising. An entry without files raises SettingsError.

    >>> find_files([Path("b.h5"), Path("a.h5"), Path("b.h5")]) == [Path("b.h5"), Path("a.h5")]
    True
    """
    found: dict[Path, None] = {}
    for entry in entries:
        files = files_of(entry)
        if not entry.exists() and glob.has_magic(str(entry)):
            matches = map(Path, sorted(glob.glob(str(entry), recursive=True)))  # noqa: PTH207 - absolute, too
            files = [path for path in matches if not is_result_name(path)]
        if not files:
            raise SettingsError(
                f"{entry}: no file of spectra or maps; give files, or a folder or pattern with "
                f"files ending in {', '.join(READABLE)}"
            )
        found.update(dict.fromkeys(files))
    return list(found)
