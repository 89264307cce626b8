"""The form of advanced settings."""

import pytest
from qtpy.QtCore import Qt

from napari_xrf_denoise.denoising.settings import PcaSettings, StackSettings, TutorialSettings
from napari_xrf_denoise.plugin.common.settings_form import SettingsForm


@pytest.fixture
def form(qtbot):
    form = SettingsForm()
    qtbot.addWidget(form)
    form.show()
    form.heard = []
    form.changed.connect(lambda name, value: form.heard.append((name, value)))
    return form


def test_it_shows_the_preset_and_over_it_what_the_user_changed(form):
    form.show_settings(StackSettings(), {"steps": 77})
    assert form.field("steps").value() == 77
    assert form.field("features").value() == StackSettings().features
    assert float(form.field("weight_floor").text()) == StackSettings().weight_floor
    assert form.field("pairs").currentText() == "auto"
    assert form.heard == []


def test_numbers_and_choices_are_told_when_the_user_gives_them(form, qtbot):
    form.show_settings(StackSettings(), {})
    form.field("steps").setValue(50)
    form.field("pairs").setCurrentText("thinning")
    line = form.field("learning_rate")
    line.selectAll()
    qtbot.keyClicks(line, "1e-3")
    qtbot.keyClick(line, Qt.Key.Key_Return)
    assert form.heard == [("steps", 50), ("pairs", "thinning"), ("learning_rate", 0.001)]


def test_what_may_be_left_to_the_data_can_be_given_and_given_back(form, qtbot):
    form.show_settings(PcaSettings(), {})
    rank = form.field("rank")
    assert rank.text() == "auto"
    rank.setValue(5)
    rank.setValue(0)
    assert form.heard == [("rank", 5), ("rank", None)]


def test_a_number_that_is_none_is_told_as_it_is_typed(form, qtbot):
    form.show_settings(StackSettings(), {})
    line = form.field("weight_floor")
    line.selectAll()
    qtbot.keyClicks(line, "much")
    qtbot.keyClick(line, Qt.Key.Key_Return)
    assert form.heard == [("weight_floor", "much")]


def test_a_field_that_is_only_left_changes_nothing(form, qtbot):
    form.show_settings(StackSettings(), {"learning_rate": 0.12345678})
    line = form.field("learning_rate")
    line.setFocus()
    form.field("features").setFocus()
    assert form.heard == []
    assert float(line.text()) == 0.12345678


def test_a_comma_is_a_decimal_point_unless_it_may_part_thousands(form, qtbot):
    form.show_settings(StackSettings(), {})
    line = form.field("weight_floor")
    for typed, told in (("0,02", 0.02), ("1,000", "1,000")):
        line.selectAll()
        qtbot.keyClicks(line, typed)
        qtbot.keyClick(line, Qt.Key.Key_Return)
        assert form.heard.pop() == ("weight_floor", told)


def test_another_method_has_its_own_fields(form):
    form.show_settings(StackSettings(), {})
    form.show_settings(TutorialSettings(), {})
    assert form.field("strategy").count() == 2
    assert float(form.field("lower_limit").text()) == 0
    with pytest.raises(KeyError):
        form.field("middle")


def test_every_field_has_a_tip(form):
    form.show_settings(TutorialSettings(), {})
    for name in ("epochs", "restarts", "seed", "held_out"):
        assert form.field(name).toolTip()
