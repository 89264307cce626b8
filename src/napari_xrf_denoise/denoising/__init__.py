"""The engine: learns from noisy counts, denoises them, and says how good the result is."""

from napari_xrf_denoise.core.progress import Progress

from .engine import apply, denoise
from .merge_saved_report import report_of
from .model import Model
from .quality.report import QualityReport
from .result import Denoised

__all__ = ["Denoised", "Model", "Progress", "QualityReport", "apply", "denoise", "report_of"]
