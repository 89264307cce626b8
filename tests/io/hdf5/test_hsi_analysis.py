import h5py
import numpy as np
import pytest

from napari_xrf_denoise import FormatError, read
from napari_xrf_denoise.core.lazy_arrays import is_dask
from napari_xrf_denoise.io import sniff
from napari_xrf_denoise.io.base import contents as _found
from napari_xrf_denoise.io.hdf5 import hsi_analysis
from napari_xrf_denoise.io.options import ReadOptions

CUBE = np.random.default_rng(7).poisson(3, (5, 7, 60)).astype(np.float32)
KEV = -0.1 + 0.2 * np.arange(60)


def make(path, cube="XRFdata", scale="ENERGY", energies=KEV, counts=CUBE):
    with h5py.File(path, "w") as file:
        file[cube] = counts
        if scale:
            file[scale] = energies
    return path


def read_image(path, **options):
    options = ReadOptions(**options)
    image, _ = _found.build(hsi_analysis.read(path, options), path, options)
    return image


@pytest.mark.parametrize("cube", ["XRFdata", "data"])
@pytest.mark.parametrize("scale", ["ENERGY", "WL"])
@pytest.mark.parametrize("factor", [1, 1000])  # keV, eV
def test_cube_and_energies_are_read(tmp_path, cube, scale, factor):
    path = make(tmp_path / "grün.h5", cube, scale, KEV * factor)
    assert cube in hsi_analysis.recognise(path)
    image = read_image(path)
    assert image.shape == (1, 5, 7, 60)
    np.testing.assert_array_equal(image.counts[0], CUBE)
    np.testing.assert_allclose(image.energy.centers, KEV, atol=1e-12)
    assert image.metadata["warnings"] == []


def test_counts_keep_their_type(tmp_path):
    image = read_image(make(tmp_path / "map.h5", counts=CUBE.astype(np.uint16)))
    assert image.counts.dtype == np.uint16


def test_irregular_energies_keep_their_true_centres(tmp_path):
    kev = KEV + 1e-3 * np.arange(60) ** 2
    np.testing.assert_allclose(
        read_image(make(tmp_path / "map.h5", energies=kev)).energy.centers, kev
    )


@pytest.mark.parametrize("ends", [(400, 1000), (900, 1700), (350, 2500)])
def test_wavelengths_are_not_taken_for_energies(tmp_path, ends):
    path = make(tmp_path / "light.h5", "data", "WL", np.linspace(*ends, 60))
    assert hsi_analysis.recognise(path) is None
    image = read_image(path)
    assert not image.energy.calibrated
    assert "wavelength" in image.metadata["warnings"][0]


def test_energies_that_fall_are_warned_of(tmp_path):
    image = read_image(make(tmp_path / "map.h5", energies=KEV[::-1]))
    assert not image.energy.calibrated
    assert "--energy-gain" in image.metadata["warnings"][0]


@pytest.mark.parametrize(
    ("scale", "energies", "counts"),
    [("", KEV, CUBE), ("ENERGY", KEV[:-1], CUBE), ("ENERGY", KEV, CUBE[0])],
)
def test_what_lacks_a_part_is_not_recognised(tmp_path, scale, energies, counts):
    path = make(tmp_path / "map.h5", "data", scale, energies, counts)
    assert hsi_analysis.recognise(path) is None


def test_without_energies_they_are_asked_for(tmp_path):
    image = read_image(make(tmp_path / "map.h5", scale=""))
    np.testing.assert_array_equal(image.counts[0], CUBE)
    assert not image.energy.calibrated


def test_energies_of_another_length_are_refused(tmp_path):
    with pytest.raises(FormatError, match=r"map\.h5, dataset /XRFdata: .*60 channels.*\(50,\)"):
        read_image(make(tmp_path / "map.h5", energies=KEV[:50]))


def test_a_cube_of_two_axes_is_refused(tmp_path):
    with pytest.raises(FormatError, match=r"map\.h5, dataset /XRFdata: .*\(7, 60\)"):
        read_image(make(tmp_path / "map.h5", counts=CUBE[0]))


def test_a_link_that_leads_nowhere_is_refused(tmp_path):
    path = tmp_path / "links.h5"
    with h5py.File(path, "w") as file:
        file["XRFdata"] = h5py.SoftLink("/lost")
        file["ENERGY"] = KEV
    assert hsi_analysis.recognise(path) is None
    with pytest.raises(FormatError, match=r"links\.h5, dataset /XRFdata"):
        read_image(path)


def test_large_cubes_stay_on_disk(tmp_path, monkeypatch):
    path = make(tmp_path / "large.h5")
    monkeypatch.setattr("napari_xrf_denoise.io.base.memory.IN_MEMORY_BYTES", 1000)
    image = read_image(path)
    assert is_dask(image.counts)
    np.testing.assert_array_equal(image.counts.compute()[0], CUBE)


def test_a_file_cut_off_is_refused(tmp_path):
    path = make(tmp_path / "cut.h5")
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    with pytest.raises(FormatError, match=r"cut\.h5"):
        read_image(path)


# This passes once the layout is in the table.
def test_read_finds_the_layout_by_itself(tmp_path):
    path = make(tmp_path / "map.h5")
    assert sniff(path) == "hsi_analysis"
    np.testing.assert_array_equal(read(path).counts[0], CUBE)
