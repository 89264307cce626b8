import h5py
import numpy as np
import pytest

from napari_xrf_denoise import FormatError, read, write
from napari_xrf_denoise.core.lazy_arrays import is_dask
from napari_xrf_denoise.io import sniff
from napari_xrf_denoise.io.base import contents as _found
from napari_xrf_denoise.io.hdf5 import nxdata
from napari_xrf_denoise.io.options import ReadOptions

Y, X, DETECTORS, ENERGY = 5, 7, 3, 40
RNG = np.random.default_rng(11)
CUBE = RNG.poisson(2, (Y, X, ENERGY)).astype(np.uint16)
ELEMENTS = RNG.poisson(2, (Y, X, DETECTORS, ENERGY)).astype(np.uint16)
LIVE = RNG.uniform(0.08, 0.1, (Y, X))
KEV = -0.02 + 0.01 * np.arange(ENERGY)


def nxdata_group(file, name="entry/plot", signal="counts", counts=CUBE, **attributes):
    group = file.create_group(name)
    group.attrs.update({"NX_class": "NXdata", "signal": signal, **attributes})
    group[signal] = counts
    return group


def add_axes(group, energy=KEV, unit="keV"):
    group.attrs["axes"] = ["sy", "sx", "e"]
    for name, values, units in (
        ("sy", 0.5 * np.arange(Y), "mm"),
        ("sx", 0.25 * np.arange(X), "mm"),
        ("e", energy, unit),
    ):
        group[name] = values
        group[name].attrs["units"] = units


def pymca_export(path, interpretation="spectrum", counts=CUBE):
    """Write a stack as PyMca exports it: axes that only count."""
    with h5py.File(path, "w") as file:
        file.create_group("data").attrs["NX_class"] = "NXentry"
        file["data/title"] = "PyMca saved 3D Array"
        group = nxdata_group(file, "data/NXdata", "data", counts)
        group.attrs["axes"] = [f"dim_{axis}" for axis in range(3)]
        for axis, size in enumerate(counts.shape):
            group[f"dim_{axis}"] = np.arange(size, dtype=np.float32)
            group[f"dim_{axis}"].attrs["axis"] = axis + 1
        if interpretation:
            group["data"].attrs["interpretation"] = interpretation
    return path


def read_image(path, **options):
    options = ReadOptions(**options)
    image, _ = _found.build(nxdata.read(path, options), path, options)
    return image


def warnings_of(image):
    return " | ".join(image.metadata["warnings"])


@pytest.mark.parametrize("interpretation", ["spectrum", None])
def test_a_stack_exported_by_pymca_is_read(tmp_path, interpretation):
    path = pymca_export(tmp_path / "stack.h5", interpretation)
    assert "/data/NXdata/data" in nxdata.recognise(path)
    image = read_image(path)
    assert image.shape == (1, Y, X, ENERGY)
    np.testing.assert_array_equal(image.counts[0], CUBE)
    assert image.counts.dtype == np.uint16
    assert not image.energy.calibrated
    assert "--energy-gain" in warnings_of(image)


def test_a_stack_of_pictures_exported_by_pymca_needs_its_energy_axis(tmp_path):
    path = pymca_export(tmp_path / "stack.h5", "image", np.moveaxis(CUBE, -1, 0))
    assert nxdata.recognise(path) is None
    with pytest.raises(FormatError, match=r"stack\.h5.*--energy-axis 0"):
        read_image(path)
    np.testing.assert_array_equal(read_image(path, energy_axis=0).counts[0], CUBE)


