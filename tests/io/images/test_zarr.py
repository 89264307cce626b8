import json
import shutil
import sys
import zipfile

import numpy as np
import pytest

from napari_xrf_denoise import DataError, FormatError, MissingDependencyError
from napari_xrf_denoise import read as read_any
from napari_xrf_denoise.core.lazy_arrays import is_dask
from napari_xrf_denoise.io import sniff
from napari_xrf_denoise.io.base.contents import build
from napari_xrf_denoise.io.images import zarr as zarr_store
from napari_xrf_denoise.io.options import ReadOptions

zarr = pytest.importorskip("zarr", minversion="3.1", reason="needs zarr 3.1 or later")

# (y, x, energy)
COUNTS = np.random.default_rng(2).poisson(5, (3, 5, 40)).astype(np.uint16)
CHUNKS = (2, 3, 16)


def image_of(path, **options):
    chosen = ReadOptions(**options)
    return build(zarr_store.read(path, chosen), path, chosen)[0]


def zipped(folder, inside=""):
    """Pack a folder, as it is or inside one folder of the archive."""
    path = folder.with_name(folder.name + ".zip")
    with zipfile.ZipFile(path, "w") as archive:
        for file in sorted(folder.rglob("*")):
            if file.is_file():
                archive.write(file, inside + file.relative_to(folder).as_posix())
    return path


def ome(folder, counts=COUNTS, axes="yxe", version="0.5", energy=None, translation=None, **given):
    """Write an OME-Zarr picture with the axes named by letters: e energy, c channel, t, z, y, x."""
    energy = {"name": "energy", "type": "other", "unit": "keV"} if energy is None else energy
    described = {
        "e": energy,
        "c": {"name": "c", "type": "channel"},
        "t": {"name": "t", "type": "time", "unit": "second"},
        "d": {"name": "detector", "type": "other"},
        "z": {"name": "z", "type": "space", "unit": "micrometer"},
        "y": {"name": "y", "type": "space", "unit": "micrometer"},
        "x": {"name": "x", "type": "space", "unit": "micrometer"},
    }
    scales = {"e": 0.01, "y": 0.5, "x": 0.25}
    steps = [{"type": "scale", "scale": [scales.get(axis, 1.0) for axis in axes]}]
    if translation is not None:
        steps.append({"type": "translation", "translation": translation})
    multiscale = {
        "name": "Körner",
        "axes": [described[axis] for axis in axes],
        "datasets": [
            {"path": "0", "coordinateTransformations": steps},
            {"path": "1", "coordinateTransformations": steps},
        ],
    }
    attributes = {"multiscales": [multiscale]}
    if version == "0.5":
        attributes = {"ome": {"version": version, **attributes}}
    group = zarr.create_group(folder, zarr_format=3 if version == "0.5" else 2)
    group.attrs.update(attributes)
    group.create_array("0", data=counts, chunks=tuple(min(8, n) for n in counts.shape))
    group.create_array("1", data=counts[..., ::2])
    return folder


@pytest.mark.parametrize("version", ["0.4", "0.5"])
@pytest.mark.parametrize("packed", ["folder", "zip", "zip of a folder"])
def test_ome_zarr_with_an_energy_axis_in_kev(tmp_path, version, packed):
    path = ome(tmp_path / "Körner.ome.zarr", version=version, translation=[0, 0, -0.2])
    if packed != "folder":
        path = zipped(path, "" if packed == "zip" else "map.zarr/")
    image = image_of(path)
    assert image.shape == (1, 3, 5, 40)
    np.testing.assert_array_equal(image.counts[0], COUNTS)
    assert image.counts.dtype == np.uint16
    assert image.energy.offset == pytest.approx(-0.2)
    assert image.energy.gain == pytest.approx(0.01)
    assert (image.pixel_size, image.pixel_unit) == ((0.5, 0.25), "µm")
    assert "OME-Zarr at 0 with an energy axis in keV" in zarr_store.recognise(path)


