"""Features of known place and counts that a result lacks or adds, and what is told of them."""

import numpy as np
import pytest
import torch

from napari_xrf_denoise.core.energy_axis import EnergyAxis
from napari_xrf_denoise.core.progress import Watch
from napari_xrf_denoise.core.spectrum_image import SpectrumImage
from napari_xrf_denoise.denoising.pairs import Photons
from napari_xrf_denoise.denoising.quality.held_out import HeldOut, cross_score
from napari_xrf_denoise.denoising.quality.losses import map_sums
from napari_xrf_denoise.spectroscopy.line_windows import find_windows
from napari_xrf_denoise.spectroscopy.xray_lines import lines

AXIS = EnergyAxis(1.0, 0.05, 200)
SHAPE = (40, 40)
FAR = 4.0
"""Standard errors of the counts within which what is told must agree with what was planted."""


def spectrum_of(element):
    """Give the K lines of an element, 140 eV wide."""
    shape = np.zeros(AXIS.size)
    for line in lines(element, "K"):
        shape += line.intensity * np.exp(-0.5 * ((AXIS.centers - line.energy) / 0.06) ** 2)
    return shape / shape.sum()


def base():
    y, x = np.indices(SHAPE)
    strong = 1 + 0.3 * np.sin(y / 9) * np.cos(x / 11)
    rate = strong[..., None] * (40 * spectrum_of("Fe") + 10 * spectrum_of("Ca"))
    return rate + 0.02


def image_of(rate, seed=0):
    return SpectrumImage(np.random.default_rng(seed).poisson(rate)[None], AXIS)


def found_by(image, result, **options):
    """Return the residuals of a result that does not depend on the counts."""

    def predict(_, rows):
        return (0.75 * result[rows]).astype(np.float32)

    held_out = HeldOut.of(Photons(image), 0, [predict] * 4)
    windows = find_windows(image.sum_spectrum(), image.energy)
    return cross_score(held_out, Watch(), windows=windows, **options).residuals


def planted(element, field):
    return field[..., None] * spectrum_of(element)


