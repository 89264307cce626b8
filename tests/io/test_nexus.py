import tracemalloc

import dask.array
import h5py
import numpy as np
import pytest

from napari_xrf_denoise import DataError, EnergyAxis, FormatError, SpectrumImage, read, write
from napari_xrf_denoise.arrays import is_dask
from napari_xrf_denoise.errors import CalibrationWarning
from napari_xrf_denoise.factored import FactoredCounts
from napari_xrf_denoise.factors import Factors
from napari_xrf_denoise.io import _found, describe, sniff


def test_everything_survives_a_round_trip(tmp_path, make_image, assert_same):
    image = make_image(
        repeat_kind="detector",
        pixel_size=(0.5, 0.25),
        pixel_unit="µm",
        name="grain 7, ärö",
        metadata={
            "live_time": 0.1,
            "overflow_counts": [1, 2],
            "model": {"method": "stack", "rank": 16, "losses": [1.0, 0.5]},
            "nothing": None,
        },
    )
    again = read(write(tmp_path / "map.h5", image))
    assert_same(again, image)
    assert {**again.metadata} == {**image.metadata, "source": "map.h5", "warnings": []}


@pytest.mark.parametrize("suffix", [".h5", ".hdf5", ".nxs"])
@pytest.mark.parametrize("dtype", ["u1", "u2", "i2", "u4", "i8", "f4", "f8"])
def test_each_type_of_counts_stays_what_it_is(tmp_path, make_image, suffix, dtype):
    image = make_image((1, 2, 3, 20), dtype=dtype)
    again = read(write(tmp_path / f"map{suffix}", image))
    assert again.counts.dtype == np.dtype(dtype)
    np.testing.assert_array_equal(again.counts, image.counts)


def test_irregular_energies_survive_exactly(tmp_path, make_image, assert_same):
    channels = np.arange(4096)
    energy = EnergyAxis.from_centers(-0.1 + 0.01 * channels + 1e-7 * channels**2)
    assert not energy.is_linear
    image = make_image((1, 1, 2, 4096), energy=energy)
    assert_same(read(write(tmp_path / "quadratic.h5", image)), image)


def test_missing_calibration_stays_missing_and_warns_again(tmp_path, make_image):
    path = write(tmp_path / "map.h5", make_image(energy=None))
    with pytest.warns(CalibrationWarning, match=r"map\.h5: .*energy_offset.*--energy-gain"):
        image = read(path)
    assert not image.energy.calibrated
    assert (image.energy.offset, image.energy.gain) == (0.0, 1.0)
    assert len(image.metadata["warnings"]) == 1


def test_a_calibration_given_later_takes_the_warning_away(tmp_path, make_image):
    path = write(tmp_path / "map.h5", make_image(energy=None))
    with pytest.warns(CalibrationWarning):
        image = read(path)
    image = read(write(tmp_path / "again.h5", image), energy_offset=-0.1, energy_gain=0.02)
    assert (image.energy.offset, image.energy.gain) == (-0.1, 0.02)
    assert image.metadata["warnings"] == []


def test_the_first_source_stays_on_record(tmp_path, make_image):
    image = make_image(metadata={"source": "beamtime_0042.h5"})
    assert read(write(tmp_path / "copy.h5", image)).metadata["source"] == "beamtime_0042.h5"


def test_other_programs_find_signal_axes_and_units(tmp_path, make_image):
    path = write(tmp_path / "map.nxs", make_image(pixel_size=(0.5, 0.25), pixel_unit="µm"))
    with h5py.File(path) as file:
        assert file.attrs["default"] == "entry"
        data = file["entry"][file["entry"].attrs["default"]]
        assert data.attrs["NX_class"] == "NXdata"
        assert list(data.attrs["axes"]) == ["repeat", "y", "x", "energy"]
        signal = data[data.attrs["signal"]]
        assert signal.shape == (2, 3, 4, 40)
        for axis, length in zip(data.attrs["axes"], signal.shape, strict=True):
            assert data[axis].shape == (length,)
        assert data["energy"].attrs["units"] == "keV"
        np.testing.assert_allclose(data["energy"][:2], [-0.02, -0.01])
        np.testing.assert_allclose(data["x"][:3], [0, 0.25, 0.5])
        assert data["y"].attrs["units"] == "µm"


def test_a_file_of_this_layout_from_elsewhere_is_read_too(tmp_path):
    path = tmp_path / "theirs.nxs"
    with h5py.File(path, "w") as file:
        data = file.create_group("entry/data")
        data.attrs.update(
            {"NX_class": "NXdata", "signal": "counts", "axes": ["repeat", "y", "x", "energy"]}
        )
        data["counts"] = np.ones((1, 2, 3, 50), dtype=np.uint16)
        data["energy"] = np.arange(50) * 20.0
        data["energy"].attrs["units"] = "eV"
    image = read(path)
    assert image.energy.gain == pytest.approx(0.02)
    assert image.name == "theirs"


def test_large_maps_are_lazy_and_no_file_stays_open(tmp_path, make_image, monkeypatch):
    monkeypatch.setattr("napari_xrf_denoise.io._hdf5.IN_MEMORY_BYTES", 1000)
    image = make_image((2, 9, 8, 64))
    path = write(tmp_path / "large.h5", image)
    lazy = read(path)
    assert is_dask(lazy.counts)
    assert lazy.counts.numblocks[-1] == 1  # whole spectra
    np.testing.assert_array_equal(lazy.counts.compute(), image.counts)
    path.rename(tmp_path / "moved.h5")  # which Windows allows for closed files only


