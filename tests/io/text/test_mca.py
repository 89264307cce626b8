import numpy as np
import pytest

from napari_xrf_denoise import FormatError, SettingsError
from napari_xrf_denoise import read as read_any
from napari_xrf_denoise.io import sniff
from napari_xrf_denoise.io.base.contents import build
from napari_xrf_denoise.io.options import ReadOptions
from napari_xrf_denoise.io.text import mca as spectrum_text

COUNTS = np.random.default_rng(11).poisson(6, (6, 50))


def image_of(path, **options):
    chosen = ReadOptions(**options)
    return build(spectrum_text.read(path, chosen), path, chosen)[0]


def save(path, text, encoding="utf-8", newline="\n"):
    path.write_bytes(text.replace("\n", newline).encode(encoding))
    return path


# Amptek


def amptek(counts=COUNTS[0], calibration="LABEL - Channel\n10 0.3\n110 2.3\n", end="<<END>>\n"):
    numbers = "".join(f"{value}\n" for value in counts)
    section = f"<<CALIBRATION>>\n{calibration}" if calibration is not None else ""
    return (
        "<<PMCA SPECTRUM>>\nTAG - live_data\nDESCRIPTION - Körner - links\nGAIN - 2\n"
        "LIVE_TIME - 109.680000\nREAL_TIME - 120.500000\nSTART_TIME - 10/03/2011 10:16:08\n"
        f"SERIAL_NUMBER - 1668\n{section}<<ROI>>\n12 34\n<<DATA>>\n{numbers}{end}"
        "<<DP5 CONFIGURATION>>\nRESC=?;    Reset Configuration\n<<DP5 CONFIGURATION END>>\n"
    )


@pytest.mark.parametrize("encoding", ["utf-8", "latin-1", "utf-8-sig"])
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_an_amptek_spectrum_with_calibration_and_times(tmp_path, encoding, newline):
    path = save(tmp_path / "punkt_ä.mca", amptek(), encoding, newline)
    image = image_of(path)
    assert image.shape == (1, 1, 1, 50)
    np.testing.assert_array_equal(image.counts[0, 0, 0], COUNTS[0])
    assert image.counts.dtype.kind == "u"
    # Two points: (2.3 - 0.3) keV over 100 channels, and 10 channels below 0.3 keV.
    assert image.energy.gain == pytest.approx(0.02)
    assert image.energy.offset == pytest.approx(0.1)
    assert image.metadata["live_time"] == 109.68
    assert image.metadata["real_time"] == 120.5
    assert image.scalers["live_time"].ravel() == [109.68]
    assert image.metadata["header"]["DESCRIPTION"] == "Körner - links"
    assert "Amptek" in spectrum_text.recognise(path)


def test_each_text_is_read_and_recognised_through_the_table_of_layouts(tmp_path):
    for name, text in [("a.mca", amptek()), ("b.msa", emsa()), ("c.spec", spec())]:
        path = save(tmp_path / name, text)
        assert sniff(path) == "spectrum_text"
        np.testing.assert_array_equal(read_any(path).counts[0, 0, 0], COUNTS[0])


@pytest.mark.parametrize(
    ("calibration", "gain"),
    [
        ("LABEL - keV\n0 0\n10 0.1\n", 0.01),
        ("LABEL - eV\n0 0\n10 100\n", 0.01),
        ("LABEL - Channel\n0 0\n640 6400\n", 0.01),
        ("LABEL - Channel\n0 0\n10 0.1\n20 0.2\n40 0.4\n", 0.01),
    ],
)
def test_amptek_energies_in_kev_or_ev(tmp_path, calibration, gain):
    energy = image_of(save(tmp_path / "s.mca", amptek(calibration=calibration))).energy
    assert energy.gain == pytest.approx(gain)
    assert energy.offset == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize(
    "calibration",
    [None, "", "LABEL - Channel\n5 0.5\n", "LABEL - x\n0 0\n9 9\n", "0 1\n10 0.5\n", "7 1\n7 2\n"],
)
def test_without_a_usable_calibration_energies_are_channels(tmp_path, calibration):
    image = image_of(save(tmp_path / "s.mca", amptek(calibration=calibration)))
    assert not image.energy.calibrated
    assert any("energy_gain" in text for text in image.metadata["warnings"])


