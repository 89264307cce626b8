"""What is computed from a spectrum image without learning: maps, spectra, alignment, residuals."""
