"""How wrong the numbers of a denoised map may be."""
