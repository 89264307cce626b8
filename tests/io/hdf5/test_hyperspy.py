import h5py
import numpy as np
import pytest

from napari_xrf_denoise import EnergyAxis, FormatError, SpectrumImage
from napari_xrf_denoise import read as read_any
from napari_xrf_denoise import write as write_any
from napari_xrf_denoise.core.lazy_arrays import is_dask
from napari_xrf_denoise.io.base.contents import build
from napari_xrf_denoise.io.hdf5.hyperspy import read, recognise, write
from napari_xrf_denoise.io.options import ReadOptions

OPTIONS = ReadOptions()


def poisson_image(shape=(2, 3, 5, 40), **fields):
    """Counts with three axes of different lengths, so that a swapped axis cannot pass."""
    counts = np.random.default_rng(21).poisson(3.0, shape).astype(np.uint16)
    fields.setdefault("energy", EnergyAxis(-0.02, 0.01, shape[-1]))
    fields = {"pixel_size": (0.5, 0.25), "pixel_unit": "µm", "name": "Körner / 7", **fields}
    return SpectrumImage(counts, **fields)


def again(path):
    return build(read(path, OPTIONS), path, OPTIONS)[0]


@pytest.fixture
def hspy_reader():
    return pytest.importorskip(
        "rsciio.hspy", reason='needs pip install "napari-xrf-denoise[formats]"'
    ).file_reader


@pytest.mark.parametrize("shape", [(1, 3, 5, 40), (2, 3, 5, 40), (7, 1, 1, 40), (1, 1, 1, 40)])
def test_everything_survives_a_round_trip(tmp_path, assert_same, shape):
    rng = np.random.default_rng(22)
    image = poisson_image(
        shape,
        repeat_kind="frame",
        scalers={"live_time": rng.uniform(1, 2, shape[:3]), "I0/V": rng.uniform(1, 2, shape[1:3])},
        metadata={"denoising": {"method": "stack", "losses": [1.5, 0.5]}, "nothing": None},
    )
    path = tmp_path / "map.hspy"
    write(path, image)
    found = again(path)
    assert_same(found, image)
    assert {**found.metadata} == {**image.metadata, "source": "map.hspy", "warnings": []}
    assert set(found.scalers) == {"live_time", "I0/V"}
    for name, values in image.scalers.items():
        of_each = [np.broadcast_to(array, shape[:3]) for array in (found.scalers[name], values)]
        np.testing.assert_array_equal(*of_each)


def test_the_public_functions_write_and_read_it(tmp_path, assert_same):
    image = poisson_image()
    assert_same(read_any(write_any(tmp_path / "map.hspy", image)), image)


@pytest.mark.parametrize("lazy", [False, True])
def test_rosettasciio_reads_counts_axes_and_title(tmp_path, hspy_reader, lazy):
    image = poisson_image(scalers={"live_time": np.ones((3, 5))})
    write(tmp_path / "a.hspy", image)
    (signal,) = hspy_reader(str(tmp_path / "a.hspy"), lazy=lazy)
    np.testing.assert_array_equal(np.asarray(signal["data"]), image.counts)
    axes = [(axis["name"], axis["size"], axis["scale"]) for axis in signal["axes"]]
    assert axes == [("repeat", 2, 1.0), ("y", 3, 0.5), ("x", 5, 0.25), ("energy", 40, 0.01)]
    assert [axis["navigate"] for axis in signal["axes"]] == [True, True, True, False]
    assert [axis["units"] for axis in signal["axes"]] == [None, "µm", "µm", "keV"]
    assert signal["axes"][3]["offset"] == -0.02
    assert signal["metadata"]["General"]["title"] == "Körner / 7"


def test_one_map_has_no_axis_of_repeats_in_hyperspy(tmp_path, hspy_reader):
    image = poisson_image((1, 3, 5, 40))
    write(tmp_path / "a.hspy", image)
    (signal,) = hspy_reader(str(tmp_path / "a.hspy"))
    np.testing.assert_array_equal(signal["data"], image.counts[0])
    assert [axis["name"] for axis in signal["axes"]] == ["y", "x", "energy"]


def test_metadata_of_the_vendor_are_where_hyperspy_expects_them(tmp_path, hspy_reader):
    detector = {"live_time": 12.5, "names": ["a", "b"], "empty": [], "deep": [{"x": 1}, [2, 3]]}
    vendor = {
        "General": {"title": "old", "date": "2024-05-01"},
        "Signal": {"signal_type": "EDS_TEM"},
        "Acquisition_instrument": {"TEM": {"beam_energy": 200.0, "stage": None, "EDS": detector}},
        "_HyperSpy": {"Folding": {"unfolded": True}},
    }
    write(tmp_path / "a.hspy", poisson_image(metadata={"vendor": vendor}))
    (signal,) = hspy_reader(str(tmp_path / "a.hspy"))
    metadata = signal["metadata"]
    assert metadata["Acquisition_instrument"] == vendor["Acquisition_instrument"]
    assert metadata["Signal"]["signal_type"] == "EDS_TEM"
    assert metadata["General"] == {"title": "Körner / 7", "date": "2024-05-01"}
    assert "_HyperSpy" not in metadata
    assert again(tmp_path / "a.hspy").metadata["vendor"] == vendor


