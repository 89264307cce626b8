"""Computed from a spectrum image without learning: maps, spectra, alignment, residuals."""

from lazy_loader import attach_stub

__getattr__, __dir__, __all__ = attach_stub(__name__, __file__)
