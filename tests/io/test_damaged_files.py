"""Files that were cut off or altered are refused by an error of ours, or read: never worse.

They are read in another process, so that a crash or a hang of a library is a failed test.
"""

import shutil
from pathlib import Path

import h5py
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import napari_xrf_denoise as xrf
from tests.helpers.reading_process import ReadingProcess
from tests.io.hdf5 import test_aps_maps as test_maps
from tests.io.hdf5 import test_bliss, test_hsi_analysis, test_larch, test_nxdata, test_pyxrf
from tests.io.images import test_tiff_folder
from tests.io.images import test_zarr as test_zarr_store
from tests.io.instruments import test_edf, test_ripple
from tests.io.text import test_mca as test_spectrum_text

COUNTS = np.random.default_rng(0).poisson(3, (1, 5, 6, 40)).astype(np.uint16)
IMAGE = xrf.SpectrumImage(COUNTS, xrf.EnergyAxis(0.0, 0.01, 40))
REAL = ("P45_the_default_job.bcf", "2xfm_0011_2xfm3__0.h5", "05_xrf_spectra.csv")


def array(folder):
    np.save(folder / "cube.npy", COUNTS[0])
    return folder / "cube.npy"


def hdf5(folder):
    with h5py.File(folder / "cube.h5", "w") as file:
        file.create_dataset("counts", data=COUNTS[0], chunks=(1, 6, 40), compression="gzip")
    return folder / "cube.h5"


def text(name, content):
    return lambda folder: test_spectrum_text.save(folder / name, content)


# What makes a file, and what one has to say to read it.
EXAMPLES = {
    "nexus": (lambda folder: xrf.write(folder / "a.h5", IMAGE), {}),
    "ome-tiff": (lambda folder: xrf.write(folder / "a.ome.tif", IMAGE), {}),
    "csv": (lambda folder: xrf.write(folder / "a.csv", IMAGE.select(y=0, x=slice(0, 1))), {}),
    "npy": (array, {"energy_axis": -1}),
    "hdf5": (hdf5, {"dataset": "counts", "energy_axis": -1}),
    "pyxrf": (lambda folder: _path(folder / "a.h5", test_pyxrf.write_map), {}),
    "larch": (lambda folder: _path(folder / "a.h5", test_larch.write_map), {}),
    "maps": (lambda folder: _path(folder / "a.h5", test_maps.write_map), {}),
    "maps raw": (lambda folder: _path(folder / "a.h5", test_maps.write_fly_scan), {}),
    "nxdata": (lambda folder: test_nxdata.pymca_export(folder / "a.h5"), {}),
    "bliss": (lambda folder: test_bliss.make(folder / "a.h5"), {}),
    "hsi_analysis": (lambda folder: test_hsi_analysis.make(folder / "a.h5"), {}),
    "edf": (test_edf.write_scan, {}),
    "ripple header": (test_ripple.save, {}),
    "ripple data": (lambda folder: test_ripple.save(folder).with_suffix(".raw"), {}),
    "amptek": (text("a.mca", test_spectrum_text.amptek()), {}),
    "emsa": (text("a.msa", test_spectrum_text.emsa()), {}),
    "spec": (text("a.spec", test_spectrum_text.spec()), {}),
    "zarr": (lambda folder: test_zarr_store.zipped(test_zarr_store.ome(folder / "a.zarr")), {}),
    "tiff_folder": (lambda folder: test_tiff_folder.save(folder / "tiffs"), {}),
}


def _path(path, write):
    write(path)
    return path


@pytest.fixture(scope="module")
def process():
    with ReadingProcess() as running:
        yield running


@pytest.fixture(scope="module")
def make(tmp_path_factory):
    """Return what gives the path to read, the path to damage and the options of an example."""
    made = {}

    def example(name):
        if name not in made:
            write, options = EXAMPLES[name]
            path = Path(write(tmp_path_factory.mktemp("files")))
            damaged = sorted(path.iterdir())[1] if path.is_dir() else path
            made[name] = path, damaged, damaged.read_bytes(), options
        return made[name]

    return example


def check(process, path, **options):
    kind, what = process.read(path, **options)
    assert kind in ("read", "refused"), f"{kind}: {what}"
    if kind == "refused":
        # One file of a scan of several, or of a folder, may be at fault in place of that named.
        assert str(path.parent) in what, f"does not name the file: {what}"
    return kind


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_examples_are_read(process, make, name):
    path, _, _, options = make(name)
    assert process.read(path, **options)[0] == "read"


@pytest.mark.parametrize("name", EXAMPLES)
def test_a_file_cut_anywhere_is_an_error_of_ours_at_worst(process, make, name):
    path, damaged, content, options = make(name)
    try:
        for place in np.linspace(0, len(content) - 1, 10).astype(int):
            damaged.write_bytes(content[:place])
            check(process, path, **options)
    finally:
        damaged.write_bytes(content)


@pytest.mark.slow
@pytest.mark.parametrize("name", EXAMPLES)
def test_altered_bytes_are_an_error_of_ours_at_worst(process, make, name):
    path, damaged, content, options = make(name)

    # Headers stand first in most formats, so half of the changes go there.
    places = st.one_of(st.integers(0, len(content) - 1), st.integers(0, min(len(content), 600) - 1))

    @settings(
        max_examples=40,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(st.lists(st.tuples(places, st.integers(0, 255)), min_size=1, max_size=8))
    def alter(changes):
        altered = bytearray(content)
        for place, value in changes:
            altered[place] = value
        damaged.write_bytes(altered)
        check(process, path, **options)

    try:
        alter()
    finally:
        damaged.write_bytes(content)


@pytest.mark.slow
@pytest.mark.parametrize("name", REAL)
def test_altered_measured_files_are_an_error_of_ours_at_worst(process, shared_data, tmp_path, name):
    content = (shared_data / name).read_bytes()
    rng = np.random.default_rng(1)
    for attempt in range(25):
        altered = bytearray(content)
        most = len(content) if attempt % 2 else 5000
        for place in rng.integers(0, most, int(rng.integers(1, 20))):
            altered[place] = int(rng.integers(256))
        path = tmp_path / name
        path.write_bytes(altered)
        check(process, path)


@pytest.mark.parametrize("name", ["nexus", "pyxrf", "csv", "emsa"])
def test_names_in_any_script_are_read(process, make, tmp_path, name):
    path, _, _, options = make(name)
    other = tmp_path / f"Gemälde 蛍光 {path.name}"
    shutil.copy(path, other)
    assert process.read(other, **options)[0] == "read"
