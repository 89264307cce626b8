"""The dock "Element maps": maps of lines and of windows of energies, and what is made of them."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QSignalBlocker, QSize, QTimer
from qtpy.QtWidgets import (
    QCheckBox,
    QFormLayout,
    QHBoxLayout,
    QLineEdit,
    QProgressBar,
    QPushButton,
    QVBoxLayout,
)

from napari_xrf_denoise.core.errors import SettingsError
from napari_xrf_denoise.plugin.common.collapsible import Collapsible, ConsoleSnippet
from napari_xrf_denoise.plugin.common.dock import DockedWidget
from napari_xrf_denoise.plugin.common.layer_watcher import LayerWatcher
from napari_xrf_denoise.plugin.common.plots import colors_of
from napari_xrf_denoise.plugin.common.sum_spectrum import SumSpectrum
from napari_xrf_denoise.plugin.common.widgets import choice_box, scroll_in, short_box, words_label
from napari_xrf_denoise.spectroscopy.element_symbols import LINES

from .console import python_of
from .list_page import MapListPage, grid_of
from .model import ElementModel
from .overlay_page import OverlayPage
from .scatter_model import ScatterModel
from .scatter_page import ScatterPage
from .session import ElementSession
from .window_page import WindowPage

if TYPE_CHECKING:
    import napari.viewer
from qtpy.QtCore import QPoint, Qt
from qtpy.QtWidgets import QFrame

from napari_xrf_denoise.plugin.common.periodic_table import PeriodicTable, possible_elements
from napari_xrf_denoise.spectroscopy.element_symbols import ELEMENTS, parse_elements, with_elements


class ElementTableButton(QPushButton):
    """Opens the periodic table over the dock, which is too narrow for it; Esc closes it.

    Parameters
    ----------
    model : ElementModel
    """

    def __init__(self, model: ElementModel) -> None:
        super().__init__("Table…")
        self._model = model
        self.setToolTip("Opens the periodic table; elements without a line (keV) are grey in it")
        self.popup = QFrame(self, Qt.WindowType.Popup)
        self.popup.setFrameShape(QFrame.Shape.StyledPanel)
        self.table = PeriodicTable()
        layout = QVBoxLayout(self.popup)
        layout.setContentsMargins(4, 4, 4, 4)
        layout.addWidget(self.table)
        self.table.chosen.connect(self._choose)
        self.clicked.connect(self.open)

    def open(self) -> None:
        """Show the table with the elements that are typed, its right end at the button's."""
        model = self._model
        try:
            typed = [element for element, _ in parse_elements(model.elements)]
        except SettingsError:
            typed = []
        if model.axis is not None and model.axis.calibrated and model.knows_lines:
            tips = possible_elements(model.axis)
            self.table.set_possible({name: tip for name, tip in tips.items() if name in ELEMENTS})
        else:
            self.table.set_possible(None)
        self.table.set_chosen(typed)
        size = self.popup.sizeHint()
        corner = self.mapToGlobal(QPoint(self.width() - size.width(), self.height()))
        screen = self.screen()
        if screen is not None:
            corner.setX(max(screen.availableGeometry().left(), corner.x()))
        self.popup.move(corner)
        self.popup.show()
        self.table.setFocus()

    def _choose(self, symbols: tuple[str, ...]) -> None:
        self._model.change(elements=with_elements(self._model.elements, symbols))


POLL_MS = 50
"""Time between two looks at what is being computed."""

LINE_TIPS = {
    "auto": "the first of Ka, La, Ma that the energies hold",
    "Ka": "K lines, of light elements",
    "Kb": "weaker K lines",
    "La": "L lines, of heavy elements",
    "Lb": "L lines at higher energies",
    "Ma": "M lines, of heavy elements at low energies",
}


