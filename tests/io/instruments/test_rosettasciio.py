import sys
from types import ModuleType

import dask.array
import h5py
import numpy as np
import pytest

from napari_xrf_denoise import FormatError, MissingDependencyError, read
from napari_xrf_denoise.core.lazy_arrays import is_dask
from napari_xrf_denoise.io import recognise, sniff

# What PROVENANCE.md says about each file.
DOCUMENTED = [
    ("SiO2_EDS_SI.hspy", (1, 128, 128, 2048), "u4", 0.0, 0.010, 50),
    ("88_ES-LP_G8_selection2_cropped2.hspy", (1, 80, 80, 1917), "u1", 0.832, 0.010005, 112),
    ("P45_the_default_job.bcf", (1, 75, 100, 2048), "u1", -0.472, 0.010001, 22),
]


@pytest.fixture
def rsciio():
    return pytest.importorskip("rsciio", reason='needs pip install "napari-xrf-denoise[formats]"')


@pytest.mark.parametrize(("name", "shape", "dtype", "offset", "gain", "per_pixel"), DOCUMENTED)
def test_measured_maps_have_their_documented_shape_and_calibration(
    rsciio, shared_data, name, shape, dtype, offset, gain, per_pixel
):
    image = read(shared_data / name)
    assert image.shape == shape
    assert image.counts.dtype == np.dtype(dtype)
    assert image.energy.calibrated
    assert image.energy.offset == pytest.approx(offset, abs=1e-3)
    assert image.energy.gain == pytest.approx(gain, rel=1e-4)
    assert image.pixel_unit == "µm"
    assert image.pixel_size[0] > 0
    assert image.metadata["source"] == name
    assert image.name == name.rpartition(".")[0]
    # Counts a pixel tell that 8-bit maps were not summed in 8 bits.
    assert image.counts_map().mean() == pytest.approx(per_pixel, rel=0.02)


def test_the_unfinished_last_frame_of_the_bruker_map_is_still_there(rsciio, shared_data):
    rows = read(shared_data / "P45_the_default_job.bcf").counts_map().mean(axis=1)
    assert rows[:10].mean() / rows[10:].mean() == pytest.approx(1.33, abs=0.03)


def test_live_time_is_found(rsciio, shared_data):
    image = read(shared_data / "88_ES-LP_G8_selection2_cropped2.hspy")
    assert image.metadata["live_time"] == pytest.approx(28.085)


@pytest.mark.parametrize("name", [entry[0] for entry in DOCUMENTED])
def test_measured_maps_are_recognised_without_rosettasciio(shared_data, name, monkeypatch):
    monkeypatch.setitem(sys.modules, "rsciio", None)
    assert sniff(shared_data / name) == "vendor"
    assert recognise(shared_data / name).reason


def test_without_rosettasciio_the_message_says_what_to_install(shared_data, monkeypatch):
    for name in [name for name in sys.modules if name.partition(".")[0] == "rsciio"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "rsciio", None)
    with pytest.raises(
        MissingDependencyError, match=r'\.bcf.*pip install "napari-xrf-denoise\[formats\]"'
    ):
        read(shared_data / "P45_the_default_job.bcf")


# A cut Bruker file crashes the compiled parser, so this test must not rely on an exception of it.
@pytest.mark.parametrize("share", [0.0001, 0.001, 0.1, 0.3, 0.5, 0.7, 0.9, 0.95, 0.99, 0.9999])
def test_a_bruker_file_cut_off_anywhere_is_refused(rsciio, shared_data, tmp_path, share):
    content = (shared_data / "P45_the_default_job.bcf").read_bytes()
    path = tmp_path / "cut.bcf"
    path.write_bytes(content[: int(len(content) * share)])
    with pytest.raises(FormatError, match=r"cut\.bcf"):
        read(path)


@pytest.mark.parametrize("share", [0.001, 0.3, 0.7, 0.999])
def test_a_hyperspy_file_cut_off_anywhere_is_refused(rsciio, shared_data, tmp_path, share):
    content = (shared_data / "88_ES-LP_G8_selection2_cropped2.hspy").read_bytes()
    path = tmp_path / "cut.hspy"
    path.write_bytes(content[: int(len(content) * share)])
    with pytest.raises(FormatError, match=r"cut\.hspy"):
        read(path)
    assert sniff(path) is None


def test_a_large_hyperspy_map_stays_on_disk(rsciio, shared_data, monkeypatch):
    monkeypatch.setattr("napari_xrf_denoise.io.base.memory.IN_MEMORY_BYTES", 1000)
    image = read(shared_data / "88_ES-LP_G8_selection2_cropped2.hspy")
    assert is_dask(image.counts)
    assert image.shape == (1, 80, 80, 1917)