def test_an_amptek_file_without_its_end_is_refused(tmp_path):
    text = amptek()
    for place in ("<<END>>", "<<DATA>>", "SERIAL"):
        path = save(tmp_path / "cut.mca", text[: text.index(place)])
        with pytest.raises(FormatError, match=r"cut\.mca: .*<<END>>.*cut off"):
            image_of(path)


def test_a_count_that_is_no_number_is_shown(tmp_path):
    path = save(tmp_path / "bad.mca", amptek(counts=[1, "x7", 3]))
    with pytest.raises(FormatError, match=r"bad\.mca, section <<DATA>>: .*'x7'"):
        image_of(path)


def test_a_spectrum_without_counts_is_refused(tmp_path):
    with pytest.raises(FormatError, match=r"empty\.mca: .*found none"):
        image_of(save(tmp_path / "empty.mca", amptek(counts=[])))


def test_a_scan_cannot_be_named_in_a_file_of_one_spectrum(tmp_path):
    with pytest.raises(SettingsError, match=r"dataset='2'.*leave it out"):
        image_of(save(tmp_path / "s.mca", amptek()), dataset="2")


# EMSA/MAS


def emsa(counts=COUNTS[0], end="#ENDOFDATA   : \n", columns=4, **keys):
    header = {
        "FORMAT": "EMSA/MAS Spectral Data File",
        "VERSION": "1.0",
        "TITLE": "Körner: links",
        "NPOINTS": f"{len(counts)}.",
        "NCOLUMNS": f"{columns}.",
        "XUNITS": "eV",
        "YUNITS": "counts",
        "DATATYPE": "Y",
        "XPERCHAN": "10.0",
        "OFFSET": "-200.0",
        "SIGNALTYPE": "EDS",
        "LIVETIME  -s": "30.5",
        "REALTIME  -s": "33.0",
        **keys,
    }
    lines = [f"#{key:<13}: {value}\n" for key, value in header.items() if value is not None]
    rows = [counts[start : start + columns] for start in range(0, len(counts), columns)]
    body = "".join(", ".join(f"{value}" for value in row) + ",\n" for row in rows)
    return "".join(lines) + "#SPECTRUM     : Spectral Data Starts Here\n" + body + end


@pytest.mark.parametrize("columns", [1, 4, 7])
@pytest.mark.parametrize("encoding", ["utf-8", "latin-1"])
def test_an_emsa_spectrum_with_calibration_and_times(tmp_path, columns, encoding):
    path = save(tmp_path / "s.msa", emsa(columns=columns), encoding, "\r\n")
    image = image_of(path)
    assert image.shape == (1, 1, 1, 50)
    np.testing.assert_array_equal(image.counts[0, 0, 0], COUNTS[0])
    assert image.energy.offset == pytest.approx(-0.2)
    assert image.energy.gain == pytest.approx(0.01)
    assert image.metadata["live_time"] == 30.5
    assert image.metadata["real_time"] == 33.0
    assert image.metadata["header"]["TITLE"] == "Körner: links"


def test_emsa_in_kev(tmp_path):
    path = save(tmp_path / "s.emsa", emsa(XUNITS="keV", XPERCHAN="0.02", OFFSET="0.5"))
    energy = image_of(path).energy
    assert (energy.offset, energy.gain) == (0.5, 0.02)


def test_emsa_pairs_of_energy_and_count(tmp_path):
    energies = 100 + 10.0 * np.arange(50)
    energies[30:] += 400  # a gap
    body = "".join(f"{x:.1f}, {y}\n" for x, y in zip(energies, COUNTS[0], strict=True))
    text = emsa(DATATYPE="XY", XPERCHAN=None)
    start = text.index("#SPECTRUM")
    path = save(tmp_path / "s.msa", text[:start] + f"#SPECTRUM    : here\n{body}#ENDOFDATA   :\n")
    image = image_of(path)
    np.testing.assert_array_equal(image.counts[0, 0, 0], COUNTS[0])
    assert image.counts.dtype.kind == "u"
    np.testing.assert_allclose(image.energy.centers, energies / 1000)


@pytest.mark.parametrize(
    "keys", [{"XPERCHAN": None}, {"XUNITS": "Angstrom"}, {"XPERCHAN": "-1"}, {"XUNITS": None}]
)
def test_emsa_without_a_usable_calibration(tmp_path, keys):
    image = image_of(save(tmp_path / "s.msa", emsa(**keys)))
    assert not image.energy.calibrated
    assert any("energy_gain" in text for text in image.metadata["warnings"])


