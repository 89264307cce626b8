"""A cluster as a site starts it: a scheduler and workers, each a process of its own."""

import json
import os
import subprocess
import sys
import time
from contextlib import contextmanager
from functools import cached_property

QUIET = {"DASK_DISTRIBUTED__LOGGING__DISTRIBUTED": "error", "OMP_NUM_THREADS": "1"}


def start(*words, cwd):
    """Start a command of dask."""
    log = (cwd / f"{words[0]}.log").open("ab")
    return subprocess.Popen(
        [sys.executable, "-m", "dask", *words],
        cwd=cwd,
        env={**os.environ, **QUIET},
        stdout=log,
        stderr=log,
    )


class Site:
    """A scheduler and its workers."""

    def __init__(self, folder):
        self.folder = folder
        file = folder / "scheduler.json"
        self._scheduler = start(
            "scheduler", "--host", "127.0.0.1", "--port", "0", "--dashboard-address", "127.0.0.1:0",
            "--scheduler-file", file.name, cwd=folder,
        )  # fmt: skip
        self.workers = []
        self._file = file

    @cached_property
    def address(self):
        """The address of the scheduler, once it is there."""
        until(lambda: self._file.exists() and self._file.read_text().endswith("}"))
        return json.loads(self._file.read_text())["address"]

    def add_worker(self):
        """Start a worker of one thread, and return its process."""
        worker = start(
            "worker", self.address, "--nthreads", "1", "--no-nanny", "--no-dashboard",
            "--local-directory", str(self.folder), cwd=self.folder,
        )  # fmt: skip
        self.workers.append(worker)
        return worker

    def stop(self):
        """End all processes."""
        for process in (*self.workers, self._scheduler):
            process.kill()
            process.wait()


def until(is_so, seconds=60):
    """Wait until something is so."""
    end = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < end, f"not so after {seconds} s"
        time.sleep(0.05)


@contextmanager
def site(folder, workers):
    """A cluster with so many workers."""
    found = Site(folder)
    try:
        for _ in range(workers):
            found.add_worker()
        yield found
    finally:
        found.stop()
