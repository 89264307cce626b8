"""The pictures of a run."""

from types import SimpleNamespace

import numpy as np
import pytest

from napari_xrf_denoise.cli.figures import save_run_figures
from napari_xrf_denoise.core.energy_axis import EnergyAxis
from napari_xrf_denoise.core.factored_counts import FactoredCounts
from napari_xrf_denoise.core.spectrum_image import SpectrumImage


@pytest.mark.parametrize(
    ("shape", "kinds"),
    [((4, 5), ["sum_spectrum", "strongest_line"]), ((1, 1), ["data", "result", "details"])],
)
def test_factored_results_are_drawn(tmp_path, shape, kinds):
    counts = FactoredCounts(np.ones((*shape, 2)), np.ones((2, 2048)))
    image = SpectrumImage(counts, EnergyAxis(0.0, 0.01, 2048))
    measured = image.replace(counts=np.full((3, *shape, 2048), 2), repeat_kind="frame")
    result = SimpleNamespace(image=image, report=SimpleNamespace(losses={}))
    paths = save_run_figures(tmp_path, "run", measured, result)
    assert [path.name for path in paths] == [f"run_{kind}.png" for kind in kinds]
