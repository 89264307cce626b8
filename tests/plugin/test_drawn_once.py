"""Changes of a widget that are drawn together."""

import pytest
from qtpy.QtCore import QEvent, QObject
from qtpy.QtWidgets import QLabel, QProgressBar, QVBoxLayout, QWidget

from napari_xrf_denoise.plugin.drawn_once import drawn_once


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
    with drawn_once(panel):
        for value in (20, 60, 90):
            panel.bar.setValue(value)
            panel.label.setText(f"{value} %" * (value // 10))
    qtbot.waitUntil(lambda: paints.number > 0, timeout=5000)
    qtbot.wait(50)
    assert paints.number == 1


def test_after_an_error_it_is_drawn_as_before(qtbot, panel):
    with pytest.raises(ZeroDivisionError), drawn_once(panel):
        _ = 1 / 0
    paints = Paints(panel)
    panel.label.setText("again")
    qtbot.waitUntil(lambda: paints.number > 0, timeout=5000)