@pytest.mark.parametrize(("unit", "factor"), [("keV", 1), ("eV", 1000)])
def test_the_energy_axis_of_the_default_plot_is_the_calibration(tmp_path, unit, factor):
    path = tmp_path / "map.nxs"
    with h5py.File(path, "w") as file:
        file.attrs["default"] = "entry"
        file["entry/title"] = "grain 7, ärö"
        group = nxdata_group(file)
        file["entry"].attrs["default"] = "plot"
        add_axes(group, KEV * factor, unit)
        other = nxdata_group(file, "entry/other", counts=CUBE + 1)
        other["counts"].attrs["interpretation"] = "spectrum"
    assert "axis e" in nxdata.recognise(path)
    image = read_image(path)
    np.testing.assert_array_equal(image.counts[0], CUBE)
    np.testing.assert_allclose(image.energy.centers, KEV, atol=1e-12)
    assert image.pixel_size == (0.5, 0.25)
    assert image.pixel_unit == "mm"
    assert image.metadata["title"] == "grain 7, ärö"


def test_the_energy_may_be_any_axis(tmp_path):
    path = tmp_path / "map.nxs"
    with h5py.File(path, "w") as file:
        group = nxdata_group(file, counts=np.moveaxis(CUBE, -1, 0), axes=["energy", "y", "x"])
        group["energy"] = KEV
        group["counts"].attrs["interpretation"] = "image"
    image = read_image(path)
    np.testing.assert_array_equal(image.counts[0], CUBE)
    assert image.energy.offset == pytest.approx(-0.02)


def test_edges_of_channels_become_their_centres(tmp_path):
    path = tmp_path / "histogram.nxs"
    with h5py.File(path, "w") as file:
        add_axes(nxdata_group(file), -0.025 + 0.01 * np.arange(ENERGY + 1))
    np.testing.assert_allclose(read_image(path).energy.centers, KEV, atol=1e-12)


@pytest.mark.parametrize("by", ["colons", "numbers"])
def test_older_nexus_names_signal_and_axes_at_the_dataset(tmp_path, by):
    path = tmp_path / "old.nxs"
    with h5py.File(path, "w") as file:
        group = file.create_group("entry/data")
        group.attrs["NX_class"] = "NXdata"
        group["counts"] = CUBE
        group["counts"].attrs["signal"] = 1
        group["energy"] = KEV
        group["y"], group["x"] = np.arange(Y), np.arange(X)
        if by == "colons":
            group["counts"].attrs["axes"] = "y:x:energy"
        else:
            for number, name in enumerate(("y", "x", "energy"), start=1):
                group[name].attrs["axis"] = number
    image = read_image(path)
    np.testing.assert_array_equal(image.counts[0], CUBE)
    assert image.energy.offset == pytest.approx(-0.02)


def mca(path, calibration=(0.1, 0.02, 0.0), channels=ENERGY, **beside):
    with h5py.File(path, "w") as file:
        group = file.create_group("entry/mca_0")
        group["data"] = CUBE
        group["calibration"] = calibration
        group["channels"] = np.arange(channels)
        for name, values in beside.items():
            group[name] = values
    return path


def test_calibration_and_live_time_of_an_mca_are_found_beside_it(tmp_path):
    path = mca(tmp_path / "mca.h5", live_time=LIVE.ravel(), elapsed_time=LIVE + 1)
    assert "mca" in nxdata.recognise(path)
    image = read_image(path)
    np.testing.assert_array_equal(image.counts[0], CUBE)
    assert (image.energy.offset, image.energy.gain) == (0.1, 0.02)
    np.testing.assert_array_equal(image.scalers["live_time"], LIVE)
    np.testing.assert_array_equal(image.scalers["real_time"], LIVE + 1)


def test_a_quadratic_calibration_keeps_its_true_centres(tmp_path):
    image = read_image(mca(tmp_path / "mca.h5", (0.1, 0.02, 1e-5)))
    channel = np.arange(ENERGY)
    assert not image.energy.is_linear
    np.testing.assert_allclose(image.energy.centers, 0.1 + 0.02 * channel + 1e-5 * channel**2)


def test_channels_that_do_not_begin_at_0_shift_the_energies(tmp_path):
    path = mca(tmp_path / "mca.h5")
    with h5py.File(path, "r+") as file:
        file["entry/mca_0/channels"][...] += 100
    assert read_image(path).energy.offset == pytest.approx(0.1 + 0.02 * 100)


