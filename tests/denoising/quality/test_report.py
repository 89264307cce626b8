"""What a report says, and that a run fills it in."""

import json
import re

import numpy as np
import pytest

import napari_xrf_denoise as xrf
from napari_xrf_denoise.denoising.quality.dose_gain import DoseGainEstimate
from napari_xrf_denoise.denoising.quality.report import QualityReport, WindowScore, make_report
from napari_xrf_denoise.denoising.quality.residuals import Residuals
from napari_xrf_denoise.denoising.result import report_of
from napari_xrf_denoise.spectroscopy.line_windows import Window

INF = float("inf")
FE = WindowScore("6.40 keV (Fe Ka)", 6.26, 6.54, 8.0, (7.0, 9.5), 0.93, 0.04)
ZN = WindowScore("8.63 keV (Zn Ka)", 8.47, 8.79, float("nan"), (3.4, INF))
UNKNOWN = WindowScore("2.31 keV", 2.21, 2.41, 0.9, (0.2, INF))


def test_lines_are_found_by_place_and_by_name():
    lines = QualityReport(8.0, (7.0, 9.5), 1.0, windows=(FE, ZN)).lines
    assert len(lines) == 2
    assert lines[0] is lines["Fe Ka"] is lines["Fe"] is lines["6.40 keV (Fe Ka)"] is FE
    assert list(lines[1:]) == [ZN]
    assert (lines["Fe"].contrast, lines["Fe"].contrast_error) == (0.93, 0.04)
    with pytest.raises(KeyError, match=r"no line 'F' was scored; .*6.40 keV \(Fe Ka\), 8.63"):
        lines["F"]


def test_a_report_says_at_least_where_no_upper_end_is_known():
    report = QualityReport(float("nan"), (3.4, INF), 1.0)
    assert report.summary() == "dose gain: at least 3.4"
    assert "not known" in QualityReport(np.nan, (np.nan, np.nan), 1.0, "no counts").summary()
    assert QualityReport(8.0, (7.0, 9.5), 1.0).summary() == "dose gain: 8.0 (7.0 to 9.5)"


def test_the_table_has_a_row_for_each_line_whose_gain_is_known():
    report = QualityReport(8.0, (7.0, 9.5), 1.0, windows=(UNKNOWN, FE, ZN))
    assert report.table().splitlines() == [
        "line              gain              contrast kept",
        "6.40 keV (Fe Ka)  8.0 (7.0 to 9.5)  0.93 ± 0.04",
        "8.63 keV (Zn Ka)  at least 3.4",
    ]
    gains = QualityReport(8.0, (7.0, 9.5), 1.0, windows=(UNKNOWN, ZN)).table()
    assert gains.splitlines() == ["line              gain", "8.63 keV (Zn Ka)  at least 3.4"]
    assert QualityReport(8.0, (7.0, 9.5), 1.0).table() == ""
    assert QualityReport(8.0, (7.0, 9.5), 1.0, windows=(UNKNOWN,)).table() == ""


def test_a_report_is_valid_json():
    report = QualityReport(
        np.nan,
        (3.0, np.inf),
        1.0,
        "x",
        ("w",),
        {"training": [1.0]},
        {"rank": 3},
        (FE, ZN),
        np.full((2, 2), np.nan, dtype=np.float32),
        np.zeros(9, dtype=np.float32),
    )
    content = json.loads(json.dumps(report.as_dict(), allow_nan=False))
    assert content["dose_gain"] is None
    assert content["dose_gain_interval"] == [3.0, None]
    assert content["windows"][0] == {
        "name": "6.40 keV (Fe Ka)",
        "range": [6.26, 6.54],
        "dose_gain": 8.0,
        "dose_gain_interval": [7.0, 9.5],
        "contrast": 0.93,
        "contrast_error": 0.04,
        **dict.fromkeys(("brightest", "brightest_error", "dimmest", "dimmest_error", "edge")),
    }
    assert content["windows"][1]["dose_gain"] is None
    assert content["windows"][1]["contrast"] is None
    # Maps are too large for a record.
    assert "residual_map" not in content
    assert report == report


