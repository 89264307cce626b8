"""Saves spectral layers with their energies, units and record."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from napari_xrf_denoise.errors import DataError
from napari_xrf_denoise.layers import image_from_layer_data


def write_layer(path: str, data: Any, attributes: Mapping[str, Any]) -> list[str]:
    """Write one image layer to HDF5, OME-TIFF or CSV, by the ending of the name.

    A file that is there is replaced: napari's save dialog has asked already.

    Parameters
    ----------
    path : str
    data : array
    attributes : mapping
        Of the layer, as napari hands them over.

    Returns
    -------
    list of str
        The file that was written.

    Raises
    ------
    RuntimeError
        If the layer has no energy axis, or does not fit the format.
    """
    from napari_xrf_denoise.io import write

    try:
        image = image_from_layer_data(data, attributes)
        return [str(write(Path(path), image, overwrite=True))]
    except DataError as error:
        # napari takes a ValueError for "no plugin was found", and the reason would be lost.
        raise RuntimeError(f"{path} was not written: {error}") from error