@pytest.mark.parametrize("packed", [False, True])
def test_a_store_is_read_and_recognised_through_the_table_of_layouts(tmp_path, packed):
    path = ome(tmp_path / "map.zarr")
    path = zipped(path) if packed else path
    assert sniff(path) == "zarr"
    np.testing.assert_array_equal(read_any(path).counts[0], COUNTS)


def test_the_axes_may_be_in_any_order(tmp_path):
    image = image_of(ome(tmp_path / "map.zarr", np.moveaxis(COUNTS, 2, 0), "eyx"))
    np.testing.assert_array_equal(image.counts[0], COUNTS)
    assert image.pixel_size == (0.5, 0.25)


def test_energies_in_ev(tmp_path):
    energy = {"name": "depth", "unit": "eV"}
    image = image_of(ome(tmp_path / "map.zarr", energy=energy, translation=[0, 0, 20]))
    assert image.energy.gain == pytest.approx(0.01e-3)
    assert image.energy.offset == pytest.approx(0.02)


def test_an_energy_axis_without_a_unit_has_no_calibration(tmp_path):
    path = ome(tmp_path / "map.zarr", energy={"name": "energy"})
    image = image_of(path)
    assert image.shape == (1, 3, 5, 40)
    assert not image.energy.calibrated
    assert zarr_store.recognise(path) is not None


def test_single_planes_of_time_and_z_are_no_axes(tmp_path):
    counts = np.moveaxis(COUNTS, 2, 0)[None, :, None]
    image = image_of(ome(tmp_path / "map.zarr", counts, "tczyx"), energy_gain=0.02)
    np.testing.assert_array_equal(image.counts[0], COUNTS)


def test_colours_are_no_spectrum(tmp_path):
    path = ome(tmp_path / "photo.zarr", np.moveaxis(COUNTS[..., :3], 2, 0), "cyx")
    assert zarr_store.recognise(path) is None
    with pytest.raises(FormatError, match=r"\(3, 3, 5\).*energy_axis"):
        image_of(path)


def test_a_detector_axis_holds_repeats(tmp_path):
    counts = np.random.default_rng(4).poisson(5, (2, 3, 5, 40)).astype(np.uint8)
    image = image_of(ome(tmp_path / "map.zarr", counts, "dyxe"))
    np.testing.assert_array_equal(image.counts, counts)
    assert image.repeat_kind == "detector"


def test_a_falling_energy_axis_is_left_out_with_a_warning(tmp_path):
    path = ome(tmp_path / "map.zarr")
    attributes = json.loads((path / "zarr.json").read_text())
    scale = attributes["attributes"]["ome"]["multiscales"][0]["datasets"][0]
    scale["coordinateTransformations"][0]["scale"][2] = -0.01
    (path / "zarr.json").write_text(json.dumps(attributes))
    image = image_of(path)
    assert not image.energy.calibrated
    assert any("-0.01 keV" in text for text in image.metadata["warnings"])


def array(path, counts=COUNTS, **options):
    options.setdefault("chunks", CHUNKS)
    zarr.create_array(path, data=counts, **options)
    return path


@pytest.mark.parametrize(
    "options", [{"zarr_format": 2}, {"zarr_format": 3}, {"shards": (4, 6, 48)}]
)
def test_a_plain_array_asks_for_its_energy_axis(tmp_path, options):
    path = array(tmp_path / "cube.zarr", **options)
    assert zarr_store.is_store(path)
    assert zarr_store.recognise(path) is None
    with pytest.raises(FormatError, match=r"cube\.zarr.*\(3, 5, 40\).*--energy-axis 2"):
        image_of(path)
    image = image_of(path, energy_axis=2, energy_gain=0.01)
    np.testing.assert_array_equal(image.counts[0], COUNTS)


def test_named_dimensions_tell_the_energy_axis(tmp_path):
    named = array(
        tmp_path / "a.zarr",
        np.moveaxis(COUNTS, 2, 0),
        dimension_names=["energy", "y", "x"],
        chunks=(16, 2, 3),
    )
    np.testing.assert_array_equal(image_of(named).counts[0], COUNTS)
    older = array(
        tmp_path / "b.zarr", zarr_format=2, attributes={"_ARRAY_DIMENSIONS": ["y", "x", "Energy"]}
    )
    np.testing.assert_array_equal(image_of(older).counts[0], COUNTS)


