import numpy as np
import pytest

from napari_xrf_denoise.core.energy_axis import EnergyAxis
from napari_xrf_denoise.plugin.spectrum.layer_spectra import Curve
from napari_xrf_denoise.plugin.spectrum.line_model import LineModel, repeats_of

AXIS = EnergyAxis(0.0, 0.02, 1024)


def curve(counts, axis=AXIS, least=0.5, **fields):
    return Curve("map, sum", (0, ""), axis, np.asarray(counts, float), least, **fields)


def line(energy, height, axis=AXIS):
    return height * np.exp(-0.5 * ((axis.centers - energy) / 0.06) ** 2)


@pytest.fixture
def model():
    return LineModel(axis=AXIS, is_ready=True)


def test_marks_are_those_of_what_is_switched_on(model):
    model.search(curve(5 + line(6.4, 500)))
    assert model.marks() == ()
    model.shows_peaks = True
    assert [mark.kind for mark in model.marks()] == ["peak"]
    model.shows_artifacts = True
    assert {mark.kind for mark in model.marks()} == {"peak", "sum", "escape"}
    model.shows_peaks = model.shows_artifacts = False
    model.add("Fe")
    model.add("Fe")
    assert model.chosen == ("Fe",)
    assert {mark.kind for mark in model.marks()} == {"line"}


def test_families_keep_their_order(model):
    model.show_family("K", False)
    model.show_family("M", False)
    model.show_family("K", True)
    assert model.families == ("K", "L")


def test_without_energies_nothing_is_marked_and_the_way_out_is_told(model):
    axis = EnergyAxis.uncalibrated(1024)
    model.axis, model.chosen, model.shows_peaks = axis, ("Fe",), True
    model.search(curve(5 + line(6.4, 500), axis))
    assert model.marks() == ()
    assert "Calibrate energy" in model.words()


def test_what_is_not_known_yet_is_not_marked():
    model = LineModel(axis=AXIS, chosen=("Fe",), asked=6.4)
    assert model.marks() == ()
    assert model.answers() == ()
    assert "Reading" in model.words()


def test_the_answer_names_element_energy_and_share(model):
    model.asked = 6.404
    first = model.answers()[0]
    assert first.element == "Fe"
    assert first.text.split()[:4] == ["Fe", "Kα", "6.405", "keV"]
    model.asked = None
    assert model.answers() == ()


def test_pile_up_is_among_the_answers(model):
    model.search(curve(5 + line(6.4, 5000)))
    model.asked = 12.8
    assert [answer.text for answer in model.answers() if not answer.element] == [
        "pile-up: 2 × 6.40 keV   12.800 keV"
    ]


def test_elements_without_a_line_inside_are_told(model):
    model.axis = EnergyAxis(1.0, 0.01, 300)  # up to 4 keV
    model.chosen = ("Ca", "Zn", "Mo")
    model.families = ("K",)
    assert model.words() == "No line of Zn, Mo in the energy range."


def test_peaks_of_the_highest_pixels_say_that_weak_ones_are_doubtful(model):
    model.shows_peaks = True
    model.search(curve(5 + line(6.4, 500), divisor=None))
    assert model.words().startswith("1 peak,")
    assert "Maxima of many pixels" in model.words()
    model.search(curve(5 + line(6.4, 500)))
    assert "highest" not in model.words()


def test_peaks_of_a_denoised_pixel_say_what_they_were_judged_by(model):
    model.shows_peaks = True
    expected = 0.2 + line(6.4, 5)
    model.search(curve(expected))
    assert model.peaks == ()
    error = np.sqrt(expected / 30)
    model.search(curve(expected, error=error, error_kind="estimated, average"))
    assert [round(peak.energy, 1) for peak in model.peaks] == [6.4]
    assert "estimated average error" in model.words()
    model.search(curve(5 + line(6.4, 500)))
    assert "estimated" not in model.words()


def test_counts_that_cannot_be_are_told_with_the_layer(model):
    model.search(curve(line(6.4, 500) - 100))
    assert model.words().startswith("map, sum: counts: expected finite counts")


def test_means_of_counts_are_judged_by_all_their_counts():
    counts = np.random.default_rng(0).poisson(3, 1024)
    assert repeats_of(curve(counts)) == 1
    assert repeats_of(curve(counts / 50, divisor=50.0)) == 50
    assert repeats_of(curve(counts, divisor=None)) == 1
    # Of expected counts the estimated error tells more.
    expected = np.full(1024, 2.345)
    assert repeats_of(curve(expected, error=np.sqrt(expected / 30))) == pytest.approx(30)
