import json
import math

import numpy as np
import pytest

import napari_xrf_denoise as xrf
from napari_xrf_denoise.denoising.quality.report import WindowScore
from napari_xrf_denoise.plugin.common.gain_rows import ALL_COUNTS, as_text, gain_rows
from napari_xrf_denoise.plugin.compare.model import CompareModel
from napari_xrf_denoise.plugin.compare.picture_layer import compose, picture_at


class Layer:
    """What the model sees of a layer; equal to itself only, as layers are."""

    def __init__(self, name, shape=(8, 3, 4), *, source=None, report=None):
        self.name = name
        self.data = np.ones(shape, np.uint16)
        self.axis_labels = ("energy", "y", "x")
        self.scale = (0.5, 1.0, 1.0)
        self.translate = (1.0, 0.0, 0.0)
        self.units = ("keV", "pixel", "pixel")
        self.metadata = {}
        if source is not None:
            self.metadata["denoising"] = {"source": source, "report": report}


def followed(*layers):
    model = CompareModel()
    model.follow(layers)
    return model


def image(counts, kind="scan"):
    counts = np.asarray(counts)
    axis = xrf.EnergyAxis(1.0, 0.5, counts.shape[-1])
    return xrf.SpectrumImage(counts, axis, repeat_kind=kind)


def test_the_pair_is_found_by_the_name_of_the_source():
    raw, other = Layer("ore"), Layer("other")
    denoised = Layer("ore denoised", source="ore")
    model = followed(raw, denoised, other)
    assert (model.before, model.after) == (raw, denoised)
    assert model.problem() == ""


def test_the_newest_result_is_compared_until_the_user_chooses():
    raw, first, second = Layer("a"), Layer("a denoised", source="a"), Layer("b", source="a")
    model = followed(raw, first)
    model.follow([raw, first, second])
    assert model.after == second
    model.choose(after=first)
    model.follow([raw, first, second, Layer("c", source="a")])
    assert (model.before, model.after) == (raw, first)
    model.follow([raw, second])
    assert (model.before, model.after) == (raw, second)


def test_a_pair_outlives_a_new_name_of_the_source():
    raw, denoised, other = Layer("a"), Layer("a denoised", source="a"), Layer("other")
    model = followed(raw, denoised, other)
    raw.name = "ore"
    model.follow([raw, denoised, other])
    assert model.before == raw
    assert model.names == ("ore", "a denoised", "other")


def test_without_its_source_a_result_is_compared_with_raw_counts_of_the_same_shape():
    raw, small = Layer("opened again"), Layer("small", (8, 2, 4))
    denoised = Layer("a denoised", source="a")
    model = followed(raw, denoised, small)
    assert (model.before, model.after) == (raw, denoised)


@pytest.mark.parametrize(
    ("layers", "words"),
    [
        ([], "Open Sample"),
        ([Layer("a")], "Layers > Filter > Denoise"),
        ([Layer("a denoised", source="a")], "Layers > Filter > Denoise"),
        ([Layer("a", (8, 2, 4)), Layer("a denoised", source="a")], "Layers > Filter > Denoise"),
    ],
)
def test_what_is_missing_is_said(layers, words):
    assert words in followed(*layers).problem()


def test_layers_that_do_not_fit_are_named_with_their_shapes():
    model = followed(Layer("a"), Layer("small", (8, 2, 4)))
    model.choose(before=model.available[0], after=model.available[1])
    assert "“a” is 3 × 4 pixels with 8 channels" in model.problem()
    assert "“small” is 2 × 4 pixels with 8 channels" in model.problem()
    model.choose(after=model.available[0])
    assert "twice" in model.problem()


def test_of_channels_without_a_calibration_all_are_in_the_first_window():
    raw, result = Layer("a"), Layer("a denoised", source="a")
    for layer in (raw, result):
        layer.scale, layer.translate, layer.units = (1, 1, 1), (0, 0, 0), ("pixel",) * 3
    model = followed(raw, result)
    model.window_kind = "own"
    assert model.axis.channels(*model.window()) == slice(0, 8)
    assert model.window_problem() == ""
    model.high = -1.0
    assert "begins below its end" in model.window_problem()


def test_the_window_of_a_line_holds_both_channels_that_the_report_names():
    window = WindowScore("2.5 keV", 2.0, 3.0, 2.0, (1.5, 3.0))
    told = xrf.QualityReport(2.0, (1.0, 3.0), 1.0, windows=(window,)).as_dict()
    model = followed(Layer("a"), Layer("a denoised", source="a", report=told))
    model.line, model.window_kind = "2.5 keV", "line"
    assert model.axis.channels(*model.window()) == slice(2, 5)  # 2.0, 2.5 and 3.0 keV


def test_other_data_make_residuals_void():
    raw, denoised = Layer("a"), Layer("a denoised", source="a")
    model = followed(raw, denoised)
    model.residuals = "of the old data"
    model.follow([raw, denoised])
    assert model.residuals == "of the old data"
    raw.data = raw.data + 1
    model.follow([raw, denoised])
    assert model.residuals is None


