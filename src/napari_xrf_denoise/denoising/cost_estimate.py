"""How long a run will take and how much memory it will need, before it begins: roughly.

Times were fitted to runs on two shared cores (docs/benchmarks.md, simulated and large maps);
another machine is slower or faster by a factor that its own last run shows.
"""

from __future__ import annotations

from dataclasses import dataclass

from .methods.components import component_search
from .methods.components.component_images import TILE
from .methods.components.pixel_groups import GROUPS
from .methods.stack import TRAINING_PIXELS
from .multifold_thinning import PARTS
from .quality.losses.map_sums import KINDS, MOST_BYTES
from .settings import PcaSettings, Settings, SpectrumSettings, StackSettings, TutorialSettings

Shape = tuple[int, int, int, int]
"""(repeat, y, x, energy)."""

FLOAT = 4
"""Bytes of a value in the engine."""
USUAL_RANK = 20
"""Components of a map, as long as their number is unknown."""
TORCH_BYTES = 3.5e8
"""Memory of torch and a band of counts, for any data."""
COORDINATES = 600
"""Coordinates in which components are searched: lines that the detector can resolve in 20 keV."""
HALF_LINE = 8
"""Channels of half a line, roughly."""
START_SECONDS = 4.0
"""From the click to the first step of a training."""

SECONDS_A_PRODUCT = 7e-12
"""Of a convolution: one weight times one pixel; a training step does three times as much."""
SECONDS_A_VOXEL = 9e-8
"""Of one way through the counts: splitting, projecting, scoring."""
SECONDS_A_SMOOTHING = 4e-6
"""Of a channel of a spectrum: the candidates of the method "spectrum"."""
SECONDS_AN_EPOCH = (3e-4, 4e-8)
"""Of the tutorial's network: for itself, and for each channel of each spectrum."""


@dataclass(frozen=True)
class CostEstimate:
    """Expected cost of a run."""

    seconds: float
    """On the machine that the constants were measured on."""
    n_bytes: float
    """Memory beyond that in use already."""

    def times(self, factor: float) -> CostEstimate:
        """Return the cost on a machine that takes this many times as long."""
        return CostEstimate(self.seconds * factor, self.n_bytes)


def estimate_cost(shape: Shape, settings: Settings) -> CostEstimate:
    """Return about what a run with these complete settings will need.

    Examples
    --------
    >>> from napari_xrf_denoise.denoising.settings import resolve_settings
    >>> fast = estimate_cost((1, 96, 96, 1024), resolve_settings("stack", "fast", {}))
    >>> best = estimate_cost((1, 96, 96, 1024), resolve_settings("stack", "best", {}))
    >>> best.seconds > 3 * fast.seconds
    True
    """
    repeats, height, width, channels = shape
    pixels = height * width
    voxels = float(repeats * pixels * channels)
    result = float(FLOAT * pixels * channels)
    if isinstance(settings, TutorialSettings):
        spectra = max(2, repeats) * min(pixels, settings.pixels)
        alone, each = SECONDS_AN_EPOCH
        seconds = settings.epochs * (alone + each * spectra * channels)
        return CostEstimate(seconds + SECONDS_A_VOXEL * voxels, TORCH_BYTES + result)
    if isinstance(settings, SpectrumSettings):
        trained = max(1, settings.folds) * max(settings.thinnings, min(pixels, settings.pixels))
        smoothings = (trained + pixels) * channels
        return CostEstimate(1 + SECONDS_A_SMOOTHING * smoothings, TORCH_BYTES + result)
    search = min(MOST_BYTES, KINDS * FLOAT * pixels * channels / HALF_LINE)
    search = search if settings.folds else 0.0
    if isinstance(settings, StackSettings):
        return _cost_of_stack(pixels, channels, voxels, settings, search)
    assert isinstance(settings, PcaSettings)
    ways = 4 + 3 * settings.folds
    return CostEstimate(1 + ways * SECONDS_A_VOXEL * voxels / 3, TORCH_BYTES + result + search)


def _cost_of_stack(
    pixels: int, channels: int, voxels: float, settings: StackSettings, search: float
) -> CostEstimate:
    rank = settings.rank or USUAL_RANK
    networks = max(1, settings.folds)
    # Weights of the network, times the share of the map's pixels that each is applied to.
    products = 30 * rank * settings.features + 16 * settings.features**2
    trained = 3 * networks * settings.steps * min(pixels, TILE**2)
    predicted = 3 * networks * settings.thinnings * pixels
    seconds = START_SECONDS + SECONDS_A_PRODUCT * products * (trained + predicted)
    scores = networks * rank * FLOAT * (PARTS * min(pixels, TRAINING_PIXELS) + 3 * pixels)
    seconds += SECONDS_A_VOXEL * (1 + networks) * voxels
    grams = 2.0 * FLOAT * len(GROUPS) * (networks + 1) * min(COORDINATES, channels) ** 2
    # The search for components is over when that for lost signal begins.
    search = max(search, min(float(component_search.MOST_BYTES), grams))
    return CostEstimate(seconds, TORCH_BYTES + scores + search)
