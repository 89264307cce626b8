import numpy as np
import pytest

from napari_xrf_denoise import FormatError
from napari_xrf_denoise import read as read_any
from napari_xrf_denoise.core.lazy_arrays import is_on_disk
from napari_xrf_denoise.io import sniff
from napari_xrf_denoise.io.base.contents import build
from napari_xrf_denoise.io.instruments import ripple
from napari_xrf_denoise.io.options import ReadOptions

# (y, x, energy)
COUNTS = np.random.default_rng(5).poisson(4, (3, 5, 30)).astype(np.uint16)
KEYS = {
    "width": 5,
    "height": 3,
    "depth": 30,
    "offset": 0,
    "data-length": 2,
    "data-type": "unsigned",
    "byte-order": "little-endian",
    "record-by": "vector",
}
CALIBRATION = {"depth-origin": -0.2, "depth-scale": 0.01, "depth-units": "keV"}


def save(folder, counts=COUNTS, name="map", calibration=CALIBRATION, **keys):
    """Write a pair; an underscore in a keyword stands for the hyphen."""
    entries = {**KEYS, **calibration, **{key.replace("_", "-"): v for key, v in keys.items()}}
    lines = [f"{key}\t{value}\n" for key, value in entries.items() if value is not None]
    header = folder / f"{name}.rpl"
    header.write_text("key\tvalue\n" + "".join(lines), encoding="utf-8")
    (folder / f"{name}.raw").write_bytes(np.ascontiguousarray(counts).tobytes())
    return header


def image_of(path, **options):
    chosen = ReadOptions(**options)
    return build(ripple.read(path, chosen), path, chosen)[0]


@pytest.mark.parametrize("suffix", [".rpl", ".raw"])
def test_either_file_of_the_pair_can_be_named(tmp_path, suffix):
    image = image_of(save(tmp_path, name="Körner").with_suffix(suffix))
    assert image.shape == (1, 3, 5, 30)
    np.testing.assert_array_equal(image.counts[0], COUNTS)
    assert image.counts.dtype == np.uint16
    assert image.name == "Körner"
    assert (image.energy.offset, image.energy.gain) == (-0.2, 0.01)


def test_a_pair_is_read_and_recognised_through_the_table_of_layouts(tmp_path):
    header = save(tmp_path)
    assert sniff(header) == sniff(header.with_suffix(".raw")) == "ripple"
    np.testing.assert_array_equal(read_any(header).counts[0], COUNTS)


def test_recorded_by_image_each_channel_is_a_picture(tmp_path):
    path = save(tmp_path, np.moveaxis(COUNTS, 2, 0), record_by="image")
    image = image_of(path)
    assert image.shape == (1, 3, 5, 30)
    np.testing.assert_array_equal(image.counts[0], COUNTS)
    assert image.energy.size == 30


@pytest.mark.parametrize(
    ("kind", "length", "order", "dtype"),
    [
        ("unsigned", 1, "dont-care", "u1"),
        ("unsigned", 4, "big-endian", ">u4"),
        ("signed", 2, "big-endian", ">i2"),
        ("signed", 8, "little-endian", "<i8"),
        ("float", 4, "big-endian", ">f4"),
        ("float", 8, "little-endian", "<f8"),
    ],
)
def test_each_type_and_byte_order(tmp_path, kind, length, order, dtype):
    path = save(
        tmp_path, COUNTS.astype(dtype), data_type=kind, data_length=length, byte_order=order
    )
    image = image_of(path)
    np.testing.assert_array_equal(image.counts[0], COUNTS)
    assert image.counts.dtype == np.dtype(dtype).newbyteorder("=")
    assert image.counts.dtype.isnative


def test_an_unsaid_byte_order_is_assumed_with_a_warning(tmp_path):
    image = image_of(save(tmp_path, byte_order="dont-care"))
    np.testing.assert_array_equal(image.counts[0], COUNTS)
    assert any("big-endian" in text for text in image.metadata["warnings"])


def test_bytes_in_front_of_the_counts_are_skipped(tmp_path):
    path = save(tmp_path, offset=7)
    raw = path.with_suffix(".raw")
    raw.write_bytes(b"seven b" + COUNTS.tobytes())
    np.testing.assert_array_equal(image_of(path).counts[0], COUNTS)


@pytest.mark.parametrize(
    ("calibration", "offset", "gain"),
    [
        ({"ev-per-chan": 5}, 0.0, 0.005),
        ({"ev-per-chan": 5, "depth-origin": -100}, -0.1, 0.005),
        ({"depth-scale": 20, "depth-origin": 40, "depth-units": "eV"}, 0.04, 0.02),
        (
            {"depth-scale": 1, "depth-origin": 7, "depth-units": "channel", "ev-per-chan": 10},
            0,
            0.01,
        ),
    ],
)
def test_each_way_to_give_the_energy(tmp_path, calibration, offset, gain):
    energy = image_of(save(tmp_path, calibration=calibration)).energy
    assert energy.calibrated
    assert energy.offset == pytest.approx(offset)
    assert energy.gain == pytest.approx(gain)


