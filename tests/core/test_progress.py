"""Progress and stopping."""

import numpy as np
import pytest

from napari_xrf_denoise.core.errors import Cancelled
from napari_xrf_denoise.core.progress import Preview, Watch


def test_parts_fill_their_share_of_the_whole():
    seen = []
    watch = Watch(lambda progress: seen.append(progress.fraction))
    watch.part(0.2, 0.6).parts(2)[1].step("half way", 0.5)
    assert seen == [pytest.approx(0.5)]


def test_progress_never_goes_back(monkeypatch):
    now = iter(range(100))
    monkeypatch.setattr("napari_xrf_denoise.core.progress.time.monotonic", lambda: next(now))
    seen = []
    watch = Watch(lambda progress: seen.append(progress.fraction))
    search, again = watch.part(0, 0.6), watch.part(0.6, 1)
    search.step("searching", 0.5)
    for fraction in (0.0, 0.5, 0.1, 1.0):
        again.step("searching again", fraction)
    assert seen == [0.3, 0.6, 0.8, 0.8, 1.0]


def test_the_end_is_always_reported():
    seen = []
    watch = Watch(seen.append)
    for fraction in (0.1, 0.2, 1.0):
        watch.step("working", fraction, {"loss": 2.0})
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


def test_a_preview_is_made_only_where_somebody_listens():
    made, seen = [], []

    def preview():
        made.append(1)
        return Preview(np.zeros((1, 1, 3)))

    Watch(None).step("training", 0.5, preview=preview)
    assert made == []
    watch = Watch(seen.append)
    watch.step("training", 0.1, preview=preview)
    watch.step("training", 0.1001, preview=preview)
    assert len(made) == len(seen) == 1
    assert seen[0].preview.counts.shape == (1, 1, 3)
