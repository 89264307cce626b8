"""The methods `spectrum`, `stack` and `pca`, and their networks."""