@pytest.mark.parametrize(
    "calibration",
    [{}, {"depth-scale": 0.01}, {"depth-scale": -1, "depth-units": "eV"}, {"ev-per-chan": "much"}],
)
def test_without_a_calibration_energies_are_channels(tmp_path, calibration):
    image = image_of(save(tmp_path, calibration=calibration))
    assert not image.energy.calibrated
    assert any("energy_gain" in text for text in image.metadata["warnings"])


def test_pixel_size_and_live_time_are_kept(tmp_path):
    sizes = {"height-scale": 0.5, "width-scale": 0.25, "height-units": "µm", "width-units": "µm"}
    image = image_of(save(tmp_path, calibration={**CALIBRATION, **sizes, "live-time": 12.5}))
    assert (image.pixel_size, image.pixel_unit) == ((0.5, 0.25), "µm")
    assert image.metadata["live_time"] == 12.5
    other = image_of(save(tmp_path, calibration={**sizes, "width-units": "mm"}))
    assert other.pixel_unit == "pixel"


def test_comments_blanks_capitals_and_incas_brackets(tmp_path):
    path = save(tmp_path)
    path.write_text(
        "; made by hand\n(MLX::WIDTH :5)\nHeight  3 ; rows\ndepth\t30\ndata-length 2\n"
        "Data-Type Unsigned\nbyte-order little-endian\nRECORD-BY\tVector\n"
    )
    np.testing.assert_array_equal(image_of(path).counts[0], COUNTS)


def test_capital_suffixes_belong_together(tmp_path):
    path = save(tmp_path)
    path.rename(tmp_path / "MAP.RPL")
    path.with_suffix(".raw").rename(tmp_path / "MAP.RAW")
    np.testing.assert_array_equal(image_of(tmp_path / "MAP.RAW").counts[0], COUNTS)


@pytest.mark.parametrize("suffix", [".rpl", ".raw"])
def test_a_missing_partner_is_named(tmp_path, suffix):
    path = save(tmp_path)
    path.with_suffix(suffix).unlink()
    other = path.with_suffix({".rpl": ".raw", ".raw": ".rpl"}[suffix])
    with pytest.raises(FormatError, match=rf"no map\{suffix} beside it"):
        ripple.read(other, ReadOptions())


@pytest.mark.parametrize("size", [0, 1, 899])
def test_counts_that_were_cut_off_are_refused(tmp_path, size):
    path = save(tmp_path)
    raw = path.with_suffix(".raw")
    raw.write_bytes(COUNTS.tobytes()[:size])
    with pytest.raises(FormatError, match=rf"map\.raw: expected 900 bytes.*found {size}"):
        image_of(path)


def test_an_absurd_claim_is_refused_without_memory(tmp_path):
    with pytest.raises(FormatError, match=r"map\.raw: expected"):
        image_of(save(tmp_path, width=10**9, height=10**9))


def test_bytes_that_the_header_does_not_explain_are_pointed_out(tmp_path):
    image = image_of(save(tmp_path, height=2))
    np.testing.assert_array_equal(image.counts[0], COUNTS[:2])
    assert any("300 bytes more" in text for text in image.metadata["warnings"])


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("width", None),
        ("depth", 0),
        ("height", "three"),
        ("offset", -1),
        ("data_length", 3),
        ("data_type", "complex"),
        ("byte_order", "middle-endian"),
        ("record_by", "dont-care"),
        ("record_by", None),
    ],
)
def test_headers_that_cannot_be_are_refused(tmp_path, key, value):
    path = save(tmp_path, **{key: value})
    with pytest.raises(FormatError, match=r"map\.rpl: expected"):
        ripple.read(path, ReadOptions())


def test_the_order_of_a_single_spectrum_does_not_matter(tmp_path):
    path = save(tmp_path, COUNTS[1, 2], width=1, height=1, record_by="dont-care")
    np.testing.assert_array_equal(image_of(path).counts[0, 0, 0], COUNTS[1, 2])


def test_counts_without_a_header_are_not_claimed(tmp_path):
    path = save(tmp_path)
    assert ripple.opens(path.with_suffix(".raw"))
    path.unlink()
    assert not ripple.opens(path.with_suffix(".raw"))


def test_pictures_and_other_raw_files_are_not_claimed(tmp_path):
    assert ripple.recognise(save(tmp_path, COUNTS[..., 0], depth=1, record_by="image")) is None
    camera = tmp_path / "camera.raw"
    camera.write_bytes(b"\x00\x01" * 600)
    assert not ripple.opens(camera)
    (tmp_path / "camera.rpl").write_text("nothing of this kind\n")
    assert not ripple.opens(camera)


def test_large_maps_stay_on_disk(tmp_path, monkeypatch):
    monkeypatch.setattr("napari_xrf_denoise.io.base.memory.IN_MEMORY_BYTES", 100)
    image = image_of(save(tmp_path))
    assert is_on_disk(image.counts)
    np.testing.assert_array_equal(image.counts[0], COUNTS)
