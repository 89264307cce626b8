"""When a training slows down, and when it ends."""

import pytest

from napari_xrf_denoise.denoising.methods.learning_rate import PATIENCE, Pace


def rates(pace, losses=None, every=10):
    """Run to the end, judged every so many steps by a function of the step."""
    found = []
    while not pace.over:
        found.append(pace.rate)
        pace.step()
        if losses is not None and pace.steps % every == 0:
            pace.judge(losses(pace.steps))
    return found


@pytest.mark.parametrize("most", [1, 2, 7, 300])
def test_without_a_judge_all_steps_are_taken(most):
    pace = Pace(most)
    assert len(rates(pace)) == most
    assert pace.fraction == 1


def test_the_rate_rises_stays_and_falls_to_nothing():
    found = rates(Pace(300))
    assert found[0] < 0.1
    assert max(found) == 1
    assert found[40:180] == [1.0] * 140
    assert found[180:] == sorted(found[180:], reverse=True)
    assert found[-1] < 0.001


def test_a_training_that_gets_better_takes_all_its_steps():
    assert len(rates(Pace(300), lambda step: 1 / step)) == 300


def test_what_a_high_rate_no_longer_improves_falls_and_ends_early():
    found = rates(Pace(1000), lambda step: max(100 - step, 0))
    last_good, patience = 100, 10 * PATIENCE
    fall = last_good + patience
    assert found[fall - 1] == 1 > found[fall + 1]
    assert len(found) == pytest.approx(fall / 0.6, abs=1)


def test_only_what_is_better_than_all_before_is_best():
    pace, found = Pace(100), []
    for loss in (1.0, 1.5, 0.9, 0.9, 0.8):
        pace.step()
        found.append(pace.judge(loss))
    assert found == [True, False, True, False, True]


def test_even_a_short_training_begins_gently():
    assert rates(Pace(20))[0] < 0.1


def test_how_much_is_done_never_falls_back():
    pace, found = Pace(500), []
    while not pace.over:
        pace.step()
        if pace.steps % 20 == 0:
            pace.judge(1.0)
        found.append(pace.fraction)
    assert found == sorted(found)
