"""The command line with the workers of a cluster."""

import numpy as np
import pytest
from typer.testing import CliRunner

import napari_xrf_denoise as xrf
from napari_xrf_denoise.cli.app import app
from tests.helpers.clusters import site

pytest.importorskip("distributed", reason="the extra 'distributed' is missing")

SHORT = ["--preset", "fast", "--set", "steps=10", "--set", "max_rank=6"]


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    """The address of a scheduler with one worker."""
    with site(tmp_path_factory.mktemp("site"), 1) as found:
        yield found.address


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The current folder, with two maps and a file that is none."""
    for seed in (1, 2):
        image, _ = xrf.simulate_map(shape=(30, 12), n_channels=128, seed=seed)
        xrf.write(tmp_path / f"map{seed}.h5", image)
    (tmp_path / "broken.h5").write_bytes(b"nothing")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(*words):
    return CliRunner().invoke(app, ["denoise", *map(str, words), *SHORT])


def counts_of(path):
    return np.asarray(xrf.read(path).counts)


def test_workers_of_a_scheduler_denoise_one_file_or_many(folder, address):
    assert run("map1.h5", "--output", "alone").exit_code == 0
    assert run("map1.h5", "--output", "one", "--scheduler", address).exit_code == 0
    expected = counts_of("alone/map1_denoised.h5")
    np.testing.assert_array_equal(counts_of("one/map1_denoised.h5"), expected)
    done = run("map1.h5", "map2.h5", "broken.h5", "--output", "many", "--scheduler", address)
    assert done.exit_code == 1
    assert "2 done, 1 failed" in done.output
    assert done.output.count("map2.h5: done") == 1
    np.testing.assert_array_equal(counts_of("many/map1_denoised.h5"), expected)
    again = run("map1.h5", "map2.h5", "--output", "many", "--scheduler", address, "--resume")
    assert "2 already there" in again.output


def test_figures_are_drawn_where_a_file_is_denoised(folder, address):
    done = run("map1.h5", "map2.h5", "--output", "many", "--figures", "figures",
               "--scheduler", address)  # fmt: skip
    assert done.exit_code == 0, done.output
    names = {path.name.split("_")[0] for path in (folder / "figures").iterdir()}
    assert names == {"map1", "map2"}


@pytest.mark.slow
def test_workers_are_started_on_this_computer(folder):
    done = run("map1.h5", "--output", "here", "--workers", 2)
    assert done.exit_code == 0, done.output
    assert "workers: http://127.0.0.1:" in done.output
    assert run("map1.h5", "--output", "alone").exit_code == 0
    expected = counts_of("alone/map1_denoised.h5")
    np.testing.assert_array_equal(counts_of("here/map1_denoised.h5"), expected)


def test_a_scheduler_and_workers_at_once_are_refused(folder):
    done = run("map1.h5", "--workers", 2, "--scheduler", "tcp://127.0.0.1:9")
    assert done.exit_code == 1
    assert "leave out --workers" in str(done.exception)