def group_of(folder, **arrays):
    group = zarr.create_group(folder)
    for name, counts in arrays.items():
        group.create_array(f"scan/{name}", data=counts)
    return folder


def test_one_array_in_a_group_is_the_counts(tmp_path):
    image = image_of(group_of(tmp_path / "map.zarr", counts=COUNTS), energy_axis=2)
    np.testing.assert_array_equal(image.counts[0], COUNTS)


def test_several_arrays_are_named_to_choose_from(tmp_path):
    path = group_of(tmp_path / "map.zarr", first=COUNTS, second=COUNTS[::-1] + 1, small=COUNTS[0])
    with pytest.raises(FormatError, match=r"found 3.*scan/first \(3, 5, 40\)"):
        image_of(path, energy_axis=2)
    image = image_of(path, energy_axis=2, dataset="/scan/second")
    np.testing.assert_array_equal(image.counts[0], COUNTS[::-1] + 1)
    with pytest.raises(FormatError, match=r"named 'third', found .*scan/first"):
        image_of(path, energy_axis=2, dataset="third")
    with pytest.raises(FormatError, match=r"named 'scan'"):
        image_of(path, energy_axis=2, dataset="scan")


def test_several_named_arrays_become_repeats(tmp_path):
    path = group_of(tmp_path / "map.zarr", first=COUNTS, second=COUNTS[::-1] + 1, small=COUNTS[0])
    image = image_of(path, energy_axis=-1, dataset=["scan/first", "scan/second"])
    np.testing.assert_array_equal(image.counts, np.stack([COUNTS, COUNTS[::-1] + 1]))
    with pytest.raises(DataError, match=r"scan/first \(3, 5, 40\), scan/small \(5, 40\)"):
        image_of(path, energy_axis=-1, dataset=["scan/first", "scan/small"])


def zspy(folder, titles=("map",), units=("µm", "µm", "keV"), zarr_format=2, centers=None):
    """Write what HyperSpy writes: Experiments/<title>/data, axis-N, metadata."""
    root = zarr.create_group(folder, zarr_format=zarr_format)
    root.attrs.update({"file_format": "ZSpy", "file_format_version": "3.3"})
    for number, title in enumerate(titles):
        signal = root.create_group(f"Experiments/{title}")
        signal.create_array("data", data=COUNTS + number)
        scales = [(0.5, 0.0, "height"), (0.25, 0.0, "width"), (0.01, -0.2, "z")]
        for position, ((scale, offset, name), unit) in enumerate(zip(scales, units, strict=True)):
            axis = signal.create_group(f"axis-{position}")
            axis.attrs.update(
                {
                    "name": name,
                    "units": unit,
                    "scale": scale,
                    "offset": offset,
                    "size": COUNTS.shape[position],
                    "navigate": position < 2,
                }
            )
            if position == 2 and centers is not None:
                axis.create_array("axis", data=centers)
        eds = signal.create_group("metadata/Acquisition_instrument/SEM/Detector/EDS")
        eds.attrs.update({"live_time": 28.5, "real_time": 30.25})
        signal["metadata"].create_group("General").attrs["title"] = title
    return folder


@pytest.mark.parametrize("zarr_format", [2, 3])
@pytest.mark.parametrize("packed", [False, True])
def test_a_zspy_signal_with_calibration_and_times(tmp_path, zarr_format, packed):
    path = zspy(tmp_path / "map.zspy", zarr_format=zarr_format)
    path = zipped(path) if packed else path
    image = image_of(path)
    assert image.shape == (1, 3, 5, 40)
    np.testing.assert_array_equal(image.counts[0], COUNTS)
    assert (image.energy.offset, image.energy.gain) == (-0.2, 0.01)
    assert (image.pixel_size, image.pixel_unit) == ((0.5, 0.25), "µm")
    assert image.metadata["live_time"] == 28.5
    assert image.metadata["real_time"] == 30.25
    assert image.metadata["vendor"]["General"]["title"] == "map"
    assert "HyperSpy signal at Experiments/map/data" in zarr_store.recognise(path)