def test_a_long_record_is_kept_whole(tmp_path):
    losses = list(np.random.default_rng(23).uniform(size=20_000))  # an attribute holds 64 KiB
    write(tmp_path / "a.hspy", poisson_image(metadata={"denoising": {"losses": losses}}))
    assert again(tmp_path / "a.hspy").metadata["denoising"]["losses"] == losses


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "ä ö", "a\0b"])
def test_every_name_can_be_written(tmp_path, name):
    write(tmp_path / "a.hspy", poisson_image(name=name))
    assert again(tmp_path / "a.hspy").name == (name.replace("\0", "") or "a")


def test_axes_that_were_cropped_and_scaled_in_hyperspy_win_over_the_record(tmp_path):
    energies = (EnergyAxis(-0.02, 0.01, 40),) * 2
    image = poisson_image(
        repeat_energies=energies, scalers={"live_time": np.ones((3, 5))}, name="map"
    )
    path = tmp_path / "a.hspy"
    write(path, image)
    with h5py.File(path, "r+") as file:
        signal = file["Experiments/map"]
        del signal["data"]
        signal["data"] = image.counts[:, 1:, :, 4:24]
        signal["axis-3"].attrs.update({"offset": 20.0, "scale": 10.0, "units": "eV"})
        signal["axis-1"].attrs.update({"scale": 500.0, "units": "nm"})
    found = again(path)
    np.testing.assert_array_equal(found.counts, image.counts[:, 1:, :, 4:24])
    assert (found.energy.offset, found.energy.gain) == pytest.approx((0.02, 0.01))
    assert found.pixel_size == pytest.approx((0.5, 0.25))
    assert found.repeat_energies is None
    assert "live_time" not in found.scalers
    assert "live_time" in found.metadata["warnings"][-1]


def test_axes_are_found_by_name_in_any_order(tmp_path):
    image = poisson_image(name="map")
    path = tmp_path / "a.hspy"
    write(path, image)
    with h5py.File(path, "r+") as file:
        signal = file["Experiments/map"]
        del signal["data"]
        signal["data"] = image.counts.transpose(0, 2, 1, 3)
        signal.move("axis-1", "axis-y")
        signal.move("axis-2", "axis-1")
        signal.move("axis-y", "axis-2")
    found = again(path)
    np.testing.assert_array_equal(found.counts, image.counts)
    assert found.pixel_size == (0.5, 0.25)


def test_large_maps_are_lazy(tmp_path, monkeypatch):
    monkeypatch.setattr("napari_xrf_denoise.io.base.memory.IN_MEMORY_BYTES", 1000)
    image = poisson_image((2, 9, 8, 64))
    write(tmp_path / "a.hspy", image)
    found = again(tmp_path / "a.hspy")
    assert is_dask(found.counts)
    np.testing.assert_array_equal(found.counts.compute(), image.counts)


def test_our_files_are_told_from_those_of_hyperspy(tmp_path, shared_data):
    write(tmp_path / "a.hspy", poisson_image())
    assert "record of napari-xrf-denoise" in recognise(tmp_path / "a.hspy")
    assert recognise(shared_data / "SiO2_EDS_SI.hspy") is None


def test_a_link_that_leads_nowhere_is_passed_over(tmp_path):
    path = tmp_path / "a.hspy"
    write(path, poisson_image())
    with h5py.File(path, "r+") as file:
        file["Experiments"]["a lost one"] = h5py.SoftLink("/nowhere")
    np.testing.assert_array_equal(again(path).counts, poisson_image().counts)


@pytest.mark.parametrize("text", ["{", "[]", "{}", '{"metadata": 3}'])
def test_a_damaged_record_is_refused_with_its_place(tmp_path, text):
    path = tmp_path / "a.hspy"
    write(path, poisson_image(name="map"))
    with h5py.File(path, "r+") as file:
        file["Experiments/map/metadata/napari_xrf_denoise/_list_record"][0] = text
    with pytest.raises(FormatError, match=r"a\.hspy.*_list_record: expected"):
        read(path, OPTIONS)


@pytest.mark.parametrize("share", [0.001, 0.05, 0.3, 0.6, 0.9, 0.99])
def test_a_file_cut_off_anywhere_is_refused(tmp_path, share):
    write(tmp_path / "whole.hspy", poisson_image((2, 30, 40, 40)))
    content = (tmp_path / "whole.hspy").read_bytes()
    path = tmp_path / "cut.hspy"
    path.write_bytes(content[: int(len(content) * share)])
    with pytest.raises(FormatError, match=r"cut\.hspy"):
        read(path, OPTIONS)
