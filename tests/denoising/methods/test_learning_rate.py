"""When a training slows down, and when it ends."""

import pytest

from napari_xrf_denoise.denoising.methods.learning_rate import PATIENCE, WarmupStableDecay


def rates(schedule, losses=None, every=10):
    """Run to the end, judged every so many steps by a function of the step."""
    found = []
    while not schedule.over:
        found.append(schedule.rate)
        schedule.step()
        if losses is not None and schedule.steps % every == 0:
            schedule.judge(losses(schedule.steps))
    return found


@pytest.mark.parametrize("most", [1, 2, 7, 300])
def test_without_a_judge_all_steps_are_taken(most):
    schedule = WarmupStableDecay(most)
    assert len(rates(schedule)) == most
    assert schedule.fraction == 1


def test_the_rate_rises_stays_and_falls_to_nothing():
    found = rates(WarmupStableDecay(300))
    assert found[0] < 0.1
    assert max(found) == 1
    assert found[40:180] == [1.0] * 140
    assert found[180:] == sorted(found[180:], reverse=True)
    assert found[-1] < 0.001


def test_a_training_that_gets_better_takes_all_its_steps():
    assert len(rates(WarmupStableDecay(300), lambda step: 1 / step)) == 300


def test_what_a_high_rate_no_longer_improves_falls_and_ends_early():
    found = rates(WarmupStableDecay(1000), lambda step: max(100 - step, 0))
    last_good, patience = 100, 10 * PATIENCE
    fall = last_good + patience
    assert found[fall - 1] == 1 > found[fall + 1]
    assert len(found) == pytest.approx(fall / 0.6, abs=1)


def test_only_what_is_better_than_all_before_is_best():
    schedule, found = WarmupStableDecay(100), []
    for loss in (1.0, 1.5, 0.9, 0.9, 0.8):
        schedule.step()
        found.append(schedule.judge(loss))
    assert found == [True, False, True, False, True]


def test_even_a_short_training_begins_gently():
    assert rates(WarmupStableDecay(20))[0] < 0.1


def test_how_much_is_done_never_falls_back():
    schedule, found = WarmupStableDecay(500), []
    while not schedule.over:
        schedule.step()
        if schedule.steps % 20 == 0:
            schedule.judge(1.0)
        found.append(schedule.fraction)
    assert found == sorted(found)
