"""Progress and stopping."""

import pytest

from napari_xrf_denoise.denoising.progress import Watch
from napari_xrf_denoise.errors import Cancelled


def test_parts_fill_their_share_of_the_whole():
    seen = []
    watch = Watch(lambda progress: seen.append(progress.fraction))
    watch.part(0.2, 0.6).parts(2)[1].step("half way", 0.5)
    assert seen == [pytest.approx(0.5)]


def test_the_end_is_always_reported():
    seen = []
    watch = Watch(seen.append)
    for fraction in (0.1, 0.2, 1.0):
        watch.step("working", fraction, loss=2.0)
    assert seen[-1].fraction == 1.0
    assert seen[-1].stage == "working"
    assert seen[-1].figures == {"loss": 2.0}


def test_a_run_that_shall_stop_raises_cancelled_at_its_next_step():
    answers = iter([False, False, True])
    watch = Watch(None, lambda: next(answers))
    watch.step("a", 0.1)
    watch.part(0, 1).step("b", 0.2)
    with pytest.raises(Cancelled, match="stopped while c"):
        watch.step("c", 0.3)
