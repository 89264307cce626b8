from .engine import apply as apply
from .engine import denoise as denoise
from .model import Model as Model
from .plan import RunPlan as RunPlan
from .plan import plan_run as plan_run
from .quality.report import QualityReport as QualityReport
from .result import Denoised as Denoised
from .result import report_of as report_of