def test_pymcas_calibration_of_nothing_is_none(tmp_path):
    assert not read_image(mca(tmp_path / "mca.h5", (0, 1, 0))).energy.calibrated


def test_a_calibration_that_falls_is_warned_of(tmp_path):
    image = read_image(mca(tmp_path / "mca.h5", (0.1, -0.02, 0)))
    assert not image.energy.calibrated
    assert "/entry/mca_0/calibration cannot be used" in warnings_of(image)
    assert "--energy-gain" in warnings_of(image)


def test_what_stands_beside_the_target_of_a_link_is_found(tmp_path):
    mca(tmp_path / "part ß.h5", live_time=LIVE)
    path = tmp_path / "master.h5"
    with h5py.File(path, "w") as file:
        group = file.create_group("entry/measurement")
        group.attrs.update({"NX_class": "NXdata", "signal": "spectra"})
        group["spectra"] = h5py.ExternalLink("part ß.h5", "/entry/mca_0/data")
        file["entry/again"] = h5py.SoftLink("/entry/measurement/spectra")
        file["entry/mca"] = h5py.SoftLink("/entry/again")
        file["entry/round"] = h5py.SoftLink("/entry")
        file["entry/mca_lost"] = h5py.ExternalLink("gone.h5", "/x")
        file["entry/mca_loop"] = h5py.SoftLink("/entry/mca_loop")
    image = read_image(path, dataset="/entry/mca")
    np.testing.assert_array_equal(image.counts[0], CUBE)
    assert (image.energy.offset, image.energy.gain) == (0.1, 0.02)
    np.testing.assert_array_equal(image.scalers["live_time"], LIVE)
    assert nxdata.recognise(path) is not None  # one dataset, though it has three names
    for name, target in (("mca_lost", r"gone\.h5, /x"), ("mca_loop", "itself in a circle")):
        with pytest.raises(FormatError, match=rf"{name}: is a link to {target}"):
            read_image(path, dataset=f"/entry/{name}")


def test_large_counts_stay_in_the_file_that_a_link_leads_to(tmp_path, monkeypatch):
    mca(tmp_path / "part.h5")
    path = tmp_path / "master.h5"
    with h5py.File(path, "w") as file:
        file["entry/elsewhere"] = h5py.ExternalLink("part.h5", "/entry/mca_0/data")
        file["entry/mca"] = h5py.SoftLink("elsewhere")
    monkeypatch.setattr("napari_xrf_denoise.io.base.memory.IN_MEMORY_BYTES", 1000)
    image = read_image(path)
    assert is_dask(image.counts)
    np.testing.assert_array_equal(image.counts.compute()[0], CUBE)


def xspress3(path, counts=ELEMENTS, axes=None, nx_class="NXdata", **beside):
    with h5py.File(path, "w") as file:
        group = nxdata_group(file, "entry/xspress3", counts=counts)
        group.attrs["NX_class"] = nx_class
        group["counts"].attrs["interpretation"] = "spectrum"
        if axes:
            group.attrs["axes"] = axes
        for name, values in beside.items():
            group[name] = values
    return path


@pytest.mark.parametrize(
    "options",
    [
        {"axes": ["y", "x", "detector_element", "energy"]},
        {"axes": ["y", "x", "det", "."]},
        {"nx_class": "NXdetector"},  # scan points, parts of the detector, spectrum
    ],
)
def test_the_detector_axis_becomes_repeats(tmp_path, options):
    live = RNG.uniform(1, 2, (Y, X, DETECTORS))
    path = xspress3(tmp_path / "x3.nxs", live_time=live, elapsed_time=LIVE, **options)
    assert nxdata.recognise(path) is not None
    image = read_image(path)
    assert image.shape == (DETECTORS, Y, X, ENERGY)
    assert image.repeat_kind == "detector"
    np.testing.assert_array_equal(image.counts, np.moveaxis(ELEMENTS, 2, 0))
    np.testing.assert_array_equal(image.scalers["live_time"], np.moveaxis(live, 2, 0))
    np.testing.assert_array_equal(image.scalers["real_time"], LIVE)