def test_an_emsa_file_that_was_cut_off_is_refused(tmp_path):
    text = emsa()
    for size in (text.index("#SPECTRUM"), text.index("Here") + 60, text.index("#ENDOFDATA") - 6):
        with pytest.raises(FormatError, match=r"cut\.msa: .*cut off"):
            image_of(save(tmp_path / "cut.msa", text[:size]))


def test_a_spectrum_that_is_no_x_ray_spectrum_is_not_claimed(tmp_path):
    assert spectrum_text.recognise(save(tmp_path / "eds.msa", emsa())) is not None
    assert spectrum_text.recognise(save(tmp_path / "els.msa", emsa(SIGNALTYPE="ELS"))) is None
    assert spectrum_text.recognise(save(tmp_path / "wl.msa", emsa(XUNITS="nm"))) is None


# SPEC


def spec_block(values, width=16):
    """Return a block @A, folded as SPEC folds it after 16 values."""
    cells = [str(value) for value in values]
    rows = [" ".join(cells[start : start + width]) for start in range(0, len(cells), width)]
    return "@A " + "\\\n ".join(rows) + "\n"


SPEC_HEADER = "#F map.spec\n#E 1145450191\n#D Sat Jul 22 13:05:06 2006\n#C Körner\n\n"
MCA_HEADER = "#@MCA %16C\n#@CHANN 50 0 49 1\n#@CALIB -0.1 0.02 0\n#@CTIME 1 0.9 0.95\n"


def spec(counts=COUNTS, header=MCA_HEADER, per_row=1):
    """Write one scan of rows of motor positions, each followed by its blocks."""
    text = SPEC_HEADER + "#S 1 ascan samy 0 1 5 1\n" + header + "#N 2\n#L samy  Seconds\n"
    for start in range(0, len(counts), per_row):
        text += f"{start} 1\n" + "".join(map(spec_block, counts[start : start + per_row]))
    return text


def test_spec_blocks_become_a_list_of_spectra(tmp_path):
    image = image_of(save(tmp_path / "map.spec", spec(), "latin-1"))
    assert image.shape == (1, 6, 1, 50)
    np.testing.assert_array_equal(image.counts[0, :, 0], COUNTS)
    assert (image.energy.offset, image.energy.gain) == (-0.1, 0.02)
    np.testing.assert_array_equal(image.scalers["live_time"].ravel(), [0.9] * 6)
    np.testing.assert_array_equal(image.scalers["real_time"].ravel(), [0.95] * 6)
    assert image.metadata["scans"] == ["1 ascan samy 0 1 5 1"]


def test_spec_spectra_can_be_repeats(tmp_path):
    image = image_of(save(tmp_path / "map.spec", spec()), repeat_axis=0)
    np.testing.assert_array_equal(image.counts[:, 0, 0], COUNTS)


@pytest.mark.parametrize("stated", [True, False])
def test_several_mcas_at_each_point_are_detector_elements(tmp_path, stated):
    header = MCA_HEADER + ("#@MCA_NB 2\n" if stated else "")
    image = image_of(save(tmp_path / "map.spec", spec(header=header, per_row=2)))
    assert image.shape == (2, 3, 1, 50)
    assert image.repeat_kind == "detector"
    np.testing.assert_array_equal(image.counts[0, :, 0], COUNTS[0::2])
    np.testing.assert_array_equal(image.counts[1, :, 0], COUNTS[1::2])
    np.testing.assert_array_equal(image.scalers["live_time"].ravel(), [0.9] * 3)


def three_scans(third=COUNTS[2]):
    text = SPEC_HEADER
    for number, values in enumerate([COUNTS[0], COUNTS[1], third], start=1):
        header = MCA_HEADER.replace("CHANN 50 0 49", f"CHANN {len(values)} 0 {len(values) - 1}")
        text += f"#S {number}  ct 1\n{header.replace('0.9 ', f'0.{number} ')}{spec_block(values)}\n"
    return text


def test_scans_of_one_spectrum_each_become_a_list(tmp_path):
    path = save(tmp_path / "map.spec", three_scans())
    image = image_of(path)
    np.testing.assert_array_equal(image.counts[0, :, 0], COUNTS[:3])
    np.testing.assert_array_equal(image.scalers["live_time"].ravel(), [0.1, 0.2, 0.3])
    one = image_of(path, dataset="2")
    np.testing.assert_array_equal(one.counts[0, 0, 0], COUNTS[1])
    assert one.metadata["live_time"] == 0.2
    with pytest.raises(FormatError, match=r"expected spectra in scan 9, found .*1, 2, 3"):
        image_of(path, dataset="9")


