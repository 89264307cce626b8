"""Warnings as the window says them."""

import numpy as np
import pytest

import napari_xrf_denoise as xrf
from napari_xrf_denoise.core.energy_axis import NO_CALIBRATION
from napari_xrf_denoise.denoising.diagnostics.checks import find_faults
from napari_xrf_denoise.denoising.diagnostics.statistics import count_statistics
from napari_xrf_denoise.plugin.common.window_words import CROP, in_window


def faults(counts, **fields):
    image = xrf.SpectrumImage(counts, xrf.EnergyAxis(0.0, 0.02, counts.shape[-1]), **fields)
    return [in_window(text) for text in find_faults(count_statistics(image), image)]


def photons(*shape):
    """Counts of a line and a background, the same rate in all pixels."""
    channel = np.arange(shape[-1])
    rate = 1 + 20 * np.exp(-0.5 * ((channel - 150) / 4) ** 2)
    return np.random.default_rng(1).poisson(np.broadcast_to(rate, shape)).astype(np.uint16)


@pytest.mark.parametrize(
    ("case", "words"),
    [
        ("shifted", "Layers > Register > Align repeats"),
        ("halves", "Layers > Data > Counts to photons (counts per photon 0.5)"),
        ("threes", "Layers > Data > Counts to photons (counts per photon 3)"),
        ("dead", CROP),
        ("empty rows", CROP),
        ("weak rows", f"{CROP} (rows 0 to 19)"),
    ],
)
def test_each_names_the_form_that_mends_it(case, words):
    counts = photons(3, 30, 20, 300)
    if case == "shifted":
        counts[1] = np.roll(counts[1], 8, axis=-1)
    elif case == "halves":
        counts = counts * np.float32(0.5)
    elif case == "threes":
        counts = counts * np.uint16(3)
    elif case == "dead":
        counts[2] = 0
    elif case == "empty rows":
        counts[:, 25:] = 0
    elif case == "weak rows":
        counts[:, 20:] = np.random.default_rng(2).binomial(counts[:, 20:], 0.4)
    kind = "detector" if case == "shifted" else "scan"
    text = "\n".join(faults(counts, repeat_kind=kind))
    assert words in text
    assert "--" not in text
    assert "image" not in text


def test_a_missing_calibration_names_the_dock():
    text = in_window(f"gold.h5: {NO_CALIBRATION}")
    assert text.endswith("choose Layers > Data > Calibrate energy")
    assert "channel numbers" in text


@pytest.mark.parametrize("text", ["counts fall from 3 to 1", "use --rebin or image.rebin(...)"])
def test_what_no_form_does_is_said_as_it_was(text):
    assert in_window(text) == text
