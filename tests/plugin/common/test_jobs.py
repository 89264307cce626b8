import os
import sys
import threading
import time

import pytest

from napari_xrf_denoise.core.errors import Cancelled, DataError
from napari_xrf_denoise.core.progress import Progress
from napari_xrf_denoise.plugin.common.jobs import BackgroundJob, Latest, RunSession, RunState
from tests.helpers.patience import PATIENCE, wait_for


def test_the_result_and_the_latest_progress_are_kept():
    def work(on_progress, should_stop):
        for step in range(3):
            on_progress(Progress("counting", step / 2))
        return 42

    job = BackgroundJob(work, "test")
    assert not job.is_done
    job.start()
    assert job.wait(PATIENCE)
    assert job.result == 42
    assert job.progress.fraction == 1
    assert job.error is None


def test_an_error_is_kept_instead_of_printed(capfd):
    def work(on_progress, should_stop):
        raise KeyError("lost")

    job = BackgroundJob(work, "test")
    job.start()
    assert job.wait(PATIENCE)
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
    assert job.wait(PATIENCE)
    assert isinstance(job.error, Cancelled)


@pytest.mark.parametrize("times", [1, 2])
def test_stopping_before_the_start_is_remembered(times):
    job = BackgroundJob(lambda _, should_stop: should_stop(), "test")
    for _ in range(times):
        job.stop()
    job.start()
    assert job.wait(PATIENCE)
    assert job.result is True


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has priorities of threads")
def test_a_job_stands_back_behind_the_window_and_leaves_it_as_it_was():
    def priority():
        return os.getpriority(os.PRIO_PROCESS, threading.get_native_id())

    before = priority()
    job = BackgroundJob(lambda *_: priority(), "test")
    job.start()
    assert job.wait(PATIENCE)
    assert job.result > before
    assert priority() == before


def test_of_several_requests_the_newest_is_kept():
    latest = Latest("test")
    for number in (1, 4, 2):
        latest.want(number, lambda *_, number=number: 10 * number)
    assert latest.is_waiting
    wait_for(latest.poll)
    assert (latest.key, latest.result, latest.error) == (2, 20, None)


def test_the_same_request_is_computed_once():
    asked = []
    latest = Latest("test", wait=30)
    for _ in range(3):
        latest.want("spectrum", lambda *_: asked.append(1))
    assert asked == [1]
    assert not latest.is_waiting


def test_what_is_superseded_is_asked_to_stop_and_the_result_before_stays():
    def until_stopped(_, should_stop):
        while not should_stop():
            time.sleep(0.001)
        raise Cancelled("superseded")

    latest = Latest("test")
    latest.want("first", lambda *_: 1)
    wait_for(latest.poll)
    latest.want("second", until_stopped)
    latest.want("third", lambda *_: 3)
    assert (latest.key, latest.result) == ("first", 1)
    wait_for(latest.poll)
    assert (latest.key, latest.result) == ("third", 3)


def test_an_error_takes_the_place_of_the_result_until_it_is_forgotten():
    latest = Latest("test", wait=30)
    latest.want(1, lambda *_: 1)
    latest.want(0, lambda *_: 1 / 0)
    assert isinstance(latest.error, ZeroDivisionError)
    assert latest.result is None
    latest.forget()
    assert (latest.key, latest.error) == (None, None)


def run(work, finish=str):
    session = RunSession(RunState())
    session.run(work, finish, "test")
    return session, session.model


def test_a_run_shows_its_progress_and_then_its_outcome():
    gate = threading.Event()

    def work(on_progress, should_stop):
        on_progress(Progress("counting", 0.5, seconds_left=3.0))
        gate.wait(PATIENCE)
        return 42

    session, model = run(work, lambda result: f"Found {result}.")
    wait_for(lambda: session.poll() or model.fraction > 0)
    assert (model.status, model.stage, model.seconds_left) == ("running", "counting", 3.0)
    gate.set()
    wait_for(session.poll)
    assert (model.status, model.outcome, model.outcome_kind) == ("idle", "Found 42.", "report")
    assert session.job is None


def test_a_run_that_is_stopped_has_no_result_even_if_it_does_not_listen():
    gate = threading.Event()
    session, model = run(lambda *_: gate.wait(PATIENCE))
    session.stop()
    assert model.status == "stopping"
    gate.set()
    wait_for(session.poll)
    assert (model.status, model.outcome_kind) == ("idle", "stopped")


@pytest.mark.parametrize("where", ["work", "finish"])
def test_an_error_in_a_run_or_after_it_becomes_the_outcome(where):
    def broken(*_):
        raise DataError("the counts are odd")

    session, model = run(broken if where == "work" else lambda *_: 1, broken)
    wait_for(session.poll)
    assert (model.outcome, model.outcome_kind) == ("the counts are odd", "error")
    assert session.poll()