def test_an_irregular_axis_of_a_zspy_signal_keeps_its_centres(tmp_path):
    centers = 0.1 + 0.01 * np.arange(40) ** 1.3
    np.testing.assert_allclose(
        image_of(zspy(tmp_path / "map.zspy", centers=centers)).energy.centers, centers
    )


def test_one_of_several_signals_is_chosen_by_title(tmp_path):
    path = zspy(tmp_path / "maps.zspy", titles=("links", "rechts ä"))
    image = image_of(path)
    np.testing.assert_array_equal(image.counts[0], COUNTS)
    assert any("'rechts ä'" in text and "--dataset" in text for text in image.metadata["warnings"])
    np.testing.assert_array_equal(image_of(path, dataset="rechts ä").counts[0], COUNTS + 1)


def test_a_signal_without_an_energy_unit_asks(tmp_path):
    path = zspy(tmp_path / "map.zspy", units=("µm", "µm", "_None_"))
    assert zarr_store.recognise(path) is None
    with pytest.raises(FormatError, match=r"\(3, 5, 40\).*energy_axis"):
        image_of(path)


@pytest.mark.parametrize("packed", [False, True])
def test_large_stores_are_read_chunk_by_chunk(tmp_path, monkeypatch, packed):
    monkeypatch.setattr("napari_xrf_denoise.io.base.memory.IN_MEMORY_BYTES", 1000)
    path = ome(tmp_path / "map.zarr")
    path = zipped(path, "inside/") if packed else path
    image = image_of(path)
    assert is_dask(image.counts)
    np.testing.assert_array_equal(np.asarray(image.counts[0]), COUNTS)
    np.testing.assert_array_equal(np.asarray(image.counts[0, 1, [4, 0]]), COUNTS[1, [4, 0]])


def test_a_large_array_at_the_root_is_read_chunk_by_chunk(tmp_path, monkeypatch):
    monkeypatch.setattr("napari_xrf_denoise.io.base.memory.IN_MEMORY_BYTES", 1000)
    path = array(tmp_path / "cube.zarr")
    np.testing.assert_array_equal(np.asarray(image_of(path, energy_axis=2).counts[0]), COUNTS)
    path = zipped(path)
    np.testing.assert_array_equal(np.asarray(image_of(path, energy_axis=2).counts[0]), COUNTS)


def test_a_store_that_changes_later_is_not_read_as_another_shape(tmp_path, monkeypatch):
    monkeypatch.setattr("napari_xrf_denoise.io.base.memory.IN_MEMORY_BYTES", 1000)
    path = array(tmp_path / "cube.zarr")
    image = image_of(path, energy_axis=2)
    shutil.rmtree(path)
    array(path, COUNTS[:, :4])
    with pytest.raises(FormatError, match=r"cube\.zarr.*changed"):
        np.asarray(image.counts)
    shutil.rmtree(path)
    with pytest.raises(FormatError, match=r"cube\.zarr"):
        np.asarray(image.counts)


def test_without_zarr_the_message_says_what_to_install(tmp_path, monkeypatch):
    path = array(tmp_path / "cube.zarr")
    monkeypatch.setitem(sys.modules, "zarr", None)
    assert zarr_store.is_store(path)
    with pytest.raises(
        MissingDependencyError, match=r'cube\.zarr.*pip install "napari-xrf-denoise\[formats\]"'
    ):
        image_of(path)


def test_a_zarr_that_runs_code_from_a_file_is_refused(tmp_path, monkeypatch):
    path = tmp_path / "cube.zarr"
    zarr.create_array(store=path, data=COUNTS)
    monkeypatch.setattr(zarr, "__version__", "3.0.10")
    with pytest.raises(MissingDependencyError, match=r"version 3\.1 or later.*found 3\.0\.10"):
        image_of(path, energy_axis=-1)


def test_missing_chunks_are_pointed_out(tmp_path):
    path = array(tmp_path / "cube.zarr")
    (path / "c" / "0" / "1" / "2").unlink()
    image = image_of(path, energy_axis=2)
    assert any("1 of 12 chunks" in text for text in image.metadata["warnings"])
    shutil.rmtree(path / "c")
    with pytest.raises(FormatError, match=r"never filled"):
        image_of(path, energy_axis=2)


