"""Energies and single spectra: X-ray lines, the detector, peaks, calibration. No images."""
