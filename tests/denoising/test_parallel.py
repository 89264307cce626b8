"""Several networks at a time: all results in order, one stop for all, errors that are not lost."""

import threading
import time

import numpy as np
import pytest
import torch

from napari_xrf_denoise.core.errors import Cancelled
from napari_xrf_denoise.core.progress import Preview, Watch
from napari_xrf_denoise.denoising.parallel import run_parallel


def test_results_come_in_the_order_of_the_tasks():
    def task(number):
        def run(watch):
            time.sleep(0.02 * (5 - number))
            return number

        return run

    assert run_parallel([task(n) for n in range(5)], "counting", Watch()) == [0, 1, 2, 3, 4]


def test_each_task_computes_on_one_core_and_the_caller_gets_its_threads_back():
    before = torch.get_num_threads()
    assert run_parallel([lambda _: torch.get_num_threads()] * 3, "x", Watch()) == [1, 1, 1]
    assert torch.get_num_threads() == before


def test_progress_is_reported_in_the_calling_thread():
    seen = []

    def task(watch):
        for step in range(10):
            show = (lambda: Preview(np.ones((2, 2, 3)))) if step == 0 else None
            watch.step("training", step / 10, {"loss": 3.0}, show)
            time.sleep(0.03)

    def tell(progress):
        seen.append((threading.get_ident(), progress))

    run_parallel([task, task], "training", Watch(tell))
    assert {thread for thread, _ in seen} == {threading.get_ident()}
    fractions = [progress.fraction for _, progress in seen]
    assert fractions == sorted(fractions)
    assert 0 < fractions[-1] <= 1
    assert seen[-1][1].figures == {"loss": 3.0}
    assert seen[-1][1].preview.counts.shape == (2, 2, 3)


def test_a_stop_ends_all_tasks_before_it_is_reported():
    began_tasks, ended = [], []

    def task(watch):
        began_tasks.append(True)
        try:
            while True:
                watch.step("training", 0.5)
                time.sleep(0.01)
        finally:
            ended.append(True)

    began = time.monotonic()
    with pytest.raises(Cancelled):
        run_parallel([task] * 2, "training", Watch(None, lambda: time.monotonic() - began > 0.2))
    assert len(ended) == len(began_tasks) > 0
    assert threading.active_count() < 20


def test_an_error_of_one_task_stops_the_others_and_is_raised():
    def fails(watch):
        raise ZeroDivisionError

    def waits(watch):
        while True:
            watch.step("training", 0)
            time.sleep(0.01)

    with pytest.raises(ZeroDivisionError):
        run_parallel([fails, waits], "training", Watch())