@pytest.mark.parametrize("file", ["zarr.json", "0/zarr.json", "0/c/0/0/0"])
@pytest.mark.parametrize("size", [0, 1, 20])
def test_a_store_with_a_damaged_file_is_refused(tmp_path, file, size):
    path = ome(tmp_path / "map.zarr")
    damaged = path / file
    damaged.write_bytes(damaged.read_bytes()[:size])
    with pytest.raises(FormatError, match=r"map\.zarr"):
        image_of(path)


@pytest.mark.parametrize("share", [0.01, 0.5, 0.99])
def test_an_archive_that_was_cut_off_is_refused(tmp_path, share):
    path = zipped(ome(tmp_path / "map.zarr"))
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])
    assert not zarr_store.is_store(path)
    with pytest.raises(FormatError, match=r"map\.zarr\.zip"):
        image_of(path)


def edit(path, **entries):
    metadata = json.loads((path / "zarr.json").read_text())
    metadata.update(entries)
    (path / "zarr.json").write_text(json.dumps(metadata))
    return path


def grid(*shape):
    return {"name": "regular", "configuration": {"chunk_shape": list(shape)}}


@pytest.mark.parametrize(
    ("shape", "chunks", "reason"),
    [
        ([10**6, 10**6, 10**6], [10**5, 10**5, 10**5], "claims shape"),
        ([10**6, 10**6, 40], [2, 3, 16], "chunks"),
        ([30_000, 40_000, 800], [30_000, 40_000, 800], "claims shape|memory"),
        ([0, 5, 40], [2, 3, 16], "empty"),
    ],
)
def test_absurd_claims_are_refused_without_memory(tmp_path, shape, chunks, reason):
    path = array(tmp_path / "cube.zarr", chunks=(3, 5, 40))
    edit(path, shape=shape, chunk_grid=grid(*chunks))
    with pytest.raises(DataError, match=rf"cube\.zarr.*({reason})"):
        image_of(path, energy_axis=2)


@pytest.mark.parametrize("dtype", ["c8", "U3", "?", "M8[s]"])
@pytest.mark.filterwarnings("ignore")
def test_arrays_of_other_things_than_numbers_are_refused(tmp_path, dtype):
    path = array(tmp_path / "other.zarr", np.zeros((4, 5, 30), dtype=dtype), zarr_format=2)
    with pytest.raises(FormatError, match=r"other\.zarr"):
        image_of(path, energy_axis=2)


@pytest.mark.parametrize(
    "entry", [{"filters": [{"id": "pickle"}]}, {"compressor": {"id": "pickle"}}]
)
@pytest.mark.parametrize("dtype", ["<u2", "|O"])
def test_pickled_objects_are_never_loaded(tmp_path, entry, dtype):
    class Bomb:
        def __reduce__(self):
            return (open, (str(tmp_path / "exploded"), "w"))

    import pickle

    path = array(tmp_path / "bomb.zarr", zarr_format=2, chunks=(3, 5, 40))
    metadata = json.loads((path / ".zarray").read_text())
    (path / ".zarray").write_text(json.dumps({**metadata, "dtype": dtype, **entry}))
    (path / "0.0.0").write_bytes(pickle.dumps(Bomb()))
    with pytest.raises(FormatError, match=r"bomb\.zarr"):
        image_of(path, energy_axis=2)
    assert not (tmp_path / "exploded").exists()


def test_other_folders_and_archives_are_not_claimed(tmp_path):
    (tmp_path / "zarr.json").mkdir()
    assert not zarr_store.is_store(tmp_path)
    archive = tmp_path / "text.zip"
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("a/b/zarr.json", "{}")
        file.writestr("readme.txt", "nothing")
    assert not zarr_store.is_store(archive)
    with pytest.raises(FormatError, match=r"text\.zip"):
        image_of(archive)
    empty = tmp_path / "empty.zarr"
    zarr.create_group(empty)
    with pytest.raises(FormatError, match=r"empty\.zarr: .*found none"):
        image_of(empty)