def test_a_list_of_points_of_a_detector_is_told_by_its_element_numbers(tmp_path):
    counts = ELEMENTS.reshape(-1, DETECTORS, ENERGY)
    path = xspress3(
        tmp_path / "x3.nxs", counts, nx_class="NXdetector", detector_number=np.arange(DETECTORS)
    )
    image = read_image(path)
    assert image.shape == (DETECTORS, Y * X, 1, ENERGY)
    np.testing.assert_array_equal(image.counts[:, :, 0], np.moveaxis(counts, 1, 0))


def test_three_axes_of_a_detector_without_names_are_a_map_with_a_warning(tmp_path):
    image = read_image(xspress3(tmp_path / "x3.nxs", CUBE, nx_class="NXdetector"))
    np.testing.assert_array_equal(image.counts[0], CUBE)
    assert "--repeat-axis 1 --repeat-kind detector" in warnings_of(image)


def test_four_axes_without_names_are_asked_for(tmp_path):
    path = xspress3(tmp_path / "x3.nxs")
    assert nxdata.recognise(path) is None
    with pytest.raises(FormatError) as error:
        read_image(path)
    for part in ("x3.nxs", "/entry/xspress3/counts", str(ELEMENTS.shape), "--repeat-axis 2"):
        assert part in str(error.value)
    assert "--energy-axis" in str(error.value)
    image = read_image(path, repeat_axis=2, repeat_kind="detector")
    np.testing.assert_array_equal(image.counts, np.moveaxis(ELEMENTS, 2, 0))
    assert image.repeat_kind == "detector"


def test_the_users_axes_beat_those_of_the_file(tmp_path):
    path = xspress3(tmp_path / "x3.nxs", axes=["y", "x", "detector", "energy"])
    image = read_image(path, energy_axis=-1, repeat_axis=0)
    np.testing.assert_array_equal(image.counts, ELEMENTS)


def test_several_spectra_are_listed_and_one_is_chosen(tmp_path):
    path = tmp_path / "two.h5"
    with h5py.File(path, "w") as file:
        for number in range(2):
            file[f"entry/mca{number}/counts"] = CUBE + number
            file[f"entry/mca{number}/calibration"] = [0, 0.01 + number, 0]
    assert nxdata.recognise(path) is None
    assert nxdata.opens(path)
    with pytest.raises(FormatError) as error:
        read_image(path)
    for part in ("/entry/mca0/counts (5, 7, 40)", "/entry/mca1/counts", "--dataset"):
        assert part in str(error.value)
    image = read_image(path, dataset="/entry/mca1/counts")
    np.testing.assert_array_equal(image.counts[0], CUBE + 1)
    assert image.energy.gain == 1.01


def test_a_dataset_that_is_not_marked_is_read_with_its_energy_axis(tmp_path):
    path = mca(tmp_path / "mca.h5")
    with h5py.File(path, "r+") as file:
        file["entry/raw"] = np.moveaxis(CUBE, -1, 0)
    with pytest.raises(FormatError, match=r"dataset /entry/raw: .*--energy-axis"):
        read_image(path, dataset="/entry/raw")
    image = read_image(path, dataset="/entry/raw", energy_axis=0)
    np.testing.assert_array_equal(image.counts[0], CUBE)


def picture(file):
    group = nxdata_group(file, counts=np.ones((Y, 50)))
    group.attrs["axes"] = ["y", "x"]


def absorption(file):
    nxdata_group(file, counts=np.ones(200), axes=["energy"])["energy"] = np.linspace(7, 7.4, 200)


