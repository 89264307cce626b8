import tracemalloc

import dask.array
import h5py
import numpy as np
import pytest

from napari_xrf_denoise import DataError, EnergyAxis, FormatError, SpectrumImage, read, write
from napari_xrf_denoise.core.errors import CalibrationWarning
from napari_xrf_denoise.core.factored_counts import FactoredCounts
from napari_xrf_denoise.core.factors import Factors
from napari_xrf_denoise.core.lazy_arrays import is_dask
from napari_xrf_denoise.io import describe, sniff
from napari_xrf_denoise.io.base import memory


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
    monkeypatch.setattr("napari_xrf_denoise.io.base.memory.IN_MEMORY_BYTES", 1000)
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
    monkeypatch.setattr("napari_xrf_denoise.io.base.memory.IN_MEMORY_BYTES", 1000)
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
    monkeypatch.setattr("napari_xrf_denoise.io.base.memory.IN_MEMORY_BYTES", 1000)
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
    assert "/entry/data" in describe(path)


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
    assert np.asarray(image.counts).nbytes < memory.IN_MEMORY_BYTES
    assert isinstance(read(write(tmp_path / "map.h5", image)).counts, np.ndarray)


def poisson_image(n_repeats=1, **fields):
    """Counts with three axes of different lengths, so that a swapped axis cannot pass."""
    counts = np.random.default_rng(11).poisson(3.0, (n_repeats, 3, 5, 40)).astype(np.uint16)
    fields.setdefault("energy", EnergyAxis(-0.02, 0.01, 40))
    fields = {"pixel_size": (0.5, 0.25), "pixel_unit": "µm", "name": "Körner, 7", **fields}
    return SpectrumImage(counts, **fields)


@pytest.fixture
def live_time():
    return np.random.default_rng(12).uniform(0.5, 1.5, (2, 3, 5))


def test_silx_shows_spectra_over_their_energies(tmp_path):
    nxdata = pytest.importorskip("silx.io.nxdata", reason="needs pip install silx")
    image = poisson_image(2)
    path = write(tmp_path / "map.h5", image)
    with h5py.File(path) as file:
        plot = nxdata.get_default(file)
        assert plot.is_valid
        assert plot.interpretation == "spectrum"
        assert plot.is_curve
        assert plot.title == "Körner, 7"
        assert plot.axes_dataset_names == ["repeat", "y", "x", "energy"]
        np.testing.assert_array_equal(plot.signal[()], image.counts)
        np.testing.assert_allclose(plot.axes[3][()], -0.02 + 0.01 * np.arange(40))
        assert "energy (keV)" in plot.axes_names


def test_silx_finds_each_repeat_as_a_map_of_spectra(tmp_path):
    nxdata = pytest.importorskip("silx.io.nxdata", reason="needs pip install silx")
    image = poisson_image(2, repeat_kind="detector")
    path = write(tmp_path / "map.h5", image)
    with h5py.File(path) as file:
        for repeat in range(2):
            plot = nxdata.NXdata(file[f"entry/repeat_{repeat}"])
            assert plot.is_valid
            assert plot.interpretation == "spectrum"
            assert plot.title == f"Körner, 7, detector {repeat}"
            np.testing.assert_array_equal(plot.signal[()], image.counts[repeat])
            y, x, energy = (axis[()] for axis in plot.axes)
            np.testing.assert_allclose(y, [0, 0.5, 1.0])
            np.testing.assert_allclose(x, [0, 0.25, 0.5, 0.75, 1.0])
            np.testing.assert_allclose(energy, -0.02 + 0.01 * np.arange(40))


@pytest.fixture
def pymca_stack():
    """Loads a stack as PyMca does when its user picks a dataset of spectra."""
    module = pytest.importorskip("PyMca5.PyMcaIO.HDF5Stack1D", reason="needs pip install PyMca5")
    return lambda path, name: module.HDF5Stack1D([str(path)], {"y": name})


def test_pymca_loads_a_map_with_shape_calibration_pixels_and_live_time(
    tmp_path, pymca_stack, live_time
):
    image = poisson_image(scalers={"live_time": live_time[0]})
    path = write(tmp_path / "map.h5", image)
    stack = pymca_stack(path, "/entry/repeat_0/counts")
    np.testing.assert_array_equal(stack.data, image.counts[0])
    np.testing.assert_allclose(stack.info["McaCalib"], [-0.02, 0.01, 0.0])
    np.testing.assert_array_equal(stack.x[0], np.arange(40))
    np.testing.assert_allclose(stack.info["yScale"], [0.0, 0.5])
    np.testing.assert_allclose(stack.info["xScale"], [0.0, 0.25])
    np.testing.assert_allclose(np.ravel(stack.info["McaLiveTime"]), live_time[0].ravel())


