"""Places in relation to each other and to the result."""

import numpy as np
import pytest

from napari_xrf_denoise.core.factored_counts import FactoredCounts
from napari_xrf_denoise.denoising.quality.losses.departures import Departure
from napari_xrf_denoise.denoising.quality.losses.places import Found, Place

CR = {"energy": 5.41, "name": "5.41 keV (Cr Ka)", "element": "Cr"}
FE = {"energy": 6.40, "name": "6.40 keV (Fe Ka)", "element": "Fe"}
KB = {"energy": 7.06, "name": "7.06 keV", "element": None}


def place(missing, y=(0, 4), x=(0, 4), window=60, chance=1e-9, counts=200.0, **line):
    pixels = np.zeros((8, 8), dtype=bool)
    pixels[slice(*y), slice(*x)] = True
    own = Departure(
        **(line or FE),
        counts=counts,
        missing=missing,
        y=slice(*y),
        x=slice(*x),
        pixels=int(pixels.sum()),
        kind="square",
        chance=chance,
    )
    return Place(own, pixels, window, slice(3, 7))


def test_the_result_itself_is_asked():
    result = np.zeros((8, 8, 12), dtype=np.float32)
    result[:4, :4, 3:7] = 1  # 64 counts, in two repeats 128
    lost = place(90.0)
    assert lost.in_result(result, 1).departure.missing == pytest.approx(136)
    assert lost.in_result(result, 2).departure.missing == pytest.approx(72)
    # It holds the counts: not lost; nor does a result with more lose them.
    assert lost.in_result(result, 3) is None
    assert lost.in_result(result, 4) is None
    assert place(-90.0).in_result(result, 4).departure.missing == pytest.approx(-56)
    assert place(-90.0).in_result(result, 1) is None


def test_factored_results_are_asked_as_well():
    scores = np.random.default_rng(0).uniform(size=(8, 8, 2)).astype(np.float32)
    spectra = np.random.default_rng(1).uniform(size=(2, 12)).astype(np.float32)
    factored = FactoredCounts(scores, spectra)[0]
    whole = np.asarray(factored)
    found = place(180.0, y=(2, 5), x=(1, 8)).in_result(factored, 1)
    assert found.departure.missing == pytest.approx(200 - whole[2:5, 1:8, 3:7].sum(), rel=1e-5)


def test_the_second_line_and_the_tail_of_a_line_are_signs_of_it():
    strong = place(1000.0)
    assert place(130.0, window=70, **KB).is_sign_of(strong)
    assert place(20.0, window=30, **CR).is_sign_of(strong)
    assert place(500.0, window=62, **CR).is_sign_of(strong)
    # More than the second line can hold, elsewhere, or in the other direction.
    assert not place(600.0, window=70, **KB).is_sign_of(strong)
    assert not place(130.0, y=(4, 8), window=70, **KB).is_sign_of(strong)
    assert not place(-130.0, window=70, **KB).is_sign_of(strong)
    # In a few of the pixels there is as much less of the second line.
    assert not place(130.0, y=(0, 2), x=(0, 2), window=70, **KB).is_sign_of(strong)


def test_places_of_one_line_have_one_name():
    unnamed = place(50.0, window=61, energy=6.42, name="6.42 keV", element=None)
    assert unnamed.named_like([place(1000.0)]).departure.name == "6.40 keV (Fe Ka)"
    assert unnamed.named_like([place(-1000.0)]).departure.name == "6.42 keV"
    assert place(50.0, window=61, **CR).named_like([place(1000.0)]).departure.element == "Cr"


def test_the_most_important_is_first_and_on_top():
    less, more = place(50.0, x=(0, 6)), place(190.0, **CR)
    found = Found.of((8, 8), [less, more])
    assert [one.element for one in found.departures] == ["Cr", "Fe"]
    labels = found.labels
    assert labels[0, 0] == 1
    assert labels[0, 5] == 2
    assert labels[7, 7] == 0
    result = np.zeros((8, 8, 12), dtype=np.float32)
    result[..., 3:7] = 200 / 96  # as many as the 24 pixels of Fe have
    assert [one.element for one in found.in_result(result).departures] == []
