"""Whole counts that are no photon counts any more: said in words, and no dose gain told."""

import numpy as np
import pytest

import napari_xrf_denoise as xrf
from tests.helpers.changed_counts import ROUNDED, TIED, changed, photons


def report_of(counts):
    return xrf.denoise(counts, method="pca", preset="fast").report


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (TIED["moved"], "neighbouring rows and columns are too alike"),
        (TIED["afterpulse"], "neighbouring channels are too alike"),
        (TIED["rows upsampled"], "hold exactly the counts of the pixel 1 row above"),
        (lambda n, rng: np.concatenate([n[:14], n[:14]]), "the pixel 14 rows above"),
        (ROUNDED["factor 1.1 to 1.4"], "rounded to whole numbers"),
        (ROUNDED["photons doubled"], "one photon counts as two"),
    ],
)
def test_no_dose_gain_is_told_of_counts_that_were_changed(change, words):
    report = report_of(changed(change, photons(seed=1), seed=1))
    assert words in "\n".join(report.warnings)
    assert np.isnan(report.dose_gain)
    assert "not Poisson" in report.measured_by


def test_the_dose_gain_of_photons_is_told():
    report = report_of(photons(seed=1))
    assert "photons" not in "\n".join(report.warnings)
    assert report.dose_gain > 1
