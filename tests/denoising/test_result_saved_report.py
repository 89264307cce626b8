"""The report that a result carries in its metadata."""

import json
import math

import numpy as np
import pytest

import napari_xrf_denoise as xrf
from napari_xrf_denoise.denoising.quality.report import WindowScore
from napari_xrf_denoise.denoising.result import report_from_dict

NAN = math.nan


@pytest.fixture(scope="module")
def result():
    image, _ = xrf.simulate_map(shape=(16, 16), n_channels=256, seed=1)
    return xrf.denoise(image, method="pca", rank=4)


@pytest.mark.parametrize("suffix", [".h5", ".hspy", ".ome.tif", ".zarr"])
def test_a_report_comes_back_from_a_file(tmp_path, result, suffix):
    path = xrf.write(tmp_path / f"denoised{suffix}", result.image)
    found = xrf.denoising.report_of(xrf.read(path))
    assert found.summary() == result.report.summary()
    assert found.table() == result.report.table()
    assert found.warnings == result.report.warnings
    assert found.measured_by == result.report.measured_by
    assert found.count_ratio == pytest.approx(result.report.count_ratio)


def test_a_result_gives_its_own_report(result):
    assert xrf.denoising.report_of(result) is result.report


@pytest.mark.parametrize("wrong", ["denoised.h5", np.ones(3), None])
def test_what_is_no_result_is_refused_in_words(wrong):
    with pytest.raises(xrf.DataError, match=rf"found {type(wrong).__name__}; .*read\(\)"):
        xrf.denoising.report_of(wrong)


def test_what_is_not_known_or_has_no_upper_end_comes_back():
    made = xrf.QualityReport(
        NAN,
        (2.5, math.inf),
        NAN,
        windows=(WindowScore("1.74 keV (Si Ka)", 1.6, 1.8, NAN, (NAN, NAN)),),
    )
    found = report_from_dict(json.loads(json.dumps(made.as_dict())))
    assert math.isnan(found.dose_gain)
    assert found.dose_gain_interval == (2.5, math.inf)
    assert math.isnan(found.count_ratio)
    (window,) = found.windows
    assert (window.name, window.low, window.high) == ("1.74 keV (Si Ka)", 1.6, 1.8)
    assert math.isnan(window.dose_gain)
    assert all(math.isnan(end) for end in window.dose_gain_interval)


def test_counts_that_were_not_denoised_have_none():
    image, _ = xrf.simulate_map(shape=(4, 4), n_channels=128, seed=1)
    with pytest.raises(xrf.DataError, match="map: carries no report"):
        xrf.denoising.report_of(image)