def field_of(kind):
    y, x = np.indices(SHAPE)
    return {
        "quarter": 0.6 * ((y < 20) & (x >= 20)),
        "half": 0.4 * (y >= 20),
        "row": 2.0 * ((y == 11) & (x >= 3) & (x < 37)),
        "column": 2.0 * ((x == 29) & (y >= 5)),
        "diagonal": 2.5 * (y == x),
        "rising": 2.5 * (y == 39 - x),
        "disc": 3.0 * (np.hypot(y - 25, x - 14) < 5),
        "cluster": 9.0 * ((y // 2 == 8) & (x // 2 == 3)),
        "pixel": 30.0 * ((y == 17) & (x == 23)),
    }[kind].astype(float)


KINDS = ["quarter", "half", "row", "column", "diagonal", "rising", "disc", "cluster", "pixel"]


@pytest.mark.parametrize("kind", KINDS)
def test_a_feature_that_is_erased_is_told_with_its_total_and_its_place(kind):
    field = field_of(kind)
    rate = base()
    found = found_by(image_of(rate + planted("Cr", field)), rate)
    place = found.departures[0]
    assert place.element == "Cr"
    assert place.energy == pytest.approx(5.41, abs=0.02)
    # Nine in ten of the counts are in the first line.
    true = 0.88 * field.sum()
    assert place.missing == pytest.approx(true, abs=FAR * place.counts**0.5 + 0.2 * true)
    y, x = np.nonzero(field)
    inside = found.found.labels[y, x] > 0
    assert inside.mean() > 0.6
    assert place.y.start <= np.median(y) < place.y.stop
    assert place.x.start <= np.median(x) < place.x.stop
    assert place.chance < 1e-6
    assert "(Cr Ka)" in " ".join(found.warnings)
    # All that is told belongs to it.
    assert {other.element for other in found.departures} == {"Cr"}
    assert sum(other.missing for other in found.departures) < 1.3 * field.sum() + 30


def test_what_is_spread_over_the_rest_is_told_as_added():
    field = field_of("quarter")
    even = np.full(SHAPE, field.mean())
    found = found_by(image_of(base() + planted("Cr", field)), base() + planted("Cr", even))
    lost, added = (
        next(one for one in found.departures if one.is_lost is side) for side in (True, False)
    )
    assert lost.y == slice(0, 20)
    assert lost.x == slice(20, 40)
    true = 0.88 * 0.75 * field.sum()
    assert lost.missing == pytest.approx(true, abs=FAR * lost.counts**0.5)
    assert added.element == "Cr"
    assert -added.missing == pytest.approx(true, abs=FAR * added.counts**0.5 + 0.2 * true)
    assert any("added near 5.41 keV (Cr Ka)" in text for text in found.warnings)
    assert any("the upper right quarter (y 0–19, x 20–39)" in text for text in found.warnings)


def test_counts_that_leak_over_a_sharp_border_are_told():
    y, x = np.indices(SHAPE)
    distance = np.hypot(y - 21, x - 18)
    grain = np.where(distance < 7, 15.0, 0)
    leak = np.where((distance >= 7) & (distance < 8.5), 1.2, 0)
    rate = base() + planted("Cr", grain)
    found = found_by(image_of(rate), rate + planted("Cr", leak))
    assert all(one.element == "Cr" and not one.is_lost for one in found.departures)
    missing = sum(one.missing for one in found.departures)
    assert -missing == pytest.approx(0.88 * leak.sum(), rel=0.4)
    assert found.departures[0].kind in ("rim", "area")
    labels = found.found.labels
    assert labels[(distance >= 7) & (distance < 8.5)].astype(bool).mean() > 0.7
    assert not labels[distance > 11].any()


def test_rare_pixels_are_told_one_by_one_where_there_is_no_background():
    spots = [(3, 5), (3, 30), (21, 17), (33, 8), (36, 36)]
    field = np.zeros(SHAPE)
    for spot in spots:
        field[spot] = 25
    rate = base() - 0.0199
    found = found_by(image_of(rate + planted("Ga", field)), rate)
    gallium = [one for one in found.departures if one.is_lost]
    assert {(one.y.start, one.x.start) for one in gallium} >= set(spots)
    assert sum(one.pixels for one in gallium) <= 3 * len(spots)
    assert any("in 4 more places" in text for text in found.warnings)


@pytest.mark.parametrize("level", [0.05, 1, 50])
def test_the_exact_rate_is_not_accused(level):
    rate = level * base()
    for seed in range(8):
        assert found_by(image_of(rate, seed), rate).warnings == ()


@pytest.mark.parametrize(("bias", "told"), [(1.01, False), (1.02, False), (1.25, True)])
def test_a_small_share_is_not_reported_however_many_counts_show_it(bias, told):
    rate = 200 * base()  # 1.6 million counts of Fe in a quarter of the map
    wrong = rate.copy()
    wrong[:20, :20] *= bias
    wrong[20:, 20:] /= bias
    found = found_by(image_of(rate), wrong)
    assert bool(found.departures) is told


def test_a_line_that_is_wrong_everywhere_is_not_told_place_by_place():
    rate = base()
    found = found_by(image_of(rate), rate + 0.5 * planted("Ca", np.full(SHAPE, 10.0)))
    assert found.departures == ()
    assert any("the result holds 1.5" in text for text in found.warnings)


@pytest.mark.parametrize("kind", ["quarter", "disc", "pixel"])
def test_features_of_large_maps_are_found_in_coarser_pixels(monkeypatch, kind):
    monkeypatch.setattr(map_sums, "MOST_BYTES", 10**6)
    field = field_of(kind)
    found = found_by(image_of(base() + planted("Cr", field)), base())
    place = found.departures[0]
    true = 0.88 * field.sum()
    assert place.element == "Cr" or kind == "pixel"
    assert place.missing == pytest.approx(true, abs=FAR * place.counts**0.5 + 0.25 * true)
    y, x = np.nonzero(field)
    assert place.y.start <= np.median(y) < place.y.stop
    assert place.x.start <= np.median(x) < place.x.stop
    assert found.found.labels.shape == SHAPE


def test_of_rows_that_were_not_all_scored_pieces_of_rows_are_told():
    field = 3.0 * (np.indices(SHAPE)[0] == 12)
    found = found_by(image_of(base() + planted("Cr", field)), base(), every=3)
    place = found.departures[0]
    assert place.y == slice(12, 13)
    assert place.element == "Cr"
    assert place.missing == pytest.approx(0.88 * 120, abs=FAR * place.counts**0.5)


def test_a_lost_line_is_told_once_not_for_its_second_line_too():
    field = 20.0 * (np.indices(SHAPE)[1] >= 20)
    found = found_by(image_of(base() + planted("Zn", field)), base())
    assert [one.name for one in found.departures] == ["8.63 keV (Zn Ka)"]


def test_without_a_calibration_channels_are_told():
    image = image_of(base() + planted("Cr", field_of("quarter")))
    found = found_by(image.replace(energy=EnergyAxis.uncalibrated(AXIS.size)), base())
    place = found.departures[0]
    assert place.element is None
    assert place.energy == pytest.approx(AXIS.channel(5.41), abs=2)
    assert "near channel " in found.warnings[0]


def test_what_is_told_does_not_depend_on_the_number_of_cores():
    # Lines that depart by exactly as much, at all energies.
    counts = np.zeros((1, 20, 20, AXIS.size), int)
    for number, first in enumerate(range(5, 190, 23)):
        counts[0, 2 * number, 18 - 2 * number, first : first + 2] = 8
    image = SpectrumImage(counts, AXIS)
    result = np.full((20, 20, AXIS.size), 0.002)
    told, before = [], torch.get_num_threads()
    for number in (1, 2, 4):
        torch.set_num_threads(number)
        try:
            found = found_by(image, result).departures
        finally:
            torch.set_num_threads(before)
        told.append([(d.energy, d.y, d.x, d.missing, d.chance) for d in found])
    assert len(told[0]) > 4
    assert told[0] == told[1] == told[2]