def score_with(window_error, residuals=None):
    window = Window("8.63 keV (Zn Ka)", slice(5, 9), 8.47, 8.79)
    raw = np.array([100.0])
    own = DoseGainEstimate(np.array([window_error]), raw, variance=1.0)
    return DoseGainEstimate(
        np.array([10.0]), raw, 1.0, windows=((window, own),), residuals=residuals
    )


def test_lines_that_became_worse_are_reported():
    report = make_report(score_with(200.0), 1.0, "x", [], {}, {})
    assert report.windows[0].dose_gain == pytest.approx(0.5)
    (warning,) = report.warnings
    assert "8.63 keV (Zn Ka) 0.50" in warning
    # Twice as far as the raw counts, but not beyond doubt.
    assert make_report(score_with(101.0), 1.0, "x", [], {}, {}).warnings == ()
    assert make_report(score_with(20.0), 1.0, "x", [], {}, {}).warnings == ()


def test_known_warnings_and_those_of_residuals_are_reported_together():
    left = Residuals(np.zeros((2, 3)), np.zeros(9), ("a line is gone",))
    report = make_report(score_with(20.0, left), 1.03, "x", ["drift"], {}, {})
    assert report.warnings[0] == "drift"
    assert "1.030 times the raw counts" in report.warnings[1]
    assert report.warnings[2] == "a line is gone"
    assert report.residual_map.shape == (2, 3)


def test_without_a_score_nothing_is_claimed():
    report = make_report(None, 1.0, "no counts were held out", [], {}, {})
    assert np.isnan(report.dose_gain)
    assert report.windows == ()
    assert report.residual_map is None
    assert report.residual_spectrum is None


def test_a_run_tells_the_gain_of_each_line_and_where_counts_were_lost(small_map):
    image, truth = small_map
    result = xrf.denoise(image, method="pca")
    report = result.report
    assert report.residual_map.shape == image.shape[1:3]
    assert report.residual_spectrum.shape == (image.shape[3],)
    assert len(report.windows) >= 8
    assert "6.40 keV (Fe Ka)" in report.table()
    inside = []
    for window in report.windows:
        channels = slice(image.energy.channel(window.low), image.energy.channel(window.high) + 1)
        true = truth[..., channels].sum(axis=-1, dtype=float)
        left = result.counts[..., channels].sum(axis=-1, dtype=float) - true
        low, high = window.dose_gain_interval
        inside.append(low <= true.sum() / (left**2).sum() <= high)
    assert np.mean(inside) >= 0.8
    record = result.image.metadata["denoising"]["report"]
    assert [window["name"] for window in record["windows"]] == [w.name for w in report.windows]


def test_a_trained_model_is_scored_by_lines_as_well(small_map):
    image, truth = small_map
    model = xrf.denoise(image, method="pca").model
    other = image.replace(counts=np.random.default_rng(1).poisson(truth)[None])
    report = xrf.apply(model, other).report
    assert len(report.windows) >= 8
    assert report.residual_map.shape == image.shape[1:3]


def test_unseen_repeats_score_lines_as_well(small_map):
    image, truth = small_map
    unseen = image.replace(counts=np.random.default_rng(1).poisson(truth, (3, *truth.shape)))
    report = xrf.denoise(image, method="pca", reference=unseen).report
    assert len(report.windows) >= 8
    assert re.search(r"Fe Ka\)\s+\d", report.table())
    assert report.residual_map is not None


def test_what_a_result_erased_is_told_as_data_that_the_layers_confirm(small_map):
    image, _ = small_map
    result = xrf.denoise(image, method="pca", rank=2)
    report = result.report
    lost = report.departures[0]
    assert report.departure_map.shape == image.shape[1:3]
    assert report.departure_map.max() <= len(report.departures)
    raw, given = (np.asarray(part, dtype=float) for part in (image.counts[0], result.counts))
    pixels = report.departure_map == 1
    assert pixels.sum() == lost.pixels
    near = np.abs(image.energy.centers - lost.energy) < 0.12
    missing = (raw - given)[pixels][:, near].sum()
    assert lost.missing == pytest.approx(missing, rel=0.3, abs=3 * lost.counts**0.5)
    record = json.loads(json.dumps(report.as_dict(), allow_nan=False))
    assert len(record["departures"]) == len(report.departures)
    assert "departure_map" not in record
    assert report_of(result.image).departures == report.departures
