"""Forms that prepare a spectral layer: each adds its result as a new layer."""
