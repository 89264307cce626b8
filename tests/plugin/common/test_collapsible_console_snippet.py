"""Lines of Python in a dock."""

import pytest
from qtpy.QtWidgets import QApplication, QVBoxLayout, QWidget

from napari_xrf_denoise.plugin.common.collapsible import ConsoleSnippet


@pytest.fixture
def fold(qtbot):
    page = QWidget()
    fold = ConsoleSnippet()
    QVBoxLayout(page).addWidget(fold)
    qtbot.addWidget(page)
    page.show()
    fold.page = page
    return fold


def test_it_is_there_when_there_are_lines(fold):
    assert not fold.isVisible()
    fold.show_lines("print(1)")
    assert fold.isVisible()
    fold.show_lines("")
    assert not fold.isVisible()


def test_lines_can_be_copied(fold):
    fold.show_lines("import napari_xrf_denoise as xrf\nprint(xrf)")
    fold.expand()
    fold.copy_button.click()
    assert QApplication.clipboard().text() == "import napari_xrf_denoise as xrf\nprint(xrf)"
