"""The dock "Element maps": maps of lines and of windows of energies, and what follows from them."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QSignalBlocker
from qtpy.QtWidgets import QCheckBox, QLineEdit, QPushButton, QVBoxLayout

from napari_xrf_denoise.core.energy_axis import EnergyAxis
from napari_xrf_denoise.core.errors import SettingsError
from napari_xrf_denoise.plugin.common.collapsible import Collapsible, ConsoleSnippet
from napari_xrf_denoise.plugin.common.dock import Dock
from napari_xrf_denoise.plugin.common.periodic_table import TableButton
from napari_xrf_denoise.plugin.common.plots import PlotColors
from napari_xrf_denoise.plugin.common.sum_spectrum import SumSpectrum
from napari_xrf_denoise.plugin.common.widgets import (
    check_box,
    choice_box,
    column,
    form,
    progress_bar,
    row,
    row_in,
    scroll_in,
    short_box,
    show_choices,
    show_words,
    words_label,
)
from napari_xrf_denoise.spectroscopy.element_symbols import (
    LA_TIP,
    LINES,
    in_greek,
    in_latin,
    parse_elements,
    with_elements,
)

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

LINE_TIPS = {
    "auto": "first of Kα, Lα, Mα inside the energy range",
    "Kα": "K lines, of light elements",
    "Kβ": "weaker K lines",
    "Lα": "L lines, of heavy elements",
    "Lβ": "L lines at higher energies",
    "Mα": "M lines, of heavy elements at low energies",
}


class ElementMapsDock(Dock):
    """Choose a layer and elements, add their maps; the rest is folded away."""

    model: ElementModel

    def __init__(self, napari_viewer: napari.viewer.Viewer) -> None:
        super().__init__(napari_viewer, ElementModel())
        self.scatter = ScatterModel()
        self.session = ElementSession(self.model, self._add_layer)
        self.summing = SumSpectrum()
        self._build()
        self._connect()
        self.listen()

    def enter(self) -> None:
        """Load the tables of lines."""
        self.session.learn_lines()
        self.start_polling()

    def leave(self) -> None:
        """Stop what is computed."""
        self.session.close()
        self.summing.stop()

    def _build(self) -> None:
        self.layer_box = short_box("Map of spectra with an energy axis in keV")
        self.elements_field = QLineEdit()
        self.elements_field.setPlaceholderText("Fe, Cu, Pb La")
        self.elements_field.setToolTip(
            "Element symbols with commas between them, each with a line if needed: Fe, Cu, Pb La. "
            f"Each becomes a layer.\n{LA_TIP}"
        )
        self.table_button = TableButton(partial(_table_state, self.model))
        self.line_box = choice_box([in_greek(line) for line in LINES], LINE_TIPS)
        self.background_box = check_box(
            "Subtract linear background",
            "Subtract a linear background estimated on both sides of the window. Nearby lines of "
            "other elements bias the result low.",
        )
        self.errors_box = check_box(
            "Also map the error",
            "Add the standard deviation (counts) of each map: of raw photon counts that of the "
            "Poisson distribution, of denoised ones noise and bias as held-out counts show them",
        )
        self.partner_box = QCheckBox()
        self.button = QPushButton("Add map")
        self.progress_bar = progress_bar("Share of the maps that is done, in %")
        self.warning_label = words_label("Lines (keV) that a window cannot separate from this one")
        self.message = words_label("Result of the last action")
        self.python = ConsoleSnippet()
        layout = column(
            form(
                ("Layer", self.layer_box),
                ("Elements", row((self.elements_field, 1), self.table_button)),
                ("Line", self.line_box),
            ),
            self.background_box,
            self.errors_box,
            self.partner_box,
            self.button,
            self.progress_bar,
            self.warning_label,
            self.message,
            self._build_folds(),
            self.python,
        )
        layout.addStretch(1)
        scroll_in(self, layout)

    def _build_folds(self) -> QVBoxLayout:
        self.window_page = WindowPage(self.model, self.summing, self.colors)
        self.list_page = MapListPage(self.model, self.session, self.viewer)
        self.overlay_page = OverlayPage(self.model, self.viewer)
        self.scatter_page = ScatterPage(self.scatter, self.viewer, self.colors)
        self.window_fold = Collapsible(
            "Energy window", self.window_page, "Map any window of energies"
        )
        self.list_fold = Collapsible(
            "Maps of this layer", self.list_page, "Update them, save them, see them side by side"
        )
        self.overlay_fold = Collapsible(
            "RGB overlay", self.overlay_page, "Overlay three maps in colour"
        )
        self.scatter_fold = Collapsible(
            "Scatter plot", self.scatter_page, "Plot two maps against each other, to select pixels"
        )
        return column(self.window_fold, self.list_fold, self.overlay_fold, self.scatter_fold)

    def _connect(self) -> None:
        model = self.model
        self.follow(model.events, self.show_model)
        self.follow(self.scatter.events, self.scatter_page.show_model)
        self.follow(grid_of(self.viewer).events.enabled, self.list_page.show_grid)
        self.layer_box.currentIndexChanged.connect(self._choose_layer)
        self.elements_field.textChanged.connect(lambda text: model.change(elements=text))
        self.elements_field.returnPressed.connect(self.button.click)
        self.table_button.chosen.connect(self._choose_elements)
        self.line_box.currentTextChanged.connect(lambda line: model.change(line=in_latin(line)))
        self.background_box.toggled.connect(partial(setattr, model, "background"))
        self.errors_box.toggled.connect(partial(setattr, model, "with_errors"))
        self.partner_box.toggled.connect(partial(setattr, model, "with_partner"))
        self.button.clicked.connect(self._click)
        self.window_page.button.clicked.connect(self._add_window)
        self.window_fold.button.toggled.connect(self._sum_up)

    def follow_layers(self) -> None:
        """Take over the layers of the viewer."""
        layers = list(self.viewer.layers)
        self.model.follow(self.layers.spectral(), layers)
        self.scatter.follow(self.model.maps, layers)
        self.scatter_page.show_model()  # a map may have been updated
        self.show_model()

    def _choose_layer(self, row: int) -> None:
        if 0 <= row < len(self.model.available):
            self.model.choose(self.model.available[row])

    def _choose_elements(self, symbols: tuple[str, ...]) -> None:
        self.model.change(elements=with_elements(self.model.elements, symbols))

    def _click(self) -> None:
        if self.model.status != "idle":
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
        if self.window_fold.is_open and source in self.model.available:
            labels = tuple(source.axis_labels)
            repeat = labels.index("repeat") if "repeat" in labels else None
            self.summing.want(source, labels.index("energy"), repeat)
        self.window_page.show_spectrum()
        if self.summing.is_waiting:
            self.start_polling()

    def poll(self) -> bool:
        """Take over maps, tables of lines and the sum spectrum."""
        if self.summing.is_waiting and self.summing.poll():
            self.window_page.show_spectrum()
        return self.session.poll() and not self.summing.is_waiting

    def set_colors(self, colors: PlotColors) -> None:
        """Draw in the colours of a theme."""
        self.window_page.plot.set_colors(colors)
        self.scatter_page.plot.set_colors(colors)

    def show_model(self, *_: Any) -> None:
        """Show the model as it is."""
        model = self.model
        show_choices(self.layer_box, model.names, row_in(model.available, model.source))
        with QSignalBlocker(self.elements_field):
            if self.elements_field.text() != model.elements:
                self.elements_field.setText(model.elements)
        is_busy = model.status != "idle"
        if is_busy:
            self.start_polling()
        problem = model.problem()
        self._show_partner()
        self._show_button(problem)
        self.progress_bar.setVisible(is_busy)
        self.progress_bar.setValue(round(1000 * model.fraction))
        show_words(self.warning_label, model.warning())
        show_words(self.message, model.stage or problem or model.outcome)
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
        self.python.show_lines(python_of(name, recipes, self.model.with_errors))

    def _show_partner(self) -> None:
        partner = self.model.partner
        self.partner_box.setVisible(partner is not None)
        if partner is not None:
            kind = "denoised" if "denoising" in partner.metadata else "raw"
            self.partner_box.setText(f"Also map the {kind} layer")
            self.partner_box.setToolTip(
                f"Add the same maps of “{partner.name}”, with the same contrast limits (counts)"
            )

    def _show_button(self, problem: str) -> None:
        model = self.model
        is_busy = model.status != "idle"
        several = "," in model.elements or (model.with_partner and model.partner is not None)
        self.button.setText("Stop" if is_busy else "Add maps" if several else "Add map")
        can_stop = model.can_stop and model.status != "stopping"
        self.button.setEnabled(can_stop if is_busy else not problem)
        self.button.setToolTip(
            "Cancel without adding a layer"
            if is_busy
            else "Add the counts in each line, pixel by pixel, as layers"
        )


def _table_state(model: ElementModel) -> tuple[list[str], EnergyAxis | None]:
    try:
        typed = [element for element, _ in parse_elements(model.elements)]
    except SettingsError:
        typed = []
    return typed, model.axis if model.knows_lines else None
