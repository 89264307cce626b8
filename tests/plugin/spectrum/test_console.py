"""Lines of Python that make what the dock "Spectrum" draws, run with the viewer that it is in."""

import numpy as np
import pytest

import napari_xrf_denoise as xrf
from napari_xrf_denoise.layers.convert import to_layer
from napari_xrf_denoise.spectroscopy.element_symbols import in_greek


@pytest.fixture
def spectrum(viewer_with_map, dock, qtbot):
    panel = dock(viewer_with_map, "Spectrum")
    panel.python.expand()
    qtbot.waitUntil(panel.isVisible)
    return panel


def run(panel):
    """Run the lines that are shown as napari's console does."""
    names = {"viewer": panel.viewer}
    exec(panel.python.lines(), names)
    return names


def assert_same_as_drawn(qtbot, panel, labels):
    """Wait until these curves are drawn; the lines make the same, and nothing else."""
    qtbot.waitUntil(lambda: sorted(panel.plot.labels()) == sorted(labels))
    spectra = run(panel)["spectra"]
    assert sorted(spectra) == sorted(labels)
    for label in labels:
        np.testing.assert_allclose(spectra[label], panel.plot.drawn(label)[1], rtol=1e-9)


@pytest.mark.parametrize(
    ("extent", "of"),
    [
        ("pixel", ""),
        ("sum", ", sum"),
        ("mean", ", mean per pixel"),
        ("max", ", maximum pixel"),
    ],
)
def test_every_visible_layer_with_its_extent(qtbot, spectrum, small_map, extent, of):
    viewer = spectrum.viewer
    viewer.add_layer(xrf.denoise(small_map, method="pca", rank=4).to_layer())
    viewer.add_layer(to_layer(small_map.replace(name="hidden"))).visible = False
    spectrum.hover((3.2, 20.0, 35.0))
    spectrum.model.extent = extent
    assert_same_as_drawn(qtbot, spectrum, [f"map{of}", f"map denoised{of}"])


@pytest.mark.parametrize("kind", ["scan", "frame", "detector"])
def test_repeats_are_combined_as_they_are_drawn(qtbot, viewer, dock, kind):
    counts = np.random.default_rng(0).poisson(3.0, (3, 6, 5, 40)).astype(np.uint16)
    viewer.add_layer(to_layer(xrf.SpectrumImage(counts, repeat_kind=kind, name="it's")))
    panel = dock(viewer, "Spectrum")
    panel.python.expand()
    panel.hover((0.0, 20.0, 4.0, 2.0))
    assert_same_as_drawn(qtbot, panel, ["it's"])
    panel.model.extent = "mean"
    assert_same_as_drawn(qtbot, panel, ["it's, mean per pixel"])


def test_rows_of_a_list_of_spectra(qtbot, viewer, dock):
    image = xrf.simulate_spectra(n_repeats=4, n_channels=64)[0]
    viewer.add_layer(to_layer(image))
    panel = dock(viewer, "Spectrum")
    panel.python.expand()
    panel.hover((2.0, 1.0))
    panel.pin()
    panel.hover((3.0, 1.0))
    assert_same_as_drawn(qtbot, panel, ["spectra, row 2", "spectra, row 3", "spectra, mean"])


def test_pins_and_the_residual(qtbot, spectrum, small_map):
    spectrum.viewer.add_layer(xrf.denoise(small_map, method="pca", rank=4).to_layer())
    spectrum.hover((3.2, 10.0, 5.0))
    spectrum.pin()
    spectrum.hover((3.2, 20.0, 35.0))
    spectrum.model.residual = True
    labels = ["map, y 2, x 1", "map denoised, y 2, x 1", "map", "map denoised"]
    assert_same_as_drawn(qtbot, spectrum, [*labels, "map − map denoised"])


