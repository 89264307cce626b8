"""The engine: learns from noisy counts, denoises them, and says how good the result is."""

from napari_xrf_denoise.core.progress import Progress

from .engine import apply, denoise
from .model import Model
from .quality.report import QualityReport
from .result import Denoised, report_of

__all__ = ["Denoised", "Model", "Progress", "QualityReport", "apply", "denoise", "report_of"]