def write_hspy(path, unit, signal_type="EDS_SEM"):
    with h5py.File(path, "w") as file:
        file.attrs["file_format"] = "HyperSpy"
        signal = file.create_group("Experiments/map")
        signal["data"] = np.ones((4, 5, 30), dtype=np.uint16)
        for number, (size, unit_of_axis) in enumerate([(4, "µm"), (5, "µm"), (30, unit)]):
            axis = signal.create_group(f"axis-{number}")
            axis.attrs.update({"units": unit_of_axis, "size": size, "scale": 2.0, "offset": 0.0})
        signal.create_group("metadata/Signal").attrs["signal_type"] = signal_type
    return path


@pytest.mark.parametrize(
    ("unit", "signal_type", "claimed"),
    [("keV", "EDS_SEM", True), ("eV", "XRF", True), ("eV", "EELS", False), ("nm", "", False)],
)
def test_only_x_ray_spectra_in_hyperspy_files_are_claimed(tmp_path, unit, signal_type, claimed):
    path = write_hspy(tmp_path / "map.hspy", unit, signal_type)
    assert (sniff(path) == "vendor") is claimed


@pytest.fixture
def fake_reader(monkeypatch, tmp_path):
    """Return a function that lets a stand-in for RosettaSciIO return these signals."""

    def install(plugin, suffix, first_bytes, signals=(), error=None):
        asked = {}

        def file_reader(filename, **arguments):
            asked.update(arguments)
            if error is not None:
                raise error
            return list(signals)

        package, module = ModuleType("rsciio"), ModuleType(f"rsciio.{plugin}")
        module.file_reader = file_reader
        monkeypatch.setitem(sys.modules, "rsciio", package)
        monkeypatch.setitem(sys.modules, f"rsciio.{plugin}", module)
        path = tmp_path / f"map{suffix}"
        if first_bytes is None:
            with h5py.File(path, "w") as file:
                file.create_group("Data/SpectrumStream/1")
        else:
            path.write_bytes(first_bytes + bytes(500))
        return path, asked

    return install


def signal(counts, names, units, title="EDS", scales=None):
    scales = scales or [0.5] * (len(names) - 1) + [0.01]
    axes = [
        {"name": name, "units": unit, "scale": scale, "offset": 0.0, "size": size}
        for name, unit, scale, size in zip(names, units, scales, counts.shape, strict=True)
    ]
    return {"data": counts, "axes": axes, "metadata": {"General": {"title": title}}}


FRAMES = np.random.default_rng(0).poisson(2, (3, 4, 5, 60)).astype(np.uint16)
FRAME_AXES = (["Frame", "y", "x", "Energy"], ["s", "µm", "µm", "keV"])
JEOL = (b"\x30\x01\x00\x00",)


def test_jeol_frames_stay_apart(fake_reader):
    lazy = dask.array.from_array(FRAMES, chunks=(1, 4, 5, 60))
    path, asked = fake_reader("jeol", ".pts", *JEOL, [signal(lazy, *FRAME_AXES)])
    image = read(path)
    assert image.repeat_kind == "frame"
    np.testing.assert_array_equal(image.counts, FRAMES)
    assert image.pixel_size == (0.5, 0.5)
    assert asked["sum_frames"] is False
    assert np.iinfo(asked["SI_dtype"]).max == 65535


def test_large_frames_stay_lazy(fake_reader, monkeypatch):
    monkeypatch.setattr("napari_xrf_denoise.io.base.memory.IN_MEMORY_BYTES", 1000)
    lazy = dask.array.from_array(FRAMES, chunks=(1, 4, 5, 60))
    path, _ = fake_reader("jeol", ".pts", *JEOL, [signal(lazy, *FRAME_AXES)])
    assert is_dask(read(path).counts)


def test_velox_frames_are_repeats_and_elements_are_summed_beyond_their_type(fake_reader):
    counts = np.full((3, 4, 5, 60), 200, dtype=np.uint8)
    elements = [
        signal(dask.array.from_array(counts), ["Time", "y", "x", "X-ray energy"], FRAME_AXES[1])
        for _ in range(4)
    ]
    path, asked = fake_reader("emd", ".emd", None, elements)
    image = read(path)
    assert sniff(path) == "vendor"
    assert image.shape == (3, 4, 5, 60)
    assert image.repeat_kind == "frame"
    assert np.all(np.asarray(image.counts) == 800)
    assert asked["sum_EDS_detectors"] is False
    assert image.metadata["warnings"] == []


def test_velox_elements_are_repeats_when_asked_for(fake_reader):
    elements = [
        signal(FRAMES[number], ["y", "x", "X-ray energy"], ["nm", "nm", "keV"])
        for number in range(3)
    ]
    path, asked = fake_reader("emd", ".emd", None, elements)
    image = read(path, repeat_kind="detector")
    assert asked["sum_frames"] is True
    assert image.repeat_kind == "detector"
    np.testing.assert_array_equal(image.counts, FRAMES)
    assert image.energy.gain == pytest.approx(0.01)
    assert image.pixel_unit == "nm"


