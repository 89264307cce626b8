"""Figures: what is drawn, read back from the figure's own artists."""

import numpy as np
import pytest

from napari_xrf_denoise.cli.figures import losses_figure, maps_figure, save_figure, spectra_figure
from napari_xrf_denoise.core.energy_axis import EnergyAxis

AXIS = EnergyAxis(0.0, 0.01, 1000)


def test_counts_that_span_decades_are_on_a_logarithmic_axis_without_gaps():
    counts = np.zeros(1000)
    counts[300] = 1e4
    counts[301] = 4
    (axis,) = spectra_figure(AXIS, [("raw", "raw", counts)]).axes
    assert axis.get_yscale() == "log"
    assert axis.lines[0].get_ydata().min() == 2
    assert axis.get_xlabel() == "energy (keV)"
    assert axis.get_ylabel() == "counts / channel"


def test_zooms_are_linear_panels_of_their_energies():
    figure = spectra_figure(AXIS, [("raw", "raw", np.arange(1000))], ranges=[(1, 2), (5, 9)])
    assert [axis.get_xlim() for axis in figure.axes] == [(1, 2), (5, 9)]
    assert {axis.get_yscale() for axis in figure.axes} == {"linear"}
    np.testing.assert_array_equal(figure.axes[0].lines[0].get_ydata(), np.arange(100, 200))


def test_uncalibrated_spectra_are_drawn_over_channels():
    figure = spectra_figure(EnergyAxis.uncalibrated(50), [("raw", "raw", np.ones(50))])
    assert figure.axes[0].get_xlabel() == "channel"


def test_the_best_epoch_is_marked_where_the_held_out_loss_is_lowest():
    losses = {"training": [4.0, 3.0, 2.0, 1.0], "held-out": [4.0, 2.0, 3.0, 3.5]}
    (axis,) = losses_figure(losses).axes
    labels = [text.get_text() for text in axis.get_legend().get_texts()]
    assert "best epoch: 2" in labels


def test_pictures_share_a_scale_in_counts_and_lengths():
    figure = maps_figure(
        [("noisy", np.full((4, 6), 9.0)), ("true", np.full((4, 6), 3.0))],
        pixel_size=(2.0, 5.0),
        unit="µm",
    )
    images = [axis.images[0] for axis in figure.axes[:2]]
    assert {image.get_clim() for image in images} == {(0.0, 3.0)}
    assert images[0].get_extent() == [0, 30, 8, 0]
    assert figure.axes[0].get_xlabel() == "x (µm)"


def test_a_figure_is_written_as_png(tmp_path):
    path = save_figure(losses_figure({"training": [1.0, 0.5]}), tmp_path / "f.png")
    assert path.read_bytes().startswith(b"\x89PNG")
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_that_is_missing_is_an_error_in_words(tmp_path):
    with pytest.raises(OSError, match=r"f\.png"):
        save_figure(losses_figure({"training": [1.0]}), tmp_path / "none" / "f.png")
