"""Energies and single spectra: X-ray lines, the detector, peaks, calibration. No images."""

from lazy_loader import attach_stub

__getattr__, __dir__, __all__ = attach_stub(__name__, __file__)
