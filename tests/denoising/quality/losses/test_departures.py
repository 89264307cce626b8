"""What is told of lost and added counts, in words and as data."""

import json

import pytest

from napari_xrf_denoise.core.energy_axis import EnergyAxis
from napari_xrf_denoise.denoising.quality.losses.departures import (
    MOST,
    Departure,
    energy_text,
    sentences,
)

MAP = (48, 60)


def departure(
    missing=280.0, y=(0, 24), x=(0, 30), pixels=None, kind="part", name="5.41 keV (Cr Ka)"
):
    number = (y[1] - y[0]) * (x[1] - x[0]) if pixels is None else pixels
    return Departure(5.41, name, "Cr", 746.0, missing, slice(*y), slice(*x), number, kind, 1e-18)


@pytest.mark.parametrize(
    ("y", "x", "words"),
    [
        ((0, 24), (0, 30), "the upper left quarter (y 0–23, x 0–29)"),
        ((24, 48), (30, 60), "the lower right quarter (y 24–47, x 30–59)"),
        ((12, 36), (15, 45), "the middle quarter (y 12–35, x 15–44)"),
        ((12, 36), (0, 30), "the left quarter (y 12–35, x 0–29)"),
        ((24, 48), (0, 60), "the lower half (y 24–47, x 0–59)"),
        ((0, 48), (30, 60), "the right half (y 0–47, x 30–59)"),
        ((0, 48), (0, 60), "the whole map (y 0–47, x 0–59)"),
        ((8, 12), (10, 14), "the 4 x 4 pixel area (y 8–11, x 10–13)"),
        ((7, 8), (4, 44), "the 1 x 40 pixel area (y 7, x 4–43)"),
        ((7, 8), (4, 5), "pixel (y 7, x 4)"),
    ],
)
def test_places_have_names(y, x, words):
    assert departure(y=y, x=x).place(MAP) == words


def test_places_that_are_no_rectangles_tell_their_number_of_pixels():
    def told(kind):
        return departure(kind=kind, pixels=30, y=(0, 40), x=(10, 50)).place(MAP)

    assert told("area") == "30 pixels within (y 0–39, x 10–49)"
    assert told("diagonal") == "30 pixels along a diagonal (y 0–39, x 10–49)"
    assert told("rim") == "30 pixels along the border of a bright region (y 0–39, x 10–49)"
    # Half the map, but not all of it.
    assert departure(pixels=500).place(MAP) == "500 pixels within (y 0–23, x 0–29)"


def test_lost_and_added_counts_are_told_with_the_raw_ones():
    assert (
        departure()
        .in_words(MAP, "counts of all repeats")
        .startswith("about 280 of 746 raw counts of all repeats are missing in the upper left")
    )
    assert departure(-1234.5).in_words(MAP).startswith("about 1230 are added to 746 raw counts in")
    assert departure(6.4).in_words(MAP).startswith("about 6 of 746")


def test_sentences_are_few_and_name_the_other_energies():
    many = [departure(1000.0 - k, name=f"{k}.00 keV") for k in range(12)]
    many += [departure(name="0.00 keV"), departure(-5.0)]
    told = list(sentences(many, MAP, "counts"))
    assert len(told) == MOST + 2
    assert told[0].startswith("signal may have been lost near 0.00 keV: about 1000 of 746 raw")
    assert "and as clearly" not in told[1]
    assert "in 1 more place (chance 1e-18)" in told[0]
    assert told[MOST].startswith("signal may have been lost at further energies: 3.00 keV, ")
    assert told[MOST].endswith("and more")
    assert told[-1].startswith("signal may have been added near 5.41 keV (Cr Ka): about 5 are")
    assert list(sentences([], MAP, "counts")) == []


def test_departures_survive_json():
    one = departure()
    assert Departure.from_dict(json.loads(json.dumps(one.as_dict(), allow_nan=False))) == one


def test_the_more_certain_and_the_larger_share_come_first():
    assert departure(400.0).importance > departure(280.0).importance > departure(-280.0).importance


def test_energies_without_calibration_are_channels():
    assert energy_text(5.414, EnergyAxis(0, 0.01, 100)) == "5.41 keV"
    assert energy_text(135.2, EnergyAxis.uncalibrated(200)) == "channel 135"
