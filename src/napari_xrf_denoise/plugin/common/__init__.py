"""What all docks share: jobs, forms, plots, widgets, preferences."""

CALIBRATE = "Layers > Data > Calibrate energy"
"""Menu entry that calibrates energies."""
OPEN_SAMPLE = "File > Open Sample > XRF denoise"
"""Menu with the sample data."""
