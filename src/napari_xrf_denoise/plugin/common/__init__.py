"""What all docks share: jobs, forms, plots, widgets, preferences."""

CALIBRATE = "Plugins > XRF denoise > Calibrate energy"
"""Where in napari's menu channels get their energies."""
