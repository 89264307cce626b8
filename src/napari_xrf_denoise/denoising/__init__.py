"""The engine: learns from noisy counts, denoises them, and says how good the result is."""

from .denoised import Denoised
from .engine import apply, denoise
from .model import Model
from .progress import Progress
from .report import QualityReport
from .saved_report import report_of

__all__ = ["Denoised", "Model", "Progress", "QualityReport", "apply", "denoise", "report_of"]
