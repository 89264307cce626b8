"""HDF5 files of no known layout: the user names the dataset, and which axis is the energy."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from napari_xrf_denoise.core.errors import DataError, FormatError, SettingsError
from napari_xrf_denoise.io.base.contents import (
    FileContents,
    ask_for_energy_axis,
    existing_axis,
    place,
)
from napari_xrf_denoise.io.base.file_stack import stack
from napari_xrf_denoise.io.base.layout import Layout
from napari_xrf_denoise.io.base.signatures import has_hdf5_signature
from napari_xrf_denoise.io.options import ReadOptions

from .file import describe_candidates, open_hdf5, read_counts, refuse_lost_links
from .links import get_linked


def read(path: Path, options: ReadOptions) -> FileContents:
    """Read the dataset that the user named, or several of one shape as repeats."""
    names = options.datasets
    with open_hdf5(path) as file:
        if not names:
            refuse_lost_links(file, path)
            raise FormatError(
                f"{path}: expected a known HDF5 layout, found another; name the counts "
                f"with dataset='/path' (--dataset /path). {describe_candidates(file)}"
            )
        datasets = [get_linked(file, path, name) for name in names]
        arrays = [
            read_counts(dataset, Path(dataset.file.filename), options.energy_axis)
            for dataset in datasets
        ]
    if len(arrays) == 1:
        return FileContents(counts=arrays[0], dataset=names[0])
    return _as_repeats(arrays, names, path, options)


def _as_repeats(
    arrays: list[Any], names: tuple[str, ...], path: Path, options: ReadOptions
) -> FileContents:
    if options.repeat_axis is not None:
        raise SettingsError(
            "several datasets are the repeats themselves; give either repeat_axis or one dataset"
        )
    first = arrays[0]
    for name, array in zip(names, arrays, strict=True):
        if array.shape != first.shape:
            raise DataError(
                f"{path}: repeats must have the same shape; dataset {names[0]} is {first.shape}, "
                f"{name} is {array.shape}: leave one out, or read them separately"
            )
    where = place(path, ", ".join(names))
    if options.energy_axis is None and first.ndim > 1:
        ask_for_energy_axis(where, first.shape)
    energy_axis = existing_axis("energy_axis", options.energy_axis or 0, first.shape, where)
    return FileContents(
        counts=stack(arrays),
        energy_axis=energy_axis + 1,
        repeat_axis=0,
        metadata={"repeat_datasets": list(names)},
        settled=True,
    )


LAYOUT = Layout(
    name="hdf5",
    description="HDF5 of another layout; name the counts with dataset and their energy_axis",
    read=read,
    opens=has_hdf5_signature,
    has_datasets=True,
)
