"""The dock *Calibrate energy*."""
