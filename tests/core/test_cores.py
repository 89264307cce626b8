"""Work on all cores: results in order, little ahead, errors that are not lost."""

import os
import sys
import threading
import time
from pathlib import Path

import pytest
import scipy.linalg  # noqa: F401  # its library of products must be there before they are limited
import torch
from threadpoolctl import threadpool_info, threadpool_limits

from napari_xrf_denoise.core.cores import (
    AHEAD,
    blas_on_one_core,
    give_memory_back,
    in_order,
    number_of_cores,
)


@pytest.fixture(autouse=True)
def four_threads():
    before = torch.get_num_threads()
    torch.set_num_threads(4)
    yield
    torch.set_num_threads(before)


def test_results_come_in_the_order_of_the_items():
    def work(number):
        time.sleep(0.02 * (5 - number))
        return number, threading.get_ident()

    found = list(in_order(work, range(5)))
    assert [number for number, _ in found] == [0, 1, 2, 3, 4]
    assert len({thread for _, thread in found}) > 1


def test_items_are_taken_only_so_far_ahead():
    taken = []

    def items():
        for number in range(100):
            taken.append(number)
            yield number

    results = in_order(lambda number: number, items())
    assert next(results) == 0
    assert len(taken) <= AHEAD * 4 + 1
    results.close()
    assert len(taken) <= AHEAD * 4 + 1


def test_an_error_in_an_item_ends_the_work():
    def work(number):
        if number == 3:
            raise ValueError("no such row")
        return number

    found = []
    with pytest.raises(ValueError, match="no such row"):
        found.extend(in_order(work, range(50)))
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("bands")]


def test_torch_computes_on_one_core_in_each_thread_and_on_all_again_afterwards():
    assert set(in_order(lambda _: torch.get_num_threads(), range(6))) == {1}
    assert torch.get_num_threads() == 4
    others = []
    thread = threading.Thread(target=lambda: others.append(torch.get_num_threads()))
    thread.start()
    thread.join()
    assert others == [4]


def test_a_thread_of_one_core_works_alone():
    torch.set_num_threads(1)
    assert number_of_cores() == 1
    threads = {threading.get_ident()}
    assert set(in_order(lambda _: threading.get_ident(), range(4))) == threads


def blas_threads():
    return {pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"}


def test_products_use_one_core_until_the_last_run_has_ended():
    with threadpool_limits(3, user_api="blas"):
        first, second = blas_on_one_core(), blas_on_one_core()
        with first:
            with second:
                assert blas_threads() == {1}
            assert blas_threads() == {1}
        assert blas_threads() == {3}


def test_products_use_all_cores_again_after_an_error():
    with threadpool_limits(3, user_api="blas"):
        with pytest.raises(ValueError, match="broken"), blas_on_one_core():
            raise ValueError("broken")
        assert blas_threads() == {3}


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have nothing to give back")
def test_freed_memory_goes_back_to_the_system():
    def resident():
        return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    def use():
        small = [bytearray(2**16) for _ in range(4000)]  # 250 MB in a pool of this thread
        kept.append(small[-1])

    kept = []
    before = resident()
    thread = threading.Thread(target=use)
    thread.start()
    thread.join()
    give_memory_back()
    assert resident() - before < 100 * 2**20
