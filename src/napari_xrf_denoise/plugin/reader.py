"""Opens spectra and maps in napari, and leaves files of others to others."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path

from napari_xrf_denoise.layers import LayerData, layer_data

Reader = Callable[[str | list[str]], list[LayerData]]


def get_reader(path: str | list[str]) -> Reader | None:
    """Return the function that reads a file, or None for files that are not spectra.

    What a file is, its content says: a TIFF, a table or an HDF5 file of something else gives
    None, and so does a list that holds one.

    Parameters
    ----------
    path : str or list of str

    Returns
    -------
    callable or None
    """
    from napari_xrf_denoise.io import sniff

    files = [path] if isinstance(path, str) else list(path)
    if not files or any(sniff(file) is None for file in files):
        return None
    return read_layers


def read_layers(path: str | list[str]) -> list[LayerData]:
    """Read files, each as one layer.

    Parameters
    ----------
    path : str or list of str

    Returns
    -------
    list of tuple
        Data, attributes and layer type.
    """
    from napari.utils.notifications import show_warning

    from napari_xrf_denoise.io import read

    files = [path] if isinstance(path, str) else list(path)
    layers = []
    for file in files:
        # The notification is shown once the file is read: a missing calibration is no error.
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            layers.append(layer_data(read(Path(file))))
        for entry in caught:
            show_warning(str(entry.message))
    return layers
