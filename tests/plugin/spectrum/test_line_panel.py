import numpy as np
import pytest
from qtpy.QtCore import Qt

from napari_xrf_denoise.core.energy_axis import EnergyAxis
from napari_xrf_denoise.plugin.common.plots import PlotColors
from napari_xrf_denoise.plugin.spectrum.layer_spectra import Curve
from napari_xrf_denoise.plugin.spectrum.line_panel import LinePanel

AXIS = EnergyAxis(0.0, 0.02, 1024)
COLORS = PlotColors("#000000", "#ffffff", "#ff0000", ("#111111", "#222222", "#00ff00"))


def curve(*energies, axis=AXIS):
    counts = 5.0 + np.zeros(axis.size)
    for energy in energies:
        counts += 800 * np.exp(-0.5 * ((AXIS.centers - energy) / 0.06) ** 2)
    return Curve("map", (0, ""), axis, counts, 0.5)


@pytest.fixture
def tools(qtbot):
    tools = LinePanel(COLORS)
    tools.heard = []
    tools.marks_changed.connect(tools.heard.append)
    qtbot.addWidget(tools)
    tools.show()
    tools.set_spectrum(curve(6.4))
    qtbot.waitUntil(lambda: tools.model.is_ready)
    return tools


def type_elements(qtbot, tools, text):
    tools.field.clear()
    qtbot.keyClicks(tools.field, text)
    qtbot.keyClick(tools.field, Qt.Key.Key_Return)


def labels(tools):
    return {mark.label for mark in tools.heard[-1]} - {""}


def test_typed_elements_are_marked_and_shown_as_buttons(qtbot, tools):
    type_elements(qtbot, tools, "fe, Zn")
    assert {"Fe Kα", "Fe Kβ", "Zn Kα", "Zn Kβ"} <= labels(tools)
    assert tools.field.text() == "Fe, Zn"
    chips = [chip.text() for chip in tools._chips]
    assert chips == ["Fe", "Zn"]
    # The first element has the last colour, as its marks have.
    assert COLORS.curves[-1] in tools._chips[0].styleSheet()


def test_the_field_emptied_takes_all_marks_away(qtbot, tools):
    type_elements(qtbot, tools, "Fe")
    tools.field.clear()
    assert tools.heard[-1] == ()
    assert not tools.chip_box.isVisible()


def test_what_is_no_element_is_told_and_stays_to_be_mended(qtbot, tools):
    type_elements(qtbot, tools, "Fe")
    type_elements(qtbot, tools, "Fe, Xq")
    assert "“Xq” is not an element" in tools.words.text()
    assert tools.field.text() == "Fe, Xq"
    type_elements(qtbot, tools, "Fe, Cu")
    assert "no element" not in tools.words.text()
    assert tools.model.chosen == ("Fe", "Cu")


def test_families_are_left_out_by_their_boxes(qtbot, tools):
    type_elements(qtbot, tools, "Pb")
    assert {"Pb Lα", "Pb Mα"} <= labels(tools)
    tools.family_boxes["L"].click()
    assert "Pb Lα" not in labels(tools)
    assert "Pb Mα" in labels(tools)


def test_a_button_zooms_to_its_element(qtbot, tools):
    type_elements(qtbot, tools, "Ca")
    zoomed = []
    tools.zoom_wanted.connect(lambda *limits: zoomed.append(limits))
    qtbot.mouseClick(tools._chips[0], Qt.MouseButton.LeftButton)
    ((low, high),) = zoomed
    # X-ray Data Booklet: Ca Ka 3.692, Kb 4.013 keV.
    assert 2.8 < low < 3.69
    assert 4.01 < high < 5.0


def test_peaks_are_marked_once_the_spectrum_rests(qtbot, tools):
    tools.peaks_box.click()
    tools.set_spectrum(curve(6.4, 8.6))
    assert tools.model.peaks == ()
    qtbot.waitUntil(lambda: len(tools.model.peaks) == 2)
    assert sorted(round(mark.energy, 1) for mark in tools.heard[-1]) == [6.4, 8.6]
    assert "2 peaks" in tools.words.text()


