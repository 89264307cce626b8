"""The dock *Spectrum*."""
