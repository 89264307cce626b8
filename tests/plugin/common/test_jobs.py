import os
import sys
import threading

import pytest

from napari_xrf_denoise.core.errors import Cancelled
from napari_xrf_denoise.core.progress import Progress
from napari_xrf_denoise.plugin.common.jobs import BackgroundJob


def test_the_result_and_the_latest_progress_are_kept():
    def work(on_progress, should_stop):
        for step in range(3):
            on_progress(Progress("counting", step / 2))
        return 42

    job = BackgroundJob(work, "test")
    assert not job.is_done
    job.start()
    assert job.wait(10)
    assert job.result == 42
    assert job.progress.fraction == 1
    assert job.error is None


def test_an_error_is_kept_instead_of_printed(capfd):
    def work(on_progress, should_stop):
        raise KeyError("lost")

    job = BackgroundJob(work, "test")
    job.start()
    assert job.wait(10)
    assert isinstance(job.error, KeyError)
    assert capfd.readouterr().err == ""


def test_a_job_that_is_stopped_ends():
    def work(on_progress, should_stop):
        while not should_stop():
            pass
        raise Cancelled("stopped")

    job = BackgroundJob(work, "test")
    job.start()
    job.stop()
    assert job.wait(10)
    assert isinstance(job.error, Cancelled)


@pytest.mark.parametrize("times", [1, 2])
def test_stopping_before_the_start_is_remembered(times):
    job = BackgroundJob(lambda _, should_stop: should_stop(), "test")
    for _ in range(times):
        job.stop()
    job.start()
    assert job.wait(10)
    assert job.result is True


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has priorities of threads")
def test_a_job_stands_back_behind_the_window_and_leaves_it_as_it_was():
    def priority():
        return os.getpriority(os.PRIO_PROCESS, threading.get_native_id())

    before = priority()
    job = BackgroundJob(lambda *_: priority(), "test")
    job.start()
    assert job.wait(10)
    assert job.result > before
    assert priority() == before