def test_another_calibration_takes_the_old_peaks_away(qtbot, tools):
    tools.peaks_box.click()
    qtbot.waitUntil(lambda: len(tools.model.peaks) == 1)
    twice = EnergyAxis(0.0, 0.04, 1024)
    tools.set_spectrum(curve(6.4, axis=twice))
    assert tools.heard[-1] == ()
    qtbot.waitUntil(lambda: len(tools.model.peaks) == 1)
    assert tools.heard[-1][0].energy == pytest.approx(12.8, abs=0.01)


def test_hovering_searches_nothing_while_peaks_are_off(qtbot, tools, monkeypatch):
    monkeypatch.setattr(tools.model, "search", lambda curve: pytest.fail("searched"))
    for energy in np.linspace(2, 9, 20):
        tools.set_spectrum(curve(energy))
    qtbot.wait(400)
    assert not tools._search_timer.isActive()


def test_sum_and_escape_peaks_follow_the_spectrum(qtbot, tools):
    tools.artifacts_box.click()
    qtbot.waitUntil(lambda: bool(tools.heard and tools.heard[-1]))
    assert {(m.kind, round(m.energy, 1)) for m in tools.heard[-1]} == {
        ("sum", 12.8),
        ("escape", 4.7),
    }


def test_asking_lists_elements_and_a_click_marks_one(qtbot, tools):
    tools.ask(10.55)
    assert tools.energy_field.value() == pytest.approx(10.55)
    entries = [tools.answer_list.item(row) for row in range(tools.answer_list.count())]
    assert {entry.text().split()[0] for entry in entries[:2]} == {"As", "Pb"}
    lead = next(entry for entry in entries if entry.text().startswith("Pb"))
    place = tools.answer_list.visualItemRect(lead).center()
    qtbot.mouseClick(tools.answer_list.viewport(), Qt.MouseButton.LeftButton, pos=place)
    assert tools.model.chosen == ("Pb",)
    assert "Pb Lβ" in labels(tools)


def test_an_energy_can_be_typed(qtbot, tools):
    tools.energy_field.setFocus()
    tools.energy_field.selectAll()
    qtbot.keyClicks(tools.energy_field, "8.046")
    qtbot.keyClick(tools.energy_field, Qt.Key.Key_Return)
    assert tools.answer_list.item(0).text().startswith("Cu Kα")


def test_the_periodic_table_opens_with_what_is_chosen_and_possible(qtbot, tools):
    type_elements(qtbot, tools, "Fe")
    qtbot.mouseClick(tools.table_button, Qt.MouseButton.LeftButton)
    assert tools.table_button.table.isVisible()
    assert tools.table_button.table.buttons["Fe"].isChecked()
    assert not tools.table_button.table.buttons["H"].isEnabled()
    qtbot.mouseClick(tools.table_button.table.buttons["Ca"], Qt.MouseButton.LeftButton)
    assert tools.field.text() == "Fe, Ca"
    qtbot.keyClick(tools.table_button.table.buttons["Ca"], Qt.Key.Key_Escape)
    assert not tools.table_button.table.isVisible()


def test_without_energies_there_are_no_marks_and_the_way_out_is_told(qtbot, tools):
    type_elements(qtbot, tools, "Fe")
    tools.set_spectrum(curve(6.4, axis=EnergyAxis.uncalibrated(1024)))
    assert tools.heard[-1] == ()
    assert "Calibrate energy" in tools.words.text()
    tools.set_spectrum(curve(6.4))
    assert "Fe Kα" in labels(tools)


def test_without_a_spectrum_marks_stay(qtbot, tools):
    type_elements(qtbot, tools, "Fe")
    before = list(tools.heard)
    tools.set_spectrum(None)
    assert tools.heard == before


def test_every_control_has_a_tip_and_fits_a_narrow_dock(qtbot, tools):
    for widget in (
        tools.field,
        tools.table_button,
        *tools.family_boxes.values(),
        tools.peaks_box,
        tools.artifacts_box,
        tools.energy_field,
        tools.answer_list,
    ):
        assert widget.toolTip()
    assert "keV" in tools.energy_field.toolTip()
    assert tools.minimumSizeHint().width() <= 250


def test_a_theme_colours_the_buttons(qtbot, tools):
    type_elements(qtbot, tools, "Fe")
    tools.set_colors(PlotColors("#ffffff", "#000000", "#ff0000", ("#123456",)))
    assert "#123456" in tools._chips[0].styleSheet()