def test_a_window_of_ones_own_begins_as_the_whole_axis():
    model = followed(Layer("a"), Layer("a denoised", source="a"))
    model.window_kind = "own"
    # Eight channels of 0.5 keV from 1 keV on; the edges of the outermost.
    assert model.window() == (0.75, 4.75)


def test_pictures_combine_repeats_as_the_image_says():
    counts = np.arange(2 * 2 * 3 * 4).reshape(2, 2, 3, 4)
    np.testing.assert_array_equal(picture_at(image(counts), 1)[0], [13, 17, 21])
    np.testing.assert_array_equal(picture_at(image(counts, "detector"), 1)[0], [26, 34, 42])


@pytest.mark.parametrize(("share", "cut"), [(0.0, 0), (0.25, 2), (1.0, 8)])
def test_the_split_is_a_share_of_the_width(share, cut):
    before, after = np.zeros((3, 8), np.float32), np.ones((3, 8), np.float32)
    composed = compose((before, after), share)
    assert (composed[:, :cut] == 0).all()
    assert (composed[:, cut:] == 1).all()


def report():
    """A report with each kind of row, as it comes out of a file."""
    nan, inf = math.nan, math.inf
    made = xrf.QualityReport(
        8.04,
        (6.0, 11.0),
        1.0,
        windows=(
            WindowScore("6.40 keV (Fe Ka)", 6.26, 6.54, 12.34, (9.0, 20.0)),
            WindowScore("9.99 keV", 9.8, 10.2, 40.0, (3.21, inf)),
            WindowScore("3.31 keV (K Ka)", 3.2, 3.4, nan, (2.5, inf)),
            WindowScore("1.74 keV (Si Ka)", 1.6, 1.8, nan, (nan, nan)),
        ),
    )
    return json.loads(json.dumps(made.as_dict()))


def test_the_table_of_gains():
    assert [row.cells() for row in gain_rows(report())] == [
        (ALL_COUNTS, "", "8.0", "6.0–11.0"),
        ("Fe Kα", "6.40", "12.3", "9.0–20.0"),
        ("unidentified", "9.99", "at least 3.2", "from 3.2"),
        ("K Kα", "3.31", "at least 2.5", "from 2.5"),
        ("Si Kα", "1.74", "not known", ""),
    ]


def test_gains_are_sorted_as_numbers_and_the_unknown_is_last():
    rows = sorted(gain_rows(report()), key=lambda row: row.keys()[2], reverse=True)
    assert [row.cells()[0] for row in rows] == [
        "Fe Kα",
        ALL_COUNTS,
        "unidentified",
        "K Kα",
        "Si Kα",
    ]


def test_the_table_as_text_has_units_and_tabs():
    lines = as_text(gain_rows(report())).split("\n")
    assert lines[0] == "Line\tEnergy (keV)\tDose gain\tInterval"
    assert lines[2] == "Fe Kα\t6.40\t12.3\t9.0–20.0"


def test_windows_of_channels_are_named_so():
    window = WindowScore("channels 380–396", 380.0, 396.0, 2.0, (1.5, 3.0))
    made = xrf.QualityReport(2.0, (1.0, 3.0), 1.0, windows=(window,)).as_dict()
    assert as_text(gain_rows(made)).split("\n") == [
        "Line\tChannel\tDose gain\tInterval",
        "all counts\t\t2.0\t1.0–3.0",
        "unidentified\t380–396\t2.0\t1.5–3.0",
    ]


def test_a_layer_without_a_report_has_no_table():
    model = followed(Layer("a"), Layer("a denoised", source="a"))
    assert model.gains() == ()
    assert "no denoising report" in model.gain_words()


def test_a_line_that_the_other_result_does_not_have_is_let_go():
    raw, first = Layer("a"), Layer("a denoised", source="a", report=report())
    model = followed(raw, first)
    model.line, model.window_kind = "6.40 keV (Fe Ka)", "line"
    assert model.window() is not None
    model.follow([raw, first, Layer("b", source="a")])
    assert model.window_kind == "all"
    assert model.window() is None


def test_a_pair_changes_at_once():
    raw, other = Layer("raw"), Layer("other raw")
    results = [Layer(f"{one.name} denoised", source=one.name) for one in (raw, other)]
    model = followed(raw, results[0])
    seen = []
    model.events.connect(lambda *_: seen.append((model.before, model.after)), check_nargs=False)
    model.follow([raw, results[0], other, results[1]])
    assert set(seen) <= {(raw, results[0]), (other, results[1])}
    assert seen[-1] == (other, results[1])


def test_residuals_go_when_the_record_of_the_measurement_changes():
    raw, result = Layer("a"), Layer("a denoised", source="a", report=report())
    model = followed(raw, result)
    model.residuals = object()
    model.follow([raw, result])
    assert model.residuals is not None
    raw.metadata["xrf"] = {"repeat_kind": "detector"}
    model.follow([raw, result])
    assert model.residuals is None
