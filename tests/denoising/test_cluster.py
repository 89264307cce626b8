"""Runs on the workers of a cluster, started as a site would start them."""

import signal
import subprocess
import sys
import time

import numpy as np
import pytest

import napari_xrf_denoise as xrf
from napari_xrf_denoise.core.errors import Cancelled, DataError, SettingsError
from napari_xrf_denoise.denoising import cluster as clusters
from napari_xrf_denoise.io.base import memory
from tests.helpers.clusters import site, until

distributed = pytest.importorskip("distributed", reason="the extra 'distributed' is missing")

running = lambda dask_worker: len(dask_worker.state.executing)  # noqa: E731
"""How many tasks a worker works on; sent as it is, since workers do not know this module."""
SHORT = {"preset": "fast", "steps": 12, "max_rank": 6, "thinnings": 1, "method": "stack"}


@pytest.fixture(scope="module")
def two(tmp_path_factory):
    """The address of a scheduler with two workers."""
    with site(tmp_path_factory.mktemp("site"), 2) as found:
        with distributed.Client(found.address, set_as_default=False) as client:
            client.wait_for_workers(2, timeout=60)
        yield found.address


@pytest.fixture(scope="module")
def image():
    return xrf.simulate_map(shape=(50, 16), n_channels=128, counts_per_pixel=60, seed=1)[0]


@pytest.fixture(scope="module")
def alone(image):
    """The result without a cluster."""
    return xrf.denoise(image, **SHORT)


def assert_same(found, expected):
    np.testing.assert_array_equal(np.asarray(found.counts), np.asarray(expected.counts))
    assert found.report.as_dict() == expected.report.as_dict()


def test_the_result_is_the_same_as_without(two, image, alone):
    assert_same(xrf.denoise(image, **SHORT, client=two), alone)


def test_a_map_on_disk_is_read_by_the_workers(two, image, alone, tmp_path, monkeypatch):
    lazy = lazy_file(tmp_path / "map.h5", image, monkeypatch)
    with distributed.Client(two, set_as_default=False) as client:
        sent = []
        scatter = client.scatter
        monkeypatch.setattr(
            client, "scatter", lambda data, **how: sent.extend(data) or scatter(data, **how)
        )
        found = xrf.denoise(lazy, **SHORT, client=client)
    np.testing.assert_array_equal(np.asarray(found.counts), np.asarray(alone.counts))
    assert not any(isinstance(own, np.ndarray) for own in sent)  # the counts themselves


def test_a_mapped_file_is_mapped_by_the_workers(two, image, alone, tmp_path, monkeypatch):
    mapped = mapped_file(tmp_path / "map.npy", image, monkeypatch)
    found = xrf.denoise(mapped, **SHORT, client=two)
    np.testing.assert_array_equal(np.asarray(found.counts), np.asarray(alone.counts))


def test_a_worker_that_does_not_see_the_file_says_so(two, image, tmp_path):
    path = tmp_path / "map.npy"
    np.save(path, image.counts)
    mapped = image.replace(counts=np.load(path, mmap_mode="r"))
    path.rename(tmp_path / "elsewhere.npy")
    with pytest.raises(DataError, match=r"worker tcp://\S+ cannot read .*map\.npy: there is no"):
        xrf.denoise(mapped, **SHORT, client=two)


def mapped_file(path, image, monkeypatch):
    np.save(path, image.counts)
    return image.replace(counts=np.load(path, mmap_mode="r"))


def lazy_file(path, image, monkeypatch):
    xrf.write(path, image)
    monkeypatch.setattr(memory, "IN_MEMORY_BYTES", 1000)
    lazy = xrf.read(path)
    assert type(lazy.counts).__module__.startswith("dask")
    return lazy


