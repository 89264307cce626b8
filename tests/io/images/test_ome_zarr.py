import errno
import json
import os
import shutil

import dask.array
import numpy as np
import pytest

from napari_xrf_denoise import EnergyAxis, FormatError, SpectrumImage
from napari_xrf_denoise import read as read_any
from napari_xrf_denoise import write as write_any
from napari_xrf_denoise.core.atomic_write import replacing_folder
from napari_xrf_denoise.core.lazy_arrays import is_dask
from napari_xrf_denoise.io.base.contents import build
from napari_xrf_denoise.io.images.ome_zarr import is_own, read, recognise, write
from napari_xrf_denoise.io.options import ReadOptions

zarr = pytest.importorskip(
    "zarr", minversion="3", reason='needs pip install "napari-xrf-denoise[formats]"'
)
OPTIONS = ReadOptions()


def poisson_image(shape=(2, 3, 5, 40), **fields):
    """Counts with three axes of different lengths, so that a swapped axis cannot pass."""
    counts = np.random.default_rng(31).poisson(3.0, shape).astype(np.uint16)
    fields.setdefault("energy", EnergyAxis(-0.02, 0.01, shape[-1]))
    fields = {"pixel_size": (0.5, 0.25), "pixel_unit": "µm", "name": "Körner / 7", **fields}
    return SpectrumImage(counts, **fields)


def again(path):
    return build(read(path, OPTIONS), path, OPTIONS)[0]


def change(path, edit):
    """Change the metadata of the group as another program would."""
    file = path / "zarr.json"
    content = json.loads(file.read_text(encoding="utf-8"))
    edit(content["attributes"])
    file.write_text(json.dumps(content), encoding="utf-8")


@pytest.mark.parametrize("shape", [(1, 3, 5, 40), (2, 3, 5, 40), (7, 1, 1, 40), (1, 1, 1, 40)])
@pytest.mark.parametrize("dtype", ["u1", "u4", "f4"])
def test_everything_survives_a_round_trip(tmp_path, assert_same, shape, dtype):
    rng = np.random.default_rng(32)
    image = poisson_image(
        shape,
        repeat_kind="frame",
        scalers={"live_time": rng.uniform(1, 2, shape[:3]), "I0/V": rng.uniform(1, 2, shape[1:3])},
        metadata={"denoising": {"method": "stack", "losses": [1.5, float("inf")]}, "nothing": None},
    )
    image = image.replace(counts=image.counts.astype(dtype))
    path = tmp_path / "map.zarr"
    write(path, image)
    found = again(path)
    assert_same(found, image)
    assert {**found.metadata} == {**image.metadata, "source": "map.zarr", "warnings": []}
    assert set(found.scalers) == {"live_time", "I0/V"}
    for name, values in image.scalers.items():
        of_each = [np.broadcast_to(array, shape[:3]) for array in (found.scalers[name], values)]
        np.testing.assert_array_equal(*of_each)


def test_the_public_functions_write_and_read_it(tmp_path, assert_same):
    image = poisson_image()
    assert_same(read_any(write_any(tmp_path / "map.zarr", image)), image)
    with pytest.raises(FileExistsError, match="overwrite=True"):
        write_any(tmp_path / "map.zarr", image)
    smaller = image.select(y=slice(0, 2))
    assert read_any(write_any(tmp_path / "map.zarr", smaller, overwrite=True)).shape[1] == 2
    assert [file.name for file in tmp_path.iterdir()] == ["map.zarr"]


def test_other_programs_find_axes_units_and_places(tmp_path):
    image = poisson_image()
    write(tmp_path / "a.zarr", image)
    group = zarr.open_group(tmp_path / "a.zarr", mode="r")
    ome = group.attrs["ome"]
    assert ome["version"] == "0.5"
    (multiscale,) = ome["multiscales"]
    assert multiscale["name"] == "Körner / 7"
    assert multiscale["axes"] == [
        {"name": "repeat", "type": "time"},
        {"name": "energy", "type": "energy", "unit": "keV"},
        {"name": "y", "type": "space", "unit": "micrometer"},
        {"name": "x", "type": "space", "unit": "micrometer"},
    ]
    (dataset,) = multiscale["datasets"]
    assert dataset["coordinateTransformations"] == [
        {"type": "scale", "scale": [1.0, 0.01, 0.5, 0.25]},
        {"type": "translation", "translation": [0.0, -0.02, 0.0, 0.0]},
    ]
    array = group[dataset["path"]]
    np.testing.assert_array_equal(array[:], image.counts.transpose(0, 3, 1, 2))
    assert array.metadata.dimension_names == ("repeat", "energy", "y", "x")