@pytest.mark.parametrize("extent", ["pixel", "sum", "max"])
def test_regions_of_several_layers(qtbot, spectrum, extent):
    viewer = spectrum.viewer
    boxes = [np.array([[2, 3], [2, 22], [17, 22], [17, 3]]) + shift for shift in (0, 30, 900)]
    # The last one lies beside the map, and has no spectrum.
    viewer.add_shapes(boxes, shape_type="rectangle", name="Grains")
    picture = np.zeros((16, 16), int)
    picture[4:6, 4:9] = 7
    viewer.add_labels(picture, scale=(5, 5), name="Phases")
    spectrum.model.extent = extent
    spectrum.model.regions = True
    of = {"pixel": "mean per pixel", "sum": "sum", "max": "maximum pixel"}[extent]
    regions = ["Grains shape 1", "Grains shape 2", "Phases label 7"]
    whole = [] if extent == "pixel" else [f"map, {of}"]
    assert_same_as_drawn(qtbot, spectrum, [*whole, *(f"map, {name}, {of}" for name in regions)])


@pytest.mark.parametrize("extent", ["sum", "mean"])
def test_peaks_with_their_names(qtbot, viewer, dock, extent):
    image = xrf.simulate_map(shape=(8, 8), n_channels=1024, counts_per_pixel=2000, seed=1)[0]
    viewer.add_layer(to_layer(image))
    panel = dock(viewer, "Spectrum")
    panel.python.expand()
    panel.model.extent = extent
    panel.lines.expand()
    lines = panel.line_tools.model
    qtbot.waitUntil(lambda: lines.is_ready)
    assert "find_peaks" not in panel.python.lines()
    lines.shows_peaks = lines.shows_artifacts = True
    qtbot.waitUntil(lambda: len(lines.peaks) > 3)
    names = run(panel)
    assert [peak.name for peak in names["peaks"]] == [peak.name for peak in lines.peaks]
    np.testing.assert_allclose(
        [(peak.energy, peak.net, peak.significance) for peak in names["peaks"]],
        [(peak.energy, peak.net, peak.significance) for peak in lines.peaks],
        rtol=1e-6,
    )
    marked = {mark.label for mark in lines.marks() if mark.kind in ("sum", "escape")}
    assert marked
    assert marked <= {in_greek(artifact.name) for artifact in (*names["sums"], *names["escapes"])}


def test_an_energy_that_was_asked_about(qtbot, spectrum, capsys):
    spectrum.model.extent = "sum"
    qtbot.waitUntil(lambda: spectrum.plot.labels() == ["map, sum"])
    spectrum.line_tools.ask(6.404)
    run(spectrum)
    assert "XrayLine(element='Fe'" in capsys.readouterr().out


def test_the_last_line_saves_them(qtbot, spectrum, tmp_path, monkeypatch):
    spectrum.model.extent = "max"
    qtbot.waitUntil(lambda: spectrum.plot.labels() == ["map, maximum pixel"])
    monkeypatch.chdir(tmp_path)
    names = run(spectrum)
    exec(spectrum.python.lines().rpartition("# To save them: ")[2], names)
    header = (tmp_path / "spectra.csv").read_text("utf-8-sig").partition("\n")[0]
    assert header == 'channel,energy (keV),"map, maximum pixel (counts per channel)"'


def test_lines_follow_a_new_name_and_go_with_the_layer(qtbot, spectrum):
    spectrum.model.extent = "sum"
    assert_same_as_drawn(qtbot, spectrum, ["map, sum"])
    spectrum.viewer.layers["map"].name = "ore"
    assert_same_as_drawn(qtbot, spectrum, ["ore, sum"])
    spectrum.viewer.layers.clear()
    qtbot.waitUntil(lambda: spectrum.python.lines() == "")
    assert spectrum.python.isHidden()


def test_no_lines_are_made_while_nobody_looks_at_them(qtbot, spectrum, monkeypatch):
    made = []
    monkeypatch.setattr(
        "napari_xrf_denoise.plugin.spectrum.dock.python_of",
        lambda *_: made.append(1) or "lines",
    )
    spectrum.python.collapse()
    spectrum.hover((3.2, 20.0, 35.0))
    qtbot.waitUntil(lambda: spectrum.plot.labels() == ["map"])
    assert not made
    assert spectrum.python.isVisible()
    spectrum.python.expand()
    assert made
    assert spectrum.python.lines() == "lines"
