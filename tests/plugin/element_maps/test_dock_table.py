import pytest
from qtpy.QtCore import Qt


@pytest.fixture
def panel(viewer_with_map, dock, qtbot):
    panel = dock(viewer_with_map, "Element maps")
    qtbot.waitUntil(lambda: panel.model.knows_lines)
    return panel


def test_elements_chosen_in_the_table_are_typed_into_the_field(qtbot, panel):
    panel.elements_field.setText("Fe, Pb Ma")
    qtbot.mouseClick(panel.table_button, Qt.MouseButton.LeftButton)
    buttons = panel.table_button.table.buttons
    assert panel.table_button.popup.isVisible()
    assert {name for name, button in buttons.items() if button.isChecked()} == {"Fe", "Pb"}
    qtbot.mouseClick(buttons["Cu"], Qt.MouseButton.LeftButton)
    assert panel.elements_field.text() == "Fe, Pb Ma, Cu"
    qtbot.mouseClick(buttons["Fe"], Qt.MouseButton.LeftButton)
    assert panel.elements_field.text() == "Pb Ma, Cu"
    # Helium has no line in this axis.
    assert not buttons["He"].isEnabled()
    panel.table_button.popup.hide()