@pytest.mark.parametrize(("name", "opened"), [("map.npy", mapped_file), ("map.h5", lazy_file)])
def test_a_file_that_is_replaced_while_workers_read_is_told(
    two, image, tmp_path, monkeypatch, name, opened
):
    path, other = tmp_path / name, tmp_path / f"other_{name}"
    given = opened(path, image, monkeypatch)
    opened(other, image.replace(counts=image.counts + np.uint8(1)), monkeypatch)

    def replace(progress):
        if progress.stage == "training" and other.exists():
            other.replace(path)

    with pytest.raises(DataError, match=rf"{name}.*the file was changed"):
        xrf.denoise(given, **SHORT, client=two, on_progress=replace)


def test_an_address_without_a_scheduler_is_named_within_ten_seconds(image):
    begun = time.monotonic()
    with pytest.raises(SettingsError, match=r"tcp://127\.0\.0\.1:9.*dask scheduler"):
        xrf.denoise(image, client="tcp://127.0.0.1:9")
    assert time.monotonic() - begun < 10


def test_what_is_no_address_and_no_client_is_refused(image):
    with pytest.raises(SettingsError, match="that is not asynchronous"):
        xrf.denoise(image, client=7)
    with pytest.raises(SettingsError, match="no scheduler answers at 'somewhere://else'"):
        xrf.denoise(image, client="somewhere://else")


def test_workers_with_another_version_are_refused(two, image, monkeypatch):
    monkeypatch.setattr(clusters, "__version__", "99.0")
    with pytest.raises(SettingsError, match=r"worker tcp://.* has napari-xrf-denoise .*99\.0"):
        xrf.denoise(image, **SHORT, client=two)


def test_a_scheduler_without_workers_is_told(image, tmp_path, monkeypatch):
    monkeypatch.setattr(clusters, "CONNECTING_SECONDS", 1.0)
    with site(tmp_path, 0) as found, pytest.raises(SettingsError, match="has no workers"):
        xrf.denoise(image, **SHORT, client=found.address)


STAGES = ["checking the counts", "finding components", "training", "computing the result",
          "looking for hot spots", "measuring the dose gain"]  # fmt: skip


@pytest.mark.slow
def test_workers_may_die_at_any_stage(image, alone, tmp_path):
    with site(tmp_path, 2) as found, distributed.Client(found.address) as client:
        client.wait_for_workers(2, timeout=60)
        left = list(STAGES)

        def kill(progress):
            if progress.stage in left:
                left.remove(progress.stage)
                found.add_worker()
                until(lambda: len(client.scheduler_info()["workers"]) == 3)
                found.workers.pop(0).send_signal(signal.SIGKILL)

        assert_same(xrf.denoise(image, **SHORT, client=client, on_progress=kill), alone)
        assert not left


def test_stop_ends_what_the_workers_do(two, image):
    seen = []

    def stop():
        return "training" in seen

    with distributed.Client(two, set_as_default=False) as client:
        with pytest.raises(Cancelled):
            xrf.denoise(
                image,
                **{**SHORT, "steps": 100_000},
                client=client,
                on_progress=lambda progress: seen.append(progress.stage),
                should_stop=stop,
            )
        until(lambda: not any(client.run(running).values()), 20)


KILLED = """
import sys
import napari_xrf_denoise as xrf
if __name__ == "__main__":
    image = xrf.simulate_map(shape=(50, 16), n_channels=128, counts_per_pixel=60, seed=1)[0]
    print("begun", flush=True)
    xrf.denoise(image, method="stack", steps=100_000, client=sys.argv[1],
                on_progress=lambda progress: print(progress.stage, flush=True))
"""


def test_workers_stop_when_their_client_is_killed(two, tmp_path):
    script = tmp_path / "killed.py"
    script.write_text(KILLED)
    process = subprocess.Popen(
        [sys.executable, str(script), two], stdout=subprocess.PIPE, text=True, cwd=tmp_path
    )
    with distributed.Client(two, set_as_default=False) as client:
        for line in process.stdout:
            if line.strip() == "training" and any(client.run(running).values()):
                break
        process.kill()
        process.wait()
        process.stdout.close()
        until(lambda: not any(client.run(running).values()), 20)
