"""Spectrum images as napari layers and back, without importing napari."""

from lazy_loader import attach_stub

__getattr__, __dir__, __all__ = attach_stub(__name__, __file__)
