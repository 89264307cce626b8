"""Computes element maps for the dock "Element maps", without Qt."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from psygnal import SignalGroupDescriptor

from napari_xrf_denoise import __version__
from napari_xrf_denoise.element_maps import element_map
from napari_xrf_denoise.errors import DataError
from napari_xrf_denoise.layers import image_from_layer, picture_data

from .background_job import BackgroundJob

# From the first whose K line passes a detector's window to the last that is found in nature.
_SYMBOLS = (
    "B C N O F Ne Na Mg Al Si P S Cl Ar K Ca Sc Ti V Cr Mn Fe Co Ni Cu Zn Ga Ge As Se Br Kr Rb "
    "Sr Y Zr Nb Mo Tc Ru Rh Pd Ag Cd In Sn Sb Te I Xe Cs Ba La Ce Pr Nd Pm Sm Eu Gd Tb Dy Ho Er "
    "Tm Yb Lu Hf Ta W Re Os Ir Pt Au Hg Tl Pb Bi Po At Rn Fr Ra Ac Th Pa U"
)
ELEMENTS: tuple[str, ...] = tuple(_SYMBOLS.split())
LINES = ("Ka", "Kb", "La", "Lb", "Ma")

NO_LAYERS = (
    "There is no map with an energy axis. Open a file of spectra, or File > Open Sample > "
    "XRF denoise."
)


@dataclass
class ElementModel:
    """State of the dock; widgets show it and keep none of their own.

    Parameters
    ----------
    available : tuple of layers
        Spectral layers with pixels.
    names : tuple of str
        Theirs, so that a new name is a change.
    source : layer, optional
    element, line : str
    background : bool
        Whether to subtract the background.
    is_busy : bool
    outcome : str
        What came of the last map, in words.
    """

    events: ClassVar[SignalGroupDescriptor] = SignalGroupDescriptor()

    available: tuple[Any, ...] = ()
    names: tuple[str, ...] = ()
    source: Any = None
    element: str = "Fe"
    line: str = LINES[0]
    background: bool = False
    is_busy: bool = False
    outcome: str = ""

    def follow(self, layers: Sequence[Any]) -> None:
        """Take over which spectral layers there are."""
        self.available = tuple(layer for layer in layers if {"y", "x"} & set(layer.axis_labels))
        self.names = tuple(layer.name for layer in self.available)
        if self.source not in self.available:
            self.source = self.available[-1] if self.available else None

    def words(self) -> str:
        """Return what to tell the user."""
        if self.source is None:
            return NO_LAYERS
        return "Adding up the counts in the line…" if self.is_busy else self.outcome


class ElementSession:
    """Computes one map at a time in a thread.

    Parameters
    ----------
    model : ElementModel
    add_layer : callable
        ``add_layer(data, attributes)``, called on the thread that polls.
    """

    def __init__(
        self, model: ElementModel, add_layer: Callable[[Any, dict[str, Any]], object]
    ) -> None:
        self._model = model
        self._add_layer = add_layer
        self._job: BackgroundJob | None = None
        self._finish: Callable[[Any], None] = lambda result: None

    def start(self) -> None:
        """Compute the map of the chosen layer, element and line."""
        model = self._model
        if self._job is not None or model.source is None:
            return
        try:
            image = image_from_layer(model.source)
        except DataError as error:
            model.outcome = str(error)
            return
        element, line, background = model.element.strip(), model.line, model.background
        starts = dict(zip(model.source.axis_labels, model.source.translate, strict=True))
        record = {
            "source": image.name,
            "element": element,
            "line": line,
            "background": background,
            "version": __version__,
        }

        def finish(values: Any) -> None:
            data, attributes, _ = picture_data(
                image, values, f"{element} {line} of {image.name}", {"element_map": record}
            )
            attributes["translate"] = [float(starts.get(label, 0.0)) for label in ("y", "x")]
            self._add_layer(data, attributes)

        self._finish = finish
        self._job = BackgroundJob(
            lambda *_: element_map(image, element, line, background=background), "xrf-element-map"
        )
        model.is_busy = True
        self._job.start()

    def poll(self) -> None:
        """Add the layer when the map is there, or say why there is none."""
        job = self._job
        if job is None or not job.is_done:
            return
        self._job = None
        if job.error is None:
            self._finish(job.result)
            self._model.outcome = "The map was added. Its values are counts in the line's window."
        elif isinstance(job.error, ValueError):
            self._model.outcome = str(job.error)
        else:
            self._model.outcome = f"{type(job.error).__name__}: {job.error}"
        self._model.is_busy = False

    def stop(self) -> None:
        """Forget the map that is being computed."""
        self._job = None
        self._model.is_busy = False
