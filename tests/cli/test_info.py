"""What a user is told about a spectrum image."""

import numpy as np

from napari_xrf_denoise.cli.info import describe_image
from napari_xrf_denoise.core.energy_axis import EnergyAxis
from napari_xrf_denoise.core.spectrum_image import SpectrumImage
from napari_xrf_denoise.io.base.contents import NO_CALIBRATION


def image(**fields):
    counts = np.random.default_rng(0).poisson(4, (2, 5, 6, 50)).astype(np.uint16)
    axis = EnergyAxis(0.1, 0.02, 50)
    return SpectrumImage(counts, axis, repeat_kind="detector", pixel_size=(2, 3), **fields)


def told(found, beginning):
    return next(line for line in describe_image(found) if line.startswith(beginning))


def test_axes_energies_and_pixels_are_told_with_units():
    found = image(pixel_unit="µm")
    assert "2 repeat(s) of kind detector, 5 x 6 pixels (y, x), 50 channels" in told(found, "axes")
    assert told(found, "energy") == "energy: 0.1 to 1.08 keV, 0.02 keV a channel"
    assert told(found, "pixel size") == "pixel size: 2 x 3 µm (y, x)"


def test_the_default_run_is_said_with_its_cost():
    line = told(image(), "default run")
    assert "Method: spectrum (30 pixels are too few to share components)." in line
    assert "2 networks of 8 features, 100 steps." in line
    assert "Expected: about " in line


def test_counts_a_pixel_and_their_statistics_are_told():
    flat = image().replace(counts=np.full((2, 5, 6, 50), 4, np.uint8))
    assert told(flat.select(repeats=0), "counts a pixel").endswith("200 on average, 200 to 200")
    assert told(image(), "variance").endswith("(Poisson)")
    halves = image().replace(counts=image().counts * 0.5)
    assert told(halves, "counts: ") == "counts: not whole numbers"


def test_what_lies_beside_the_counts_is_listed():
    found = image(
        scalers={"I0": np.ones((5, 6)), "live_time": np.ones((2, 5, 6))},
        repeat_energies=(EnergyAxis(0.1, 0.02, 50), EnergyAxis(0.15, 0.021, 50)),
    )
    assert told(found, "beside the counts") == "beside the counts: I0, live_time"
    assert "0.15 + 0.021 x channel; --align" in told(found, "energies of single repeats")


def test_warnings_of_the_reading_are_repeated():
    found = image(metadata={"warnings": ["give a gain"]})
    assert "warning: give a gain" in describe_image(found)


def test_a_missing_calibration_is_told_once_and_no_channel_is_called_an_energy():
    energies = EnergyAxis.uncalibrated(50)
    found = image().replace(energy=energies, metadata={"warnings": [NO_CALIBRATION]})
    lines = [line for line in describe_image(found) if "--energy-gain" in line]
    assert lines == [told(found, "energy: channels 0 to 49, not calibrated")]


def test_an_offset_that_is_rounding_is_called_zero():
    found = image().replace(energy=EnergyAxis(3e-16, 0.02, 50))
    assert told(found, "energy") == "energy: 0 to 0.98 keV, 0.02 keV a channel"
