"""What all docks share: jobs, forms, plots, widgets, preferences."""

CALIBRATE = "Plugins > XRF denoise > Calibrate energy"
"""Where in napari's menu channels get their energies."""
OPEN_SPECTRA = "Open a file of spectra, or a sample from File > Open Sample > XRF denoise."
"""What to do where there is no layer with spectra."""
