import pytest
import xraydb
from qtpy.QtCore import QPoint, Qt
from qtpy.QtWidgets import QApplication

from napari_xrf_denoise.plugin.common.periodic_table import PLACES, PeriodicTable


@pytest.fixture
def table(qtbot):
    table = PeriodicTable()
    qtbot.addWidget(table)
    table.show()
    qtbot.waitExposed(table)
    table.activateWindow()
    table.setFocus()
    qtbot.waitUntil(lambda: focused(table) is not None)
    return table


@pytest.fixture
def heard(table):
    heard = []
    table.chosen.connect(heard.append)
    return heard


def focused(table):
    return next((s for s, button in table.buttons.items() if button.hasFocus()), None)


def press(qtbot, key):
    qtbot.keyClick(QApplication.focusWidget(), key)


def test_every_element_with_tables_is_there_once_in_its_group():
    assert set(PLACES) == {xraydb.atomic_symbol(number) for number in range(1, 99)}
    assert len(set(PLACES.values())) == len(PLACES)
    # IUPAC groups: alkali metals 1, iron 8, coinage metals 11, halogens 17, noble gases 18.
    for group, symbols in {
        1: "H Li Na K Rb Cs Fr",
        8: "Fe Ru Os",
        11: "Cu Ag Au",
        17: "F Cl Br I At",
        18: "He Ne Ar Kr Xe Rn",
    }.items():
        assert {PLACES[symbol][1] + 1 for symbol in symbols.split()} == {group}


def test_a_click_chooses_and_another_takes_back(qtbot, table, heard):
    for symbol in ("Fe", "Ca", "Fe"):
        qtbot.mouseClick(table.buttons[symbol], Qt.MouseButton.LeftButton)
    assert heard == [("Fe",), ("Fe", "Ca"), ("Ca",)]


def test_what_is_set_is_shown_and_not_announced(table, heard):
    table.set_chosen(("Pb", "Cu"))
    assert [s for s, button in table.buttons.items() if button.isChecked()] == ["Cu", "Pb"]
    assert heard == []


def test_the_order_of_choice_is_kept(qtbot, table, heard):
    table.set_chosen(("Pb", "Cu"))
    qtbot.mouseClick(table.buttons["Al"], Qt.MouseButton.LeftButton)
    assert heard == [("Pb", "Cu", "Al")]


def test_elements_without_a_line_are_grey_and_say_why(qtbot, table, heard):
    table.set_chosen(("U",))
    table.set_possible({"Fe": "iron, Z = 26", "Ca": "calcium"})
    assert table.buttons["Fe"].toolTip() == "iron, Z = 26"
    assert not table.buttons["H"].isEnabled()
    assert "no strong line" in table.buttons["H"].toolTip()
    # What is chosen can be taken back.
    assert table.buttons["U"].isEnabled()
    qtbot.mouseClick(table.buttons["H"], Qt.MouseButton.LeftButton)
    assert heard == []
    table.set_possible(None)
    assert table.buttons["H"].isEnabled()


def test_arrow_keys_move_and_the_space_bar_chooses(qtbot, table, heard):
    qtbot.waitUntil(lambda: focused(table) == "Fe")
    for key, symbol in [
        (Qt.Key.Key_Right, "Co"),
        (Qt.Key.Key_Down, "Rh"),
        (Qt.Key.Key_Left, "Ru"),
        (Qt.Key.Key_Up, "Fe"),
    ]:
        press(qtbot, key)
        assert focused(table) == symbol
    press(qtbot, Qt.Key.Key_Space)
    assert heard == [("Fe",)]


def test_arrow_keys_go_over_gaps_and_grey_elements(qtbot, table):
    table.set_possible(dict.fromkeys(("Fe", "Zn", "Be", "B"), ""))
    press(qtbot, Qt.Key.Key_Right)
    assert focused(table) == "Zn"
    qtbot.mouseClick(table.buttons["Be"], Qt.MouseButton.LeftButton)
    press(qtbot, Qt.Key.Key_Right)
    assert focused(table) == "B"
    press(qtbot, Qt.Key.Key_Up)
    assert focused(table) == "B"


def test_typing_a_symbol_goes_to_it(qtbot, table):
    press(qtbot, Qt.Key.Key_P)
    assert focused(table) == "P"
    press(qtbot, Qt.Key.Key_B)
    assert focused(table) == "Pb"


def test_letters_after_a_pause_begin_a_new_symbol(qtbot, table, monkeypatch):
    times = iter([100.0, 105.0])
    monkeypatch.setattr(
        "napari_xrf_denoise.plugin.common.periodic_table.monotonic", lambda: next(times)
    )
    press(qtbot, Qt.Key.Key_C)
    press(qtbot, Qt.Key.Key_U)
    assert focused(table) == "U"


def test_the_table_is_one_stop_of_the_tab_key(table):
    stops = [b for b in table.buttons.values() if b.focusPolicy() == Qt.FocusPolicy.StrongFocus]
    assert stops == [table.buttons["Fe"]]


@pytest.mark.parametrize("width", [275, 450])
def test_symbols_are_not_cut_off(qtbot, table, width):
    table.resize(width, width // 2)
    qtbot.waitUntil(lambda: table.width() == width)
    for symbol, button in table.buttons.items():
        button.ensurePolished()
        assert button.fontMetrics().horizontalAdvance(symbol) <= button.width()
        inside = button.mapTo(table, QPoint(button.width(), button.height()))
        assert inside.x() <= table.width()
        assert inside.y() <= table.height()
