"""Parts of docks that are folded away."""

import pytest
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QLabel, QVBoxLayout, QWidget

from napari_xrf_denoise.plugin.common.collapsible import Collapsible


@pytest.fixture
def fold(qtbot):
    page = QWidget()
    fold = Collapsible("Details", QLabel("words " * 60), "What it is made of")
    fold.content.setWordWrap(True)
    layout = QVBoxLayout(page)
    layout.addWidget(fold)
    layout.addStretch(1)
    qtbot.addWidget(page)
    page.resize(200, 600)
    page.show()
    fold.page = page
    return fold


def test_a_click_on_the_title_shows_and_hides_it(qtbot, fold):
    assert not fold.content.isVisible()
    qtbot.mouseClick(fold.button, Qt.MouseButton.LeftButton)
    assert fold.is_open
    assert fold.content.isVisible()
    qtbot.mouseClick(fold.button, Qt.MouseButton.LeftButton)
    assert not fold.content.isVisible()


def test_words_that_wrap_are_seen_whole(qtbot, fold):
    fold.expand()
    content = fold.content
    qtbot.waitUntil(lambda: content.height() >= content.heightForWidth(content.width()))


def test_it_opens_by_the_keyboard_and_says_what_it_is_for(qtbot, fold):
    fold.button.setFocus()
    qtbot.keyClick(fold.button, Qt.Key.Key_Space)
    assert fold.is_open
    fold.collapse()
    assert not fold.is_open
    assert fold.button.toolTip() == "What it is made of"