def absorption_map(file):
    group = nxdata_group(file, counts=np.ones((Y, X, 200)), axes=["y", "x", "energy"])
    group["energy"] = np.linspace(7000, 7400, 200)
    group["energy"].attrs["units"] = "eV"
    group["counts"].attrs["interpretation"] = "spectrum"


def pictures(file):
    group = nxdata_group(file, counts=np.ones((9, 40, 50)))
    group["counts"].attrs["interpretation"] = "image"


def map_of_a_region(file):
    file["entry/mca_roi1"] = np.ones((20, 30))


def other_layouts(file):
    file["xrmmap/mca1/counts"] = CUBE


@pytest.mark.parametrize(
    "fill", [picture, absorption, absorption_map, pictures, map_of_a_region, other_layouts]
)
def test_what_is_not_surely_spectra_is_not_recognised(tmp_path, fill):
    path = tmp_path / "other.h5"
    with h5py.File(path, "w") as file:
        fill(file)
    assert nxdata.recognise(path) is None


def test_files_of_layouts_of_their_own_are_recognised_as_these(tmp_path, make_image):
    own = write(tmp_path / "own.h5", make_image((1, 3, 4, 40)))
    assert sniff(own) == "nexus"
    path = tmp_path / "bliss.h5"
    with h5py.File(path, "w") as file:
        file["1.1/instrument/mca/data"] = CUBE.reshape(-1, ENERGY)
        file["1.1/instrument/mca/live_time"] = LIVE.ravel()
        file["1.1/instrument/mca/data"].attrs["interpretation"] = "spectrum"
    assert sniff(path) == "bliss"


def test_a_file_without_spectra_is_refused_with_its_datasets(tmp_path):
    path = tmp_path / "other.h5"
    with h5py.File(path, "w") as file:
        file["measured"] = CUBE
    assert not nxdata.LAYOUT.can_open(path)
    with pytest.raises(FormatError, match=r"other\.h5: .*--dataset.*/measured \(5, 7, 40\)"):
        read_image(path)


def test_a_file_cut_off_is_refused(tmp_path):
    path = mca(tmp_path / "cut.h5")
    content = path.read_bytes()
    for share in (0.2, 0.6, 0.95):
        path.write_bytes(content[: int(len(content) * share)])
        assert not nxdata.LAYOUT.can_open(path)
        with pytest.raises(FormatError, match=r"cut\.h5"):
            read_image(path)


def test_an_absurd_claim_is_refused_without_memory(tmp_path):
    path = tmp_path / "absurd.h5"
    with h5py.File(path, "w") as file:
        counts = file.create_dataset("mca", (10**6, 10**6, 4096), "u4", chunks=(1, 1, 4096))
        counts[0, 0] = 1
    with pytest.raises(FormatError, match=r"absurd\.h5.*claims shape \(1000000, 1000000, 4096\)"):
        read_image(path)


def test_counts_that_were_never_filled_are_refused(tmp_path):
    path = tmp_path / "stopped.h5"
    with h5py.File(path, "w") as file:
        file.create_dataset("mca", (5, 7, 512), dtype="u2", chunks=(1, 7, 512))
    with pytest.raises(FormatError, match=r"stopped\.h5, dataset /mca: .*never filled"):
        read_image(path)


# These pass once the layout is in the table.
def test_read_finds_the_layout_by_itself(tmp_path):
    path = mca(tmp_path / "mca.h5")
    assert sniff(path) == "nxdata"
    np.testing.assert_array_equal(read(path).counts[0], CUBE)


def test_read_names_the_choice_and_keeps_the_calibration_of_what_is_chosen(tmp_path):
    path = tmp_path / "two.h5"
    with h5py.File(path, "w") as file:
        for number in range(2):
            file[f"entry/mca{number}/counts"] = CUBE + number
            file[f"entry/mca{number}/calibration"] = [0, 0.01, 0]
    with pytest.raises(FormatError, match="/entry/mca1/counts"):
        read(path)
    assert read(path, dataset="/entry/mca1/counts").energy.gain == 0.01


