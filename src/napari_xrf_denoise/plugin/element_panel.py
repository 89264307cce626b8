"""The dock "Element maps": adds the map of an element's line as a layer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QSignalBlocker, Qt, QTimer
from qtpy.QtWidgets import (
    QCheckBox,
    QComboBox,
    QFormLayout,
    QLabel,
    QPushButton,
    QSizePolicy,
    QVBoxLayout,
)

from .docked_widget import DockedWidget
from .element_session import ELEMENTS, LINES, ElementModel, ElementSession
from .layer_watch import LayerWatch

if TYPE_CHECKING:
    import napari.viewer

POLL_MS = 50
"""Time between two looks at a map that is being computed."""

LINE_TIPS = "Group of lines: K lines of light elements, L and M lines of heavy ones"


class ElementPanel(DockedWidget):
    """Choose a layer, an element and a line; add its map.

    Parameters
    ----------
    napari_viewer : napari.viewer.Viewer
        Given by napari.
    """

    def __init__(self, napari_viewer: napari.viewer.Viewer) -> None:
        super().__init__()
        self.viewer = napari_viewer
        self.model = ElementModel()
        self.session = ElementSession(self.model, self._add_layer)
        self._watch = LayerWatch(napari_viewer.layers, self._follow_layers)
        self._timer = QTimer(self)
        self._timer.setInterval(POLL_MS)
        self._timer.timeout.connect(self.session.poll)
        self._build()
        self._listen_to_viewer()

    def _build(self) -> None:
        self.layer_box = QComboBox()
        self.layer_box.setToolTip("Map of spectra with an energy axis in keV")
        self.layer_box.setSizeAdjustPolicy(
            QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon
        )
        self.layer_box.setMinimumContentsLength(8)
        self.element_box = QComboBox()
        self.element_box.setEditable(True)
        self.element_box.setInsertPolicy(QComboBox.InsertPolicy.NoInsert)
        self.element_box.addItems(ELEMENTS)
        self.element_box.setCurrentText(self.model.element)
        self.element_box.setToolTip("Symbol of the element, such as Fe")
        self.line_box = QComboBox()
        self.line_box.addItems(LINES)
        self.line_box.setToolTip(LINE_TIPS)
        self.background_box = QCheckBox("Subtract the background")
        self.background_box.setToolTip(
            "Takes away a straight line between the channels on either side of the line. Lines of "
            "other elements close by make the result too low."
        )
        self.button = QPushButton("Add map")
        self.button.setToolTip("Adds the counts in the line, pixel by pixel, as a layer")
        self.message = QLabel()
        self.message.setWordWrap(True)
        self.message.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.message.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Minimum)
        form = QFormLayout()
        form.setContentsMargins(0, 0, 0, 0)
        form.addRow("Layer", self.layer_box)
        form.addRow("Element", self.element_box)
        form.addRow("Line", self.line_box)
        layout = QVBoxLayout(self)
        layout.addLayout(form)
        for widget in (self.background_box, self.button, self.message):
            layout.addWidget(widget)
        layout.addStretch(1)
        self.layer_box.currentIndexChanged.connect(self._choose_layer)
        self.element_box.currentTextChanged.connect(self._set("element"))
        self.line_box.currentTextChanged.connect(self._set("line"))
        self.background_box.toggled.connect(self._set("background"))
        self.button.clicked.connect(self._click)

    def _set(self, field: str) -> Any:
        return lambda value: setattr(self.model, field, value)

    def _listen_to_viewer(self) -> None:
        # Kept apart from the widget, which may be gone when they are let go.
        model, session, watch, show = self.model, self.session, self._watch, self._show

        def listen() -> None:
            model.events.connect(show, check_nargs=False, unique=True)
            watch.start()
            show()

        def unlisten() -> None:
            session.stop()
            model.events.disconnect(show, missing_ok=True)
            watch.stop()

        self.listen_with(listen, unlisten)

    def _follow_layers(self) -> None:
        self.model.follow(self._watch.spectral())

    def _choose_layer(self, row: int) -> None:
        if 0 <= row < len(self.model.available):
            self.model.source = self.model.available[row]

    def _click(self) -> None:
        self.session.start()
        self._timer.start()

    def _add_layer(self, data: Any, attributes: dict[str, Any]) -> None:
        self.viewer.add_image(data, **attributes)

    def _show(self, *_: Any) -> None:
        model = self.model
        with QSignalBlocker(self.layer_box):
            self.layer_box.clear()
            self.layer_box.addItems(model.names)
            if model.source in model.available:
                self.layer_box.setCurrentIndex(model.available.index(model.source))
        self.button.setEnabled(model.source is not None and not model.is_busy)
        self.message.setText(model.words())
        if not model.is_busy:
            self._timer.stop()