def test_napari_itself_opens_the_counts(tmp_path):
    read_zarr = pytest.importorskip("napari_builtins.io._read", reason="needs napari")
    image = poisson_image((1, 3, 5, 40), scalers={"live_time": np.ones((3, 5))})
    write(tmp_path / "a.zarr", image)
    data, shape = read_zarr.read_zarr_dataset(str(tmp_path / "a.zarr"))
    assert shape == (40, 3, 5)
    np.testing.assert_array_equal(data[0], image.counts[0].transpose(2, 0, 1))


def test_files_are_few_and_blocks_are_small(tmp_path):
    counts = dask.array.ones((1, 300, 64, 1024), chunks=(1, 20, 64, 1024), dtype=np.uint8)
    path = tmp_path / "a.zarr"
    write(path, SpectrumImage(counts, EnergyAxis(0, 0.01, 1024)))
    array = zarr.open_array(path, path="0", mode="r")
    assert np.prod(array.chunks) <= 2**18
    # Two of metadata, and one for each band of 20 rows that the map is read in.
    assert sum(file.is_file() for file in path.rglob("*")) < 25
    assert int(np.asarray(again(path).counts).sum(dtype=np.int64)) == counts.size


def test_large_maps_are_lazy_and_damage_is_told_when_it_is_met(tmp_path, monkeypatch):
    monkeypatch.setattr("napari_xrf_denoise.io.base.memory.IN_MEMORY_BYTES", 1000)
    image = poisson_image((2, 9, 8, 64))
    path = tmp_path / "a.zarr"
    write(path, image)
    found = again(path)
    assert is_dask(found.counts)
    np.testing.assert_array_equal(found.counts.compute(), image.counts)
    for shard in (path / "0" / "c").rglob("*"):
        if shard.is_file():
            shard.write_bytes(shard.read_bytes()[:-40])
    with pytest.raises(FormatError, match=r"a\.zarr, dataset 0: the counts cannot be read"):
        found.counts.compute()


def test_what_another_program_changed_wins_over_the_record(tmp_path):
    write(tmp_path / "a.zarr", poisson_image((1, 3, 5, 40)))

    def edit(attributes):
        scale, translation = attributes["ome"]["multiscales"][0]["datasets"][0][
            "coordinateTransformations"
        ]
        scale["scale"], translation["translation"] = [0.02, 50.0, 25.0], [0.1, 0.0, 0.0]
        for axis in attributes["ome"]["multiscales"][0]["axes"][1:]:
            axis["unit"] = "nanometer"

    change(tmp_path / "a.zarr", edit)
    found = again(tmp_path / "a.zarr")
    assert (found.energy.offset, found.energy.gain) == (0.1, 0.02)
    assert (found.pixel_size, found.pixel_unit) == ((50.0, 25.0), "nm")


def test_lost_scalers_are_a_warning(tmp_path):
    write(tmp_path / "a.zarr", poisson_image(scalers={"live_time": np.ones((3, 5))}))
    shutil.rmtree(tmp_path / "a.zarr" / "0" / "scalers")
    found = again(tmp_path / "a.zarr")
    assert not found.scalers
    assert "live_time" in found.metadata["warnings"][-1]


def test_a_lost_file_of_blocks_is_no_map_of_zeros(tmp_path):
    write(tmp_path / "a.zarr", poisson_image())
    lost = next(file for file in (tmp_path / "a.zarr" / "0" / "c").rglob("*") if file.is_file())
    lost.unlink()
    with pytest.raises(FormatError, match=r"expected 2 files of blocks .* found 1"):
        read(tmp_path / "a.zarr", OPTIONS)


def test_a_map_of_zeros_is_complete(tmp_path):
    image = SpectrumImage(np.zeros((1, 3, 5, 40), dtype=np.uint16), EnergyAxis(0, 0.01, 40))
    write(tmp_path / "a.zarr", image)
    assert again(tmp_path / "a.zarr").counts_map().sum() == 0


@pytest.mark.parametrize("share", [0.0, 0.2, 0.5, 0.99])
def test_cut_off_metadata_are_refused(tmp_path, share):
    write(tmp_path / "a.zarr", poisson_image())
    for file in (tmp_path / "a.zarr" / "zarr.json", tmp_path / "a.zarr" / "0" / "zarr.json"):
        whole = file.read_bytes()
        file.write_bytes(whole[: int(len(whole) * share)])
        with pytest.raises(FormatError, match=r"a\.zarr"):
            read(tmp_path / "a.zarr", OPTIONS)
        file.write_bytes(whole)
    np.testing.assert_array_equal(again(tmp_path / "a.zarr").counts, poisson_image().counts)