@pytest.mark.parametrize(("unit", "seconds"), [("ms", 1e-3), ("s", 1.0), (None, 1.0)])
def test_times_are_in_seconds_whatever_their_unit(tmp_path, unit, seconds):
    path = pymca_export(tmp_path / "a.h5")
    live = np.random.default_rng(0).uniform(1, 2, CUBE.shape[:2])
    with h5py.File(path, "a") as file:
        file["data/NXdata/live_time"] = live
        if unit:
            file["data/NXdata/live_time"].attrs["units"] = unit
    np.testing.assert_allclose(read_image(path).scalers["live_time"], live * seconds)


def test_times_of_an_unknown_unit_are_left_out_and_told(tmp_path):
    path = pymca_export(tmp_path / "a.h5")
    with h5py.File(path, "a") as file:
        file["data/NXdata/live_time"] = np.ones(CUBE.shape[:2])
        file["data/NXdata/live_time"].attrs["units"] = "fortnights"
    image = read_image(path)
    assert "live_time" not in image.scalers
    assert "fortnights" in warnings_of(image)


def two_entries(path, root="entry2"):
    """Write a default entry, and marked spectra of another shape elsewhere."""
    with h5py.File(path, "w") as file:
        file.attrs["default"] = "entry"
        file.create_group("entry").attrs["default"] = "plot"
        add_axes(nxdata_group(file))
        other = nxdata_group(file, f"{root}/plot", "spectra", CUBE[:3])
        other.attrs["axes"] = ["sy", "sx", "e"]
        other["e"] = 1000 * KEV
        other["e"].attrs["units"] = "eV"
    return path


def test_other_marked_spectra_of_the_file_are_told(tmp_path):
    path = two_entries(tmp_path / "two.nxs")
    with pytest.warns(UserWarning, match=r"/entry2/plot/spectra \(3, 7, 40\).*--dataset"):
        image = read(path)
    np.testing.assert_array_equal(image.counts[0], CUBE)


def test_marked_spectra_beside_another_layout_are_told_and_keep_their_axes(tmp_path):
    path = two_entries(tmp_path / "both.h5")
    with h5py.File(path, "r+") as file:
        file["xrfmap/det1/counts"] = CUBE[:2]
        file.create_group("xrfmap/scan_metadata")
    assert sniff(path) == "pyxrf"
    with pytest.warns(UserWarning) as caught:
        assert read(path).counts.shape == (1, 2, 7, 40)
    told = " ".join(str(warning.message) for warning in caught)
    assert "read as pyxrf" in told
    for name in ("/entry/plot/counts (5, 7, 40)", "/entry2/plot/spectra (3, 7, 40)"):
        assert name in told
    image = read(path, dataset="/entry2/plot/spectra")
    np.testing.assert_array_equal(image.counts[0], CUBE[:3])
    np.testing.assert_allclose(image.energy.centers, KEV, atol=1e-6)


def test_one_dataset_under_several_names_is_no_other_counts(tmp_path, recwarn):
    path = tmp_path / "linked.nxs"
    with h5py.File(path, "w") as file:
        group = nxdata_group(file)
        add_axes(group)
        again = file.create_group("entry/again")
        again.attrs.update({"NX_class": "NXdata", "signal": "counts"})
        again["counts"] = group["counts"]
    read(path)
    assert not [warning for warning in recwarn if "other counts" in str(warning.message)]


def test_maps_whose_energy_comes_first_are_not_guessed_when_they_are_named(tmp_path):
    path = tmp_path / "maps.h5"
    with h5py.File(path, "w") as file:
        file["MAPS/Spectra/mca_arr"] = np.moveaxis(CUBE, -1, 0)
    with pytest.raises(FormatError, match="which axis is energy"):
        read(path, dataset="/MAPS/Spectra/mca_arr")
