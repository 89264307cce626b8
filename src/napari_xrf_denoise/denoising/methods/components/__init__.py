"""Spectral components of a map, and the networks that denoise their images."""