class ElementMapsDock(DockedWidget):
    """Choose a layer and elements, add their maps; the rest is folded away.

    Parameters
    ----------
    napari_viewer : napari.viewer.Viewer
        Given by napari.
    """

    def __init__(self, napari_viewer: napari.viewer.Viewer) -> None:
        super().__init__()
        self.viewer = napari_viewer
        self.model = ElementModel()
        self.scatter = ScatterModel()
        self.session = ElementSession(self.model, self._add_layer)
        self.summing = SumSpectrum()
        self._watch = LayerWatcher(napari_viewer.layers, self._follow_layers)
        self._timer = QTimer(self)
        self._timer.setInterval(POLL_MS)
        self._timer.timeout.connect(self._poll)
        self._build()
        self._connect()
        self._listen_to_viewer()

    def sizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        """Return a size at which the controls are seen with one part folded open."""
        return QSize(280, 480)

    def _build(self) -> None:
        colors = colors_of(self.viewer.theme)
        self.layer_box = short_box("Map of spectra with an energy axis in keV")
        self.elements_field = QLineEdit()
        self.elements_field.setPlaceholderText("Fe, Cu, Pb La")
        self.elements_field.setToolTip(
            "Symbols of one or more elements with commas between them; a line behind a symbol "
            "where it matters: Fe, Cu, Pb La. Each becomes a layer."
        )
        self.table_button = ElementTableButton(self.model)
        self.line_box = choice_box(LINES, LINE_TIPS)
        self.background_box = QCheckBox("Subtract the background")
        self.background_box.setToolTip(
            "Takes away a straight line between the channels on either side of the window. Lines "
            "of other elements close by make the result too low."
        )
        self.partner_box = QCheckBox()
        self.button = QPushButton("Add map")
        self.progress_bar = QProgressBar()
        self.progress_bar.setRange(0, 1000)
        self.progress_bar.setToolTip("Share of the maps that is done, in %")
        self.warning_label = words_label("Other lines that a detector cannot tell apart (keV)")
        self.message = words_label("What came of it")
        self.window_page = WindowPage(self.model, self.summing, colors)
        self.list_page = MapListPage(self.model, self.session, self.viewer)
        self.overlay_page = OverlayPage(self.model, self.viewer)
        self.scatter_page = ScatterPage(self.scatter, self.viewer, colors)
        self.window_fold = Collapsible(
            "Energy window", self.window_page, "Map any window of energies"
        )
        self.list_fold = Collapsible(
            "Maps of this layer", self.list_page, "Update them, save them, see them side by side"
        )
        self.overlay_fold = Collapsible(
            "Red, green, blue", self.overlay_page, "Three maps over each other"
        )
        self.scatter_fold = Collapsible(
            "Scatter plot", self.scatter_page, "Two maps against each other, to select pixels"
        )
        self.python = ConsoleSnippet()
        form = QFormLayout()
        form.setContentsMargins(0, 0, 0, 0)
        form.addRow("Layer", self.layer_box)
        typed = QHBoxLayout()
        typed.addWidget(self.elements_field, 1)
        typed.addWidget(self.table_button)
        form.addRow("Elements", typed)
        form.addRow("Line", self.line_box)
        layout = QVBoxLayout()
        layout.addLayout(form)
        for widget in (
            self.background_box,
            self.partner_box,
            self.button,
            self.progress_bar,
            self.warning_label,
            self.message,
            self.window_fold,
            self.list_fold,
            self.overlay_fold,
            self.scatter_fold,
            self.python,
        ):
            layout.addWidget(widget)
        layout.addStretch(1)
        scroll_in(self, layout)

    def _connect(self) -> None:
        model = self.model
        self.layer_box.currentIndexChanged.connect(self._choose_layer)
        self.elements_field.textChanged.connect(lambda text: model.change(elements=text))
        self.elements_field.returnPressed.connect(self.button.click)
        self.line_box.currentTextChanged.connect(lambda line: model.change(line=line))
        self.background_box.toggled.connect(partial(setattr, model, "background"))
        self.partner_box.toggled.connect(partial(setattr, model, "with_partner"))
        self.button.clicked.connect(self._click)
        self.window_page.button.clicked.connect(self._add_window)
        self.window_fold.button.toggled.connect(self._sum_up)

    def _listen_to_viewer(self) -> None:
        # Kept apart from the widget, which may be gone when they are let go.
        viewer, model, scatter, watch = self.viewer, self.model, self.scatter, self._watch
        session, summing, grid = self.session, self.summing, grid_of(self.viewer)
        show, recolor, timer = self._show, self._recolor, self._timer
        plot_maps, show_grid = self.scatter_page.show_model, self.list_page.show_grid

        def listen() -> None:
            model.events.connect(show, check_nargs=False, unique=True)
            scatter.events.connect(plot_maps, check_nargs=False, unique=True)
            viewer.events.theme.connect(recolor)
            grid.events.enabled.connect(show_grid)
            session.learn_lines()
            timer.start()
            watch.start()
            show()

        def unlisten() -> None:
            # First, since to stop changes the model, and the widget may be gone.
            model.events.disconnect(show, missing_ok=True)
            scatter.events.disconnect(plot_maps, missing_ok=True)
            session.close()
            summing.stop()
            viewer.events.theme.disconnect(recolor)
            grid.events.enabled.disconnect(show_grid)
            watch.stop()

        self.listen_with(listen, unlisten)

    def _follow_layers(self) -> None:
        layers = list(self.viewer.layers)
        self.model.follow(self._watch.spectral(), layers)
        self.scatter.follow(self.model.maps, layers)
        self.scatter_page.show_model()  # a map may have been computed again
        self._show()

    def _choose_layer(self, row: int) -> None:
        if 0 <= row < len(self.model.available):
            self.model.choose(self.model.available[row])

    def _click(self) -> None:
        if self.model.doing:
            self.session.stop()
        elif not self.model.problem():
            self.session.add(self.model.recipes())

    def _add_window(self) -> None:
        self.window_page.take_typed()
        self.session.add([self.model.own_recipe()])

    def _add_layer(self, data: Any, attributes: dict[str, Any]) -> None:
        self.viewer.add_image(data, **attributes)

    def _sum_up(self, *_: Any) -> None:
        """Add up the spectra, once somebody wants to see them."""
        source = self.model.source
        # Not of a layer that has just lost its energy axis.
        if self.window_fold.button.isChecked() and source in self.model.available:
            labels = tuple(source.axis_labels)
            repeat = labels.index("repeat") if "repeat" in labels else None
            self.summing.want(source, labels.index("energy"), repeat)
        self.window_page.show_spectrum()
        if self.summing.is_waiting:
            self._timer.start()

    def _poll(self) -> None:
        was_waiting = self.summing.is_waiting
        idle = self.summing.poll()
        if was_waiting and idle:
            self.window_page.show_spectrum()
        if self.session.poll() and idle:
            self._timer.stop()

    def _recolor(self, event: Any = None) -> None:
        colors = colors_of(self.viewer.theme)
        self.window_page.plot.set_colors(colors)
        self.scatter_page.plot.set_colors(colors)
        self._show()

    def _show(self, *_: Any) -> None:
        model = self.model
        with QSignalBlocker(self.layer_box):
            if [self.layer_box.itemText(row) for row in range(self.layer_box.count())] != list(
                model.names
            ):
                self.layer_box.clear()
                self.layer_box.addItems(model.names)
            present = model.source in model.available
            self.layer_box.setCurrentIndex(model.available.index(model.source) if present else -1)
        with QSignalBlocker(self.elements_field):
            if self.elements_field.text() != model.elements:
                self.elements_field.setText(model.elements)
        if model.doing and not self._timer.isActive():
            self._timer.start()
        problem = model.problem()
        self._show_partner()
        self._show_button(problem)
        self.progress_bar.setVisible(bool(model.doing))
        self.progress_bar.setValue(round(1000 * model.fraction))
        warning = model.warning()
        self.warning_label.setText(warning)
        self.warning_label.setVisible(bool(warning))
        self.message.setText(model.doing or problem or model.outcome)
        self.message.setVisible(bool(self.message.text()))
        self._sum_up()
        self._show_python(problem)
        self.window_page.show_model()
        self.list_page.show_model()
        self.overlay_page.show_model()

    def _show_python(self, problem: str) -> None:
        try:
            recipes = () if problem else self.model.recipes()
        except SettingsError:
            recipes = ()
        name = "" if self.model.source is None else self.model.source.name
        self.python.show_lines(python_of(name, recipes))

    def _show_partner(self) -> None:
        partner = self.model.partner
        self.partner_box.setVisible(partner is not None)
        if partner is not None:
            kind = "denoised" if "denoising" in partner.metadata else "raw"
            self.partner_box.setText(f"Also of the {kind} layer")
            self.partner_box.setToolTip(
                f"Adds the same maps of “{partner.name}”, with the same contrast limits (counts)"
            )

    def _show_button(self, problem: str) -> None:
        model = self.model
        busy = bool(model.doing)
        several = "," in model.elements or (model.with_partner and model.partner is not None)
        self.button.setText("Stop" if busy else "Add maps" if several else "Add map")
        self.button.setEnabled(model.can_stop if busy else not problem)
        self.button.setToolTip(
            "Ends it; no layer is added"
            if busy
            else "Adds the counts in each line, pixel by pixel, as layers"
        )
