"""Changes of a widget that are drawn together."""

import pytest
from qtpy.QtCore import QEvent, QObject, QTimer
from qtpy.QtWidgets import QDialog, QLabel, QProgressBar, QVBoxLayout, QWidget

from napari_xrf_denoise.plugin.common.dock import repaint_later, repaint_once


class Paints(QObject):
    """Counts how often a widget is drawn."""

    def __init__(self, widget):
        super().__init__()
        self.number = 0
        widget.installEventFilter(self)

    def eventFilter(self, _, event):  # noqa: N802 - Qt's name
        self.number += event.type() == QEvent.Type.Paint
        return False


@pytest.fixture
def panel(qtbot):
    """A window of a label and a progress bar."""
    panel = QWidget()
    layout = QVBoxLayout(panel)
    panel.label, panel.bar = QLabel("first"), QProgressBar()
    panel.bar.setRange(0, 100)
    panel.bar.setValue(1)
    layout.addWidget(panel.label)
    layout.addWidget(panel.bar)
    qtbot.addWidget(panel)
    panel.show()
    qtbot.waitExposed(panel)
    qtbot.wait(50)
    return panel


def test_many_changes_are_drawn_once(qtbot, panel):
    paints = Paints(panel)
    with repaint_once(panel):
        for value in (20, 60, 90):
            panel.bar.setValue(value)
            panel.label.setText(f"{value} %" * (value // 10))
    qtbot.waitUntil(lambda: paints.number > 0)
    qtbot.wait(50)
    assert paints.number == 1


def test_after_an_error_it_is_drawn_as_before(qtbot, panel):
    with pytest.raises(ZeroDivisionError), repaint_once(panel):
        _ = 1 / 0
    paints = Paints(panel)
    panel.label.setText("again")
    qtbot.waitUntil(lambda: paints.number > 0)


def test_the_window_answers_before_it_is_drawn(qtbot, panel):
    paints, order = Paints(panel), []
    with repaint_later(panel.label):
        QTimer.singleShot(0, lambda: order.append(("answered", paints.number)))
        panel.label.setText("changed")
    qtbot.waitUntil(lambda: paints.number > 0)
    assert order == [("answered", 0)]
    assert panel.updatesEnabled()


def test_after_an_error_the_window_is_drawn_as_well(qtbot, panel):
    with pytest.raises(ZeroDivisionError), repaint_later(panel):
        _ = 1 / 0
    qtbot.waitUntil(panel.updatesEnabled)


def test_of_a_dock_that_floats_the_main_window_waits(qtbot, panel):
    dock = QDialog(panel)
    label = QLabel("inside", dock)
    dock.show()
    with repaint_later(label):
        assert not panel.updatesEnabled()
    qtbot.waitUntil(panel.updatesEnabled)


def test_a_window_that_goes_meanwhile_takes_the_wait_with_it(qtbot):
    window = QWidget()
    with repaint_later(window):
        window.deleteLater()
    qtbot.wait(60)  # an error in Qt's loop fails the test
    with pytest.raises(RuntimeError):
        window.updatesEnabled()
