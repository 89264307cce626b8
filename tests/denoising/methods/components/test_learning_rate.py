"""How the rate of a training rises and falls."""

import pytest

from napari_xrf_denoise.denoising.methods.components.learning_rate import learning_rate


def rates(steps):
    return [learning_rate(step, steps) for step in range(steps)]


def test_the_rate_rises_stays_and_falls_to_nothing():
    found = rates(300)
    assert found[0] < 0.1
    assert found[:31] == sorted(found[:31])
    assert found[40:181] == [1.0] * 141
    assert found[180:] == sorted(found[180:], reverse=True)
    assert found[-1] < 0.001


def test_even_a_short_training_begins_gently():
    assert rates(20)[0] < 0.1


@pytest.mark.parametrize("steps", [1, 2, 7, 20])
def test_any_number_of_steps_has_rates_between_0_and_1(steps):
    assert all(0 < rate <= 1 for rate in rates(steps))