@pytest.mark.parametrize("suffix", [".h5", ".tif"])
def test_a_lazy_map_is_written_without_the_whole_in_memory(tmp_path, suffix):
    counts = dask.array.ones((1, 600, 64, 1024), chunks=(1, 20, 64, 1024), dtype=np.uint8)
    tracemalloc.start()
    path = write(tmp_path / f"large{suffix}", SpectrumImage(counts, EnergyAxis(0, 0.01, 1024)))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < counts.nbytes
    assert read(path).sum_spectrum().sum() == counts.size


def test_a_lazy_map_notices_that_its_file_was_replaced(tmp_path, make_image, monkeypatch):
    monkeypatch.setattr("napari_xrf_denoise.io._hdf5.IN_MEMORY_BYTES", 1000)
    path = write(tmp_path / "large.h5", make_image((2, 9, 8, 64)))
    lazy = read(path)
    write(path, make_image((2, 9, 8, 32)), overwrite=True)
    with pytest.raises(FormatError, match=r"large\.h5.*changed"):
        lazy.counts.compute()


def test_bad_counts_in_a_lazy_map_are_refused_when_read(tmp_path, make_image, monkeypatch):
    path = write(tmp_path / "large.h5", make_image((1, 9, 8, 64), dtype=np.float32))
    with h5py.File(path, "r+") as file:
        file["entry/data/counts"][0, 5, 2, 3] = np.nan
    with pytest.raises(DataError, match=r"large\.h5.*y 5, x 2, energy 3"):
        read(path)
    monkeypatch.setattr("napari_xrf_denoise.io._hdf5.IN_MEMORY_BYTES", 1000)
    with pytest.raises(DataError, match="y 5, x 2, energy 3"):
        read(path).sum_spectrum()


def test_whole_counts_are_stored_compressed(tmp_path):
    counts = np.random.default_rng(0).poisson(0.02, (1, 50, 50, 1024)).astype(np.uint16)
    path = write(tmp_path / "map.h5", SpectrumImage(counts))
    assert path.stat().st_size < counts.nbytes / 5


def test_factored_counts_are_written_band_by_band(tmp_path, monkeypatch):
    scores, spectra = np.arange(90 * 100).reshape(90, 100, 1) % 31, np.arange(2048)[None] % 7
    image = SpectrumImage(FactoredCounts(scores, spectra), EnergyAxis(0.0, 0.01, 2048))
    computed = []
    product = Factors.product
    monkeypatch.setattr(
        Factors, "product", lambda self: computed.append(self.shape) or product(self)
    )
    again = read(write(tmp_path / "map.h5", image))
    assert computed == [(40, 100, 2048), (40, 100, 2048), (10, 100, 2048)]
    np.testing.assert_array_equal(again.counts[0], scores * spectra)


def test_metadata_that_json_cannot_hold_is_refused_by_name(tmp_path, make_image):
    with pytest.raises(DataError, match=r"map\.h5: metadata\['model'\] is a object"):
        write(tmp_path / "map.h5", make_image(metadata={"model": object()}))
    assert list(tmp_path.iterdir()) == []


def test_numpy_values_and_tuples_in_metadata_come_back_as_plain_ones(tmp_path, make_image):
    metadata = {"gain": np.float64(2.5), "mask": np.array([True, False]), "pair": (1, 2)}
    again = read(write(tmp_path / "map.h5", make_image(metadata=metadata)))
    assert again.metadata["gain"] == 2.5
    assert type(again.metadata["gain"]) is float
    assert again.metadata["mask"] == [True, False]
    assert again.metadata["pair"] == [1, 2]


def test_a_file_of_a_later_version_says_to_upgrade(tmp_path, make_image):
    path = write(tmp_path / "map.h5", make_image())
    with h5py.File(path, "r+") as file:
        file.attrs["format_version"] = 99
    with pytest.raises(FormatError, match=r"version.*99.*upgrade"):
        read(path)


def test_energies_of_another_length_are_refused(tmp_path, make_image):
    path = write(tmp_path / "map.h5", make_image())
    with h5py.File(path, "r+") as file:
        del file["entry/data/energy"]
        file["entry/data/energy"] = np.arange(7.0)
    with pytest.raises(FormatError, match=r"/entry/data/energy: .*40 channels.*\(7,\)"):
        read(path)


def test_our_files_are_recognised_with_a_reason(tmp_path, make_image):
    path = write(tmp_path / "map.h5", make_image())
    assert sniff(path) == "nexus"
    assert "/entry/data" in str(describe(path))


def test_the_content_decides_and_not_the_suffix(tmp_path, make_image):
    path = write(tmp_path / "map.h5", make_image())
    renamed = path.rename(tmp_path / "map.dat")
    assert sniff(renamed) == "nexus"
    assert read(renamed).shape == (2, 3, 4, 40)


@pytest.mark.parametrize("share", [0.001, 0.05, 0.3, 0.6, 0.9, 0.99])
def test_a_file_cut_off_anywhere_is_refused(tmp_path, make_image, share):
    content = write(tmp_path / "map.h5", make_image((2, 30, 40, 40))).read_bytes()
    path = tmp_path / "cut.h5"
    path.write_bytes(content[: int(len(content) * share)])
    with pytest.raises(FormatError, match=r"cut\.h5"):
        read(path)
    assert sniff(path) is None


def test_small_maps_are_read_at_once(tmp_path, make_image):
    image = make_image()
    assert np.asarray(image.counts).nbytes < _found.IN_MEMORY_BYTES
    assert isinstance(read(write(tmp_path / "map.h5", image)).counts, np.ndarray)
