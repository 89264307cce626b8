"""Spectrum images as napari layers and back, without importing napari."""
