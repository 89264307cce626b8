"""Denoise hyperspectral X-ray fluorescence maps with Noise2Noise, in napari and from Python.

The names of every day are here; others are in the rooms that `__init__.pyi` lists, as
``xrf.spectroscopy.find_peaks``. All are imported on first use, so that importing the package stays
cheap: no torch, Qt, napari, scipy or dask until something needs them. The stubs beside each
``__init__`` are the one list of public names; type checkers and editors read the same files.
"""

from lazy_loader import attach_stub

__getattr__, __dir__, __all__ = attach_stub(__name__, __file__)
