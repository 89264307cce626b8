"""What is said of time and memory before a run, beside what docs/benchmarks.md measured."""

import pytest

from napari_xrf_denoise.denoising.cost_estimate import estimate_cost
from napari_xrf_denoise.denoising.settings import resolve_settings


def expected(shape, method, preset="balanced", **changes):
    return estimate_cost(shape, resolve_settings(method, preset, changes))


@pytest.mark.parametrize(
    ("shape", "preset", "seconds"),
    [
        ((1, 96, 96, 1024), "fast", 11),
        ((1, 96, 96, 1024), "balanced", 21),
        ((1, 96, 96, 1024), "best", 55),
        ((1, 256, 256, 2048), "fast", 63),
    ],
)
def test_times_of_maps_are_about_those_measured(shape, preset, seconds):
    assert expected(shape, "stack", preset).seconds == pytest.approx(seconds, rel=0.35)


def test_the_memory_of_a_large_map_is_about_that_measured():
    # 1.06 GiB with the interpreter and the mapped file, which take about 0.4.
    need = expected((1, 256, 256, 2048), "stack", "fast")
    assert need.n_bytes == pytest.approx(0.66 * 2**30, rel=0.35)


@pytest.mark.parametrize("method", ["stack", "pca", "spectrum"])
def test_more_pixels_need_more_of_both(method):
    small, large = (expected((1, side, side, 512), method) for side in (100, 400))
    assert large.seconds > 2 * small.seconds
    assert large.n_bytes > small.n_bytes


def test_the_tutorial_goes_by_its_epochs():
    ten = expected((4, 1, 1, 4095), "spectrum", "tutorial", epochs=10_000)
    one = expected((4, 1, 1, 4095), "spectrum", "tutorial", epochs=1_000)
    assert ten.seconds == pytest.approx(10 * one.seconds, rel=0.01)
