"""Counts behind links that lead nowhere: the link is named, and what would help."""

import h5py
import numpy as np
import pytest

from napari_xrf_denoise import FormatError, read
from napari_xrf_denoise.io import sniff

COUNTS = np.random.default_rng(0).poisson(3, (5, 7, 60)).astype(np.uint16)
EXTERNAL = h5py.ExternalLink("gone_master.h5", "/entry/data")
MISSING_FILE = (
    "is a link to gone_master.h5, /entry/data, which is missing; "
    "copy gone_master.h5 into the folder of scan.h5"
)
MISSING_NAME = "is a link to /xrfmap/gone, which this file does not hold"
CIRCLE = "is a link to itself in a circle"


def pyxrf(file):
    file.create_group("xrfmap/scan_metadata").attrs["file_format"] = "NSLS2-XRF-MAP"
    # What lies beside the counts has three axes too, and is no choice of counts.
    file["xrfmap/scalers/name"] = np.array([b"i0"])
    file["xrfmap/scalers/val"] = np.ones((5, 7, 1))
    return "/xrfmap/detsum/counts"


def larch(file):
    group = file.create_group("xrmmap")
    group.create_group("config")
    file["xrmmap/scalars/i0"] = np.ones((5, 7))
    return "/xrmmap/mcasum/counts"


def signal_of_nxdata(file):
    group = file.create_group("entry/data")
    group.attrs.update({"NX_class": "NXdata", "signal": "counts", "axes": ["y", "x", "energy"]})
    group["energy"] = 0.02 * np.arange(60)
    return "/entry/data/counts"


def bliss(file):
    file["1.1/title"] = "mesh"
    file["1.1/measurement/I0"] = np.ones(35)
    return "/1.1/measurement/fx_det0"


def of_no_layout(file):
    return "/raw/counts"


@pytest.fixture
def path(tmp_path):
    return tmp_path / "scan.h5"


def refused(path, **options):
    with pytest.raises(FormatError) as error:
        read(path, **options)
    return str(error.value)


@pytest.mark.parametrize("layout", [pyxrf, larch, signal_of_nxdata, bliss, of_no_layout])
def test_counts_in_a_file_that_is_missing_are_asked_for_by_its_name(path, layout):
    with h5py.File(path, "w") as file:
        name = layout(file)
        file[name] = EXTERNAL
    assert refused(path) == f"{path}, dataset {name}: {MISSING_FILE}"
    assert refused(path, dataset=name) == f"{path}, dataset {name}: {MISSING_FILE}"


@pytest.mark.parametrize(
    ("link", "words"), [("/xrfmap/gone", MISSING_NAME), ("/xrfmap/detsum/again", CIRCLE)]
)
def test_links_within_a_file_that_lead_nowhere_are_told_apart(path, link, words):
    with h5py.File(path, "w") as file:
        name = pyxrf(file)
        file[name] = h5py.SoftLink(link)
        file["xrfmap/detsum/again"] = h5py.SoftLink("counts")
    for options in ({}, {"dataset": name}):
        assert words in refused(path, **options)


def test_a_detector_element_that_is_missing_is_named_though_another_is_there(path):
    with h5py.File(path, "w") as file:
        pyxrf(file)
        file["xrfmap/det1/counts"] = COUNTS
        file["xrfmap/det2/counts"] = EXTERNAL
    assert sniff(path) == "pyxrf"
    assert refused(path) == f"{path}, dataset /xrfmap/det2/counts: {MISSING_FILE}"


def test_a_link_on_the_way_to_the_counts_is_the_one_that_is_named(path):
    with h5py.File(path, "w") as file:
        file["all/first"] = h5py.SoftLink("/elsewhere")
        file["elsewhere"] = EXTERNAL
    words = refused(path, dataset="/all/first/deeper/counts")
    assert words == f"{path}, dataset /elsewhere: {MISSING_FILE}"


def test_a_file_that_is_there_without_the_counts_is_named_for_that(path):
    with h5py.File(path.with_name("gone_master.h5"), "w") as file:
        file["entry/other"] = COUNTS
    with h5py.File(path, "w") as file:
        file["raw"] = EXTERNAL
    assert "which that file does not hold; copy gone_master.h5 again" in refused(path)


def test_a_file_named_with_its_whole_path_is_wanted_beside_this_one(path):
    with h5py.File(path, "w") as file:
        file["raw"] = h5py.ExternalLink("/gone/visitor/a.h5", "/counts")
    assert "copy a.h5 into the folder of scan.h5" in refused(path)
    with h5py.File(path.with_name("a.h5"), "w") as file:
        file["counts"] = COUNTS
    image = read(path, dataset="raw", energy_axis=-1, energy_gain=0.01)
    np.testing.assert_array_equal(image.counts[0], COUNTS)


def test_links_that_lead_nowhere_are_told_beside_datasets_to_choose_from(path):
    with h5py.File(path, "w") as file:
        file["here"] = COUNTS
        file["there"] = EXTERNAL
    words = refused(path)
    assert "/here (5, 7, 60)" in words
    assert "Links that lead nowhere: /there -> gone_master.h5, /entry/data" in words


@pytest.mark.parametrize("limit", [10**9, 1000], ids=["in memory", "on disk"])
def test_counts_behind_links_that_lead_somewhere_are_read(path, limit, monkeypatch):
    monkeypatch.setattr("napari_xrf_denoise.io.base.memory.IN_MEMORY_BYTES", limit)
    with h5py.File(path.with_name("part.h5"), "w") as file:
        file["deep/one"] = COUNTS
        file["deep/two"] = COUNTS + 1
    with h5py.File(path, "w") as file:
        pyxrf(file)
        file["xrfmap/det1/counts"] = h5py.ExternalLink("part.h5", "/deep/one")
        file["xrfmap/det2/counts"] = h5py.ExternalLink("part.h5", "/deep/two")
    image = read(path, energy_gain=0.01)
    np.testing.assert_array_equal(image.counts, [COUNTS, COUNTS + 1])
    names = ["/xrfmap/det1/counts", "/xrfmap/det2/counts"]
    image = read(path, dataset=names, energy_axis=2, energy_gain=0.01)
    np.testing.assert_array_equal(image.counts, [COUNTS, COUNTS + 1])
