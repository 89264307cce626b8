"""The form of advanced settings."""

import pytest
from qtpy.QtCore import QPoint, QPointF, Qt
from qtpy.QtGui import QWheelEvent
from qtpy.QtWidgets import QApplication

from napari_xrf_denoise.denoising.settings import (
    PcaSettings,
    SpectrumSettings,
    StackSettings,
    TutorialSettings,
)
from napari_xrf_denoise.plugin.common.settings_form import SettingsForm
from tests.helpers.dock_work import type_in


@pytest.fixture
def form(qtbot):
    form = SettingsForm()
    qtbot.addWidget(form.native)
    form.show()
    form.heard = []
    form.edited.connect(lambda name, value: form.heard.append((name, value)))
    return form


def test_it_shows_the_preset_and_over_it_what_the_user_changed(form):
    form.show_settings(StackSettings(), {"steps": 77, "rank": 12})
    assert form["steps"].value == 77
    assert form["features"].value == StackSettings().features
    assert float(form["weight_floor"].value) == StackSettings().weight_floor
    assert form["pairs"].value == "auto"
    assert form["rank"].value == "12"
    form.show_settings(StackSettings(), {})
    assert form["steps"].value == StackSettings().steps
    assert form["rank"].value == ""
    assert form.heard == []


def test_numbers_and_choices_are_reported_when_the_user_gives_them(form, qtbot):
    form.show_settings(StackSettings(), {})
    type_in(qtbot, form["steps"], "50")
    qtbot.keyClicks(form["pairs"].native, "t")
    type_in(qtbot, form["learning_rate"], "1e-3")
    assert form.heard == [("steps", 50), ("pairs", "thinning"), ("learning_rate", 0.001)]


def test_what_may_be_left_to_the_data_can_be_given_and_given_back(form, qtbot):
    form.show_settings(PcaSettings(), {})
    assert form["rank"].native.placeholderText() == "auto"
    for text in ("5", "", "6", "auto"):
        type_in(qtbot, form["rank"], text) if text else clear(qtbot, form["rank"])
    assert form.heard == [("rank", 5), ("rank", None), ("rank", 6), ("rank", None)]
    assert isinstance(form.heard[0][1], int)


def clear(qtbot, field):
    field.native.selectAll()
    qtbot.keyClick(field.native, Qt.Key.Key_Delete)
    qtbot.keyClick(field.native, Qt.Key.Key_Return)


def test_a_penalty_that_may_be_off_is_not_called_automatic(form, qtbot):
    form.show_settings(TutorialSettings(), {})
    assert form["lower_limit"].native.placeholderText() == "off"
    type_in(qtbot, form["lower_limit"], "off")
    assert form.heard == [("lower_limit", None)]


def test_a_number_that_is_none_is_reported_as_it_is_typed(form, qtbot):
    form.show_settings(StackSettings(), {})
    type_in(qtbot, form["weight_floor"], "much")
    type_in(qtbot, form["rank"], "2.5")
    assert form.heard == [("weight_floor", "much"), ("rank", "2.5")]
    form.native.setFocus()
    form.show_settings(StackSettings(), {"weight_floor": "much"})
    assert form["weight_floor"].value == "much"


def test_a_field_that_is_only_left_changes_nothing(form):
    form.show_settings(StackSettings(), {"learning_rate": 0.12345678})
    form["learning_rate"].native.setFocus()
    form["features"].native.setFocus()
    assert form.heard == []
    assert float(form["learning_rate"].value) == 0.12345678


def test_a_comma_is_a_decimal_point_unless_it_may_part_thousands(form, qtbot):
    form.show_settings(StackSettings(), {})
    for typed, told in (("0,02", 0.02), ("0,5", 0.5), ("1,000", "1,000")):
        type_in(qtbot, form["weight_floor"], typed)
        assert form.heard.pop() == ("weight_floor", told)


def test_text_that_is_being_typed_is_not_replaced(form, qtbot):
    form.show_settings(StackSettings(), {})
    for name in ("weight_floor", "steps"):
        field = form[name].native
        focus(qtbot, field)
        field.selectAll()
        qtbot.keyClicks(field, "12")
        form.show_settings(StackSettings(), {})
        assert (field if name == "weight_floor" else field.lineEdit()).text() == "12"
        qtbot.keyClick(field, Qt.Key.Key_Return)
    assert form.heard == [("weight_floor", 12.0), ("steps", 12)]


def focus(qtbot, field):
    field.window().activateWindow()
    field.setFocus()
    qtbot.waitUntil(field.hasFocus)


def test_whole_numbers_stay_within_the_limits_of_the_setting(form, qtbot):
    form.show_settings(StackSettings(), {})
    ranges = {name: (form[name].min, form[name].max) for name in ("seed", "folds", "steps")}
    assert ranges == {"seed": (0, 2**63 - 1), "folds": (0, 16), "steps": (1, 2**63 - 1)}
    type_in(qtbot, form["seed"], str(2**40))
    type_in(qtbot, form["folds"], "99")
    type_in(qtbot, form["steps"], "-")
    assert form.heard == [("seed", 2**40), ("folds", 16)]
    assert form["steps"].value == StackSettings().steps


def test_a_change_that_a_field_cannot_show_leaves_the_preset_in_it(form):
    form.show_settings(StackSettings(), {"steps": -3, "features": "two", "pairs": "twins"})
    assert form["steps"].value == StackSettings().steps
    assert form["features"].value == StackSettings().features
    assert form["pairs"].value == "auto"
    assert form.heard == []


def test_the_wheel_scrolls_past_a_field_without_the_focus(form, qtbot):
    form.show_settings(StackSettings(), {})
    for name in ("steps", "pairs"):
        turn(form[name].native)
    assert form.heard == []
    focus(qtbot, form["steps"].native)
    turn(form["steps"].native)
    assert [name for name, _ in form.heard] == ["steps"]


def turn(field):
    """Turn the wheel over a field by one click, downwards."""
    place = QPointF(field.rect().center())
    event = QWheelEvent(
        place, QPointF(field.mapToGlobal(place.toPoint())), QPoint(), QPoint(0, -120),
        Qt.MouseButton.NoButton, Qt.KeyboardModifier.NoModifier, Qt.ScrollPhase.NoScrollPhase,
        False,
    )  # fmt: skip
    QApplication.sendEvent(field, event)


def test_another_method_has_its_own_fields(form):
    form.show_settings(StackSettings(), {})
    form.show_settings(TutorialSettings(), {})
    assert form["strategy"].choices == ("1:X", "X:1")
    assert float(form["lower_limit"].value) == 0
    assert form.get_widget("middle") is None
    assert len(form) == 13
    assert form.native.layout().count() == 13


@pytest.mark.parametrize("kind", [PcaSettings, SpectrumSettings, StackSettings, TutorialSettings])
def test_every_field_is_explained_and_has_a_name(form, kind):
    form.show_settings(kind(), {})
    for field in form:
        assert field.tooltip.endswith(".")
        assert field.native.toolTip() == field.tooltip
        assert field.native.accessibleName() == field.name.replace("_", " ")
