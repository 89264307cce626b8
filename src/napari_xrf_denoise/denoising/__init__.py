"""The engine: learns from noisy counts, denoises them, and says how good the result is."""

from lazy_loader import attach_stub

__getattr__, __dir__, __all__ = attach_stub(__name__, __file__)