def test_the_energy_axis_is_known_by_its_unit_and_ev_become_kev(fake_reader):
    counts = np.moveaxis(FRAMES[0], -1, 0)
    axes = (["z", "y", "x"], ["eV", "µm", "nm"])
    found = signal(counts, *axes, scales=[10.0, 0.5, 250.0])
    path, _ = fake_reader("edax", ".spd", b"MAPSPECTRA_DATA\0", [found])
    image = read(path)
    np.testing.assert_array_equal(image.counts[0], FRAMES[0])
    assert image.energy.gain == pytest.approx(0.01)
    assert image.pixel_size == pytest.approx((500.0, 250.0))
    assert image.pixel_unit == "nm"


def test_pictures_beside_the_spectra_are_left_out(fake_reader):
    picture = signal(FRAMES[0, ..., 0], ["y", "x"], ["µm", "µm"], "SE")
    spectra = signal(FRAMES[0], ["y", "x", "Energy"], ["µm", "µm", "keV"])
    path, _ = fake_reader("phenom", ".elid", b"\x1f\x8b", [picture, spectra])
    assert read(path).shape == (1, 4, 5, 60)


def test_a_file_of_pictures_only_is_refused(fake_reader):
    picture = signal(FRAMES[0], ["y", "x", "z"], ["µm", "µm", "µm"], "stack")
    path, _ = fake_reader("digitalmicrograph", ".dm3", b"\0\0\0\x03", [picture])
    assert sniff(path) is None
    with pytest.raises(
        FormatError, match=r"map\.dm3: expected an axis in keV or eV.*stack \(4, 5, "
    ):
        read(path)
    assert read(path, energy_axis=2, energy_gain=0.01).shape == (1, 4, 5, 60)


def test_of_several_maps_one_is_chosen_by_title_or_number(fake_reader):
    axes = (["y", "x", "Energy"], ["µm", "µm", "keV"])
    maps = [signal(FRAMES[number], *axes, title=f"site {number}") for number in range(3)]
    path, _ = fake_reader("phenom", ".elid", b"\x1f\x8b", maps)
    with pytest.warns(UserWarning, match=r"holds 3 spectrum images.*'site 0'.*--dataset"):
        image = read(path)
    np.testing.assert_array_equal(image.counts[0], FRAMES[0])
    np.testing.assert_array_equal(read(path, dataset="site 2").counts[0], FRAMES[2])
    np.testing.assert_array_equal(read(path, dataset="1").counts[0], FRAMES[1])
    with pytest.raises(ValueError, match=r"no spectrum image 'site 9'.*site 1"):
        read(path, dataset="site 9")


def test_what_rosettasciio_stumbles_over_becomes_one_kind_of_error(fake_reader):
    path, _ = fake_reader("jeol", ".pts", *JEOL, error=StopIteration())
    with pytest.raises(FormatError, match=r"map\.pts: .*StopIteration.*copy the file again"):
        read(path)


def test_a_missing_helper_of_rosettasciio_is_named(fake_reader):
    error = ModuleNotFoundError("No module named 'sparse'", name="sparse")
    path, _ = fake_reader("emd", ".emd", None, error=error)
    with pytest.raises(MissingDependencyError, match=r"sparse.*pip install"):
        read(path)


def test_an_irregular_energy_axis_keeps_its_centres(fake_reader):
    found = signal(FRAMES[0], ["y", "x", "Energy"], ["µm", "µm", "keV"])
    centers = 0.1 + 0.01 * np.arange(60) ** 1.2
    found["axes"][2]["axis"] = centers
    path, _ = fake_reader("phenom", ".elid", b"BZh", [found])
    np.testing.assert_array_equal(read(path).energy.centers, centers)


def test_a_useless_energy_axis_names_the_file(fake_reader):
    found = signal(FRAMES[0], ["y", "x", "Energy"], ["µm", "µm", "keV"])
    found["axes"][2]["scale"] = 0.0
    path, _ = fake_reader("phenom", ".elid", b"BZh", [found])
    with pytest.raises(FormatError, match=r"map\.elid: the energy axis cannot be used"):
        read(path)


def test_large_elements_stay_lazy(fake_reader, monkeypatch):
    monkeypatch.setattr("napari_xrf_denoise.io.base.memory.IN_MEMORY_BYTES", 1000)
    elements = [
        signal(dask.array.from_array(FRAMES[number]), ["y", "x", "E"], ["nm", "nm", "keV"])
        for number in range(3)
    ]
    path, _ = fake_reader("emd", ".emd", None, elements)
    image = read(path)
    assert is_dask(image.counts)
    assert image.repeat_kind == "detector"