@pytest.mark.parametrize(
    "edit",
    [
        lambda attributes: attributes.pop("ome"),
        lambda attributes: attributes["ome"].update(multiscales=[]),
        lambda attributes: attributes["ome"]["multiscales"][0]["axes"].pop(),
        lambda attributes: attributes.update(napari_xrf_denoise="{"),
        lambda attributes: attributes.update(napari_xrf_denoise=3),
    ],
)
def test_incomplete_metadata_are_refused(tmp_path, edit):
    write(tmp_path / "a.zarr", poisson_image())
    change(tmp_path / "a.zarr", edit)
    with pytest.raises(FormatError, match=r"a\.zarr.*zarr\.json: expected"):
        read(tmp_path / "a.zarr", OPTIONS)


def test_our_folders_are_told_from_other_zarr(tmp_path):
    write(tmp_path / "ours.zarr", poisson_image())
    assert "record of napari-xrf-denoise" in recognise(tmp_path / "ours.zarr")
    zarr.create_group(tmp_path / "theirs.zarr")
    assert recognise(tmp_path / "theirs.zarr") is None
    (tmp_path / "folder").mkdir()
    assert recognise(tmp_path / "folder") is None
    assert [is_own(tmp_path / name) for name in ("ours.zarr", "theirs.zarr", "folder")] == [
        True,
        False,
        False,
    ]
    (tmp_path / "ours.zarr" / "notes.txt").write_text("do not lose me")
    assert not is_own(tmp_path / "ours.zarr")


def put(path, content="new", *, overwrite=False, fail=None):
    with replacing_folder(
        path, overwrite=overwrite, may_replace=lambda folder: (folder / "zarr.json").is_file()
    ) as temporary:
        temporary.mkdir()
        (temporary / "zarr.json").write_text(content)
        if fail is not None:
            raise fail


@pytest.mark.parametrize("failure", [KeyboardInterrupt(), MemoryError(), OSError(28, "full")])
def test_an_interrupted_write_leaves_the_older_folder_and_nothing_else(tmp_path, failure):
    put(tmp_path / "a.zarr", "older")
    with pytest.raises(type(failure)):
        put(tmp_path / "a.zarr", overwrite=True, fail=failure)
    with pytest.raises(type(failure)):
        put(tmp_path / "b.zarr", fail=failure)
    assert [file.name for file in tmp_path.iterdir()] == ["a.zarr"]
    assert (tmp_path / "a.zarr" / "zarr.json").read_text() == "older"


def test_a_full_disk_is_told_with_the_name(tmp_path):
    with pytest.raises(OSError, match=r"a\.zarr: .*full.*Nothing was written") as error:
        put(tmp_path / "a.zarr", fail=OSError(errno.ENOSPC, "disk full"))
    assert error.value.errno == errno.ENOSPC


def test_an_older_folder_is_replaced_on_request_only(tmp_path):
    put(tmp_path / "a.zarr", "older")
    with pytest.raises(FileExistsError, match=r"a\.zarr: exists already.*overwrite=True"):
        put(tmp_path / "a.zarr")
    put(tmp_path / "a.zarr", overwrite=True)
    assert (tmp_path / "a.zarr" / "zarr.json").read_text() == "new"
    assert [file.name for file in tmp_path.iterdir()] == ["a.zarr"]


def test_a_folder_with_other_things_is_never_replaced(tmp_path):
    (tmp_path / "thesis.zarr").mkdir()
    (tmp_path / "thesis.zarr" / "chapter 1.txt").write_text("years of work")
    with pytest.raises(FileExistsError, match=r"thesis\.zarr: .*other things"):
        put(tmp_path / "thesis.zarr", overwrite=True)
    assert (tmp_path / "thesis.zarr" / "chapter 1.txt").read_text() == "years of work"


def test_a_failed_move_brings_the_older_folder_back(tmp_path, monkeypatch):
    put(tmp_path / "a.zarr", "older")
    rename = type(tmp_path).rename

    def fail_for_the_new(self, target):
        if self.name.endswith(".part"):
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return rename(self, target)

    monkeypatch.setattr(type(tmp_path), "rename", fail_for_the_new)
    with pytest.raises(OSError, match=r"a\.zarr"):
        put(tmp_path / "a.zarr", overwrite=True)
    assert (tmp_path / "a.zarr" / "zarr.json").read_text() == "older"
    assert [file.name for file in tmp_path.iterdir()] == ["a.zarr"]


def test_a_missing_parent_folder_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"a\.zarr: the folder .*none does not exist"):
        put(tmp_path / "none" / "a.zarr")