def test_pymca_gets_the_calibration_and_live_time_of_each_detector_element(
    tmp_path, pymca_stack, live_time
):
    energies = (EnergyAxis(-0.02, 0.01, 40), EnergyAxis(0.03, 0.011, 40))
    image = poisson_image(
        2, repeat_kind="detector", repeat_energies=energies, scalers={"live_time": live_time}
    )
    path = write(tmp_path / "map.h5", image)
    for repeat, axis in enumerate(energies):
        stack = pymca_stack(path, f"/entry/repeat_{repeat}/counts")
        np.testing.assert_array_equal(stack.data, image.counts[repeat])
        np.testing.assert_allclose(stack.info["McaCalib"], [axis.offset, axis.gain, 0.0])
        np.testing.assert_allclose(np.ravel(stack.info["McaLiveTime"]), live_time[repeat].ravel())


def test_pymca_lists_the_spectra_of_the_file(tmp_path):
    tools = pytest.importorskip("PyMca5.PyMcaCore.NexusTools", reason="needs pip install PyMca5")
    path = write(tmp_path / "map.h5", poisson_image(2))
    with h5py.File(path) as file:
        names = tools.getMcaList(file, "/entry")
    assert {"/entry/data/counts", "/entry/repeat_0/counts", "/entry/repeat_1/counts"} == set(names)


def test_pymca_loads_a_list_of_spectra(tmp_path, pymca_stack):
    counts = np.random.default_rng(13).poisson(3.0, (7, 1, 1, 40)).astype(np.uint16)
    path = write(tmp_path / "spectra.h5", SpectrumImage(counts, EnergyAxis(-0.02, 0.01, 40)))
    stack = pymca_stack(path, "/entry/data/counts")
    np.testing.assert_array_equal(stack.data, counts.reshape(1, 7, 40))
    with h5py.File(path) as file:
        assert "repeat_0" not in file["entry"]  # nothing to gain for spectra without pixels


def test_a_quadratic_calibration_is_three_numbers_for_pymca(tmp_path):
    channels = np.arange(4096)
    centers = -0.1 + 0.01 * channels + 1e-7 * channels**2
    counts = np.ones((1, 1, 2, 4096), dtype=np.uint8)
    path = write(tmp_path / "map.h5", SpectrumImage(counts, EnergyAxis.from_centers(centers)))
    with h5py.File(path) as file:
        calibration = file["entry/repeat_0/calibration"][()]
    np.testing.assert_allclose(calibration, [-0.1, 0.01, 1e-7], rtol=1e-6)


def test_no_calibration_is_given_that_would_be_wrong(tmp_path, make_image):
    bent = EnergyAxis.from_centers(np.exp(np.linspace(0, 3, 40)))
    for name, energy in (("bent", bent), ("none", None)):
        path = write(tmp_path / f"{name}.h5", make_image(energy=energy))
        with h5py.File(path) as file:
            assert "calibration" not in file["entry/repeat_0"]
            assert file["entry/repeat_0/energy"].shape == (40,)


def test_views_for_other_programs_store_no_counts_twice(tmp_path):
    counts = np.random.default_rng(14).integers(0, 60_000, (1, 40, 50, 200)).astype(np.uint16)
    path = write(tmp_path / "map.h5", SpectrumImage(counts, EnergyAxis(0.0, 0.01, 200)))
    assert path.stat().st_size < 1.1 * counts.nbytes
    renamed = path.rename(tmp_path / "umbenannt ä.h5")
    with h5py.File(renamed) as file:
        np.testing.assert_array_equal(file["entry/repeat_0/counts"][3], counts[0, 3])


def test_a_file_from_before_there_were_views_is_read(tmp_path, assert_same):
    image = poisson_image(2)
    path = write(tmp_path / "older.h5", image)
    with h5py.File(path, "r+") as file:
        del file["entry/repeat_0"], file["entry/repeat_1"]
        del file["entry/data/counts"].attrs["interpretation"]
    assert_same(read(path), image)


def test_how_a_file_was_made_and_what_was_measured_beside_it_survive(tmp_path, live_time):
    energies = (EnergyAxis(-0.02, 0.01, 40), EnergyAxis(0.03, 0.011, 40))
    record = {"method": "stack", "rank": 16, "report": {"dose_gain": 12.5, "warnings": ["drift"]}}
    image = poisson_image(
        2,
        repeat_kind="detector",
        repeat_energies=energies,
        scalers={"live_time": live_time, "I0/V": live_time[1]},
        metadata={"denoising": record, "warnings": ["the last row was not finished"]},
    )
    found = read(write(tmp_path / "map.h5", image))
    assert found.metadata["denoising"] == record
    assert found.metadata["warnings"] == ["the last row was not finished"]
    assert [axis.as_dict() for axis in found.repeat_energies] == [
        axis.as_dict() for axis in energies
    ]
    assert set(found.scalers) == {"live_time", "I0/V"}
    for name, values in image.scalers.items():
        np.testing.assert_array_equal(found.scalers[name], values)