def test_scans_that_do_not_fit_together_are_read_one_at_a_time(tmp_path):
    path = save(tmp_path / "map.spec", three_scans(third=COUNTS[2, :40]))
    with pytest.raises(FormatError, match=r"scan 1, found \[40\].*scan 3.*--dataset 3"):
        image_of(path)
    np.testing.assert_array_equal(image_of(path, dataset="3").counts[0, 0, 0], COUNTS[2, :40])


def test_scans_of_other_calibration_are_pointed_out(tmp_path):
    text = three_scans().replace("-0.1 0.02", "-0.1 0.03", 1)
    image = image_of(save(tmp_path / "map.spec", text))
    assert image.energy.gain == 0.03
    assert any("those of 2, 3 differ" in text for text in image.metadata["warnings"])


@pytest.mark.parametrize(
    ("channels", "calibration", "expected"),
    [
        ("50 100 149 1", "0.5 0.02 0", 0.5 + 0.02 * (100 + np.arange(50))),
        ("50 0 99 2", "0.5 0.02 0", 0.5 + 0.02 * 2 * np.arange(50)),
        ("50 0 49 1", "0.5 0.02 1e-5", 0.5 + 0.02 * np.arange(50) + 1e-5 * np.arange(50) ** 2),
    ],
)
def test_the_calibration_is_that_of_the_stored_channels(tmp_path, channels, calibration, expected):
    header = f"#@CHANN {channels}\n#@CALIB {calibration}\n"
    energy = image_of(save(tmp_path / "map.spec", spec(header=header))).energy
    assert energy.calibrated
    np.testing.assert_allclose(energy.centers, expected)


@pytest.mark.parametrize("calibration", ["", "#@CALIB 0 1 0\n", "#@CALIB a b c\n", "#@CALIB 1\n"])
def test_spec_without_a_calibration(tmp_path, calibration):
    image = image_of(save(tmp_path / "map.spec", spec(header="#@MCA %16C\n" + calibration)))
    assert not image.energy.calibrated
    assert "live_time" not in image.scalers


def test_counts_that_are_not_whole_stay_as_they_are(tmp_path):
    counts = COUNTS / 4
    image = image_of(save(tmp_path / "map.spec", spec(counts=counts)))
    np.testing.assert_array_equal(image.counts[0, :, 0], counts)


@pytest.mark.parametrize("lines_from_the_end", [1, 2, 3])
def test_a_spec_file_that_was_cut_off_is_refused(tmp_path, lines_from_the_end):
    text = spec()
    cut = "".join(text.splitlines(keepends=True)[:-lines_from_the_end])
    with pytest.raises(FormatError, match=r"cut\.spec, scan 1, block @A 6: .*cut off"):
        image_of(save(tmp_path / "cut.spec", cut))
    half = text[: text.rindex("\\") - 30] + "\n"
    with pytest.raises(FormatError, match="expected 50 channels as #@CHANN says, found"):
        image_of(save(tmp_path / "cut.spec", half))


def test_an_empty_block_is_refused(tmp_path):
    text = spec(header="").replace(spec_block(COUNTS[3]), "@A\n")
    with pytest.raises(FormatError, match=r"block @A 4: expected some channels"):
        image_of(save(tmp_path / "map.spec", text))


def test_spec_files_without_spectra_and_other_text_are_not_claimed(tmp_path):
    for text in (
        SPEC_HEADER + "#S 1 ascan samy 0 1 5 1\n#N 2\n#L a  b\n1 2\n3 4\n",
        "1, 2\n3, 4\n",
        "#S is for scan\nand nothing else\n",
        "<html><<PMCA SPECTRUM>></html>",
    ):
        path = save(tmp_path / "other.dat", text)
        assert spectrum_text.recognise(path) is None
        assert not spectrum_text.opens(path)
        with pytest.raises(FormatError, match=r"other\.dat"):
            spectrum_text.read(path, ReadOptions())


def test_an_altered_first_line_is_refused_by_its_name(tmp_path):
    path = save(tmp_path / "altered.mca", amptek().replace("SPECTRUM>>", "SPECTRUM>>,", 1))
    with pytest.raises(FormatError, match=r"altered\.mca: expected the lines <<PMCA SPECTRUM>>"):
        image_of(path)
