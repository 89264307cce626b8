"""The dock *Batch denoise*."""
