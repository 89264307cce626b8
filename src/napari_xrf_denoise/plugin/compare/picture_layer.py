"""The temporary layer "Compare": the picture before and after at napari's energy, side by side."""

from __future__ import annotations

from typing import Any

from napari_xrf_denoise.core.spectrum_image import SpectrumImage
from napari_xrf_denoise.layers.merge_layer_place import layer_transform
from napari_xrf_denoise.plugin.common.energy_slider import energy_of_slice
from napari_xrf_denoise.plugin.spectrum.layer_spectra import LayerSpectra

from .merge_compare_contrast import SameContrast
from .merge_compare_pictures import EnergyPictures, compose
from .model import CompareModel

NAME = "Compare"


class CompareLayer:
    """Shows a pair of layers as one picture on top of all others, and takes it away again.

    The layers themselves stay as they are: the docks that look at visible layers go on.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
    model : CompareModel
    contrast : SameContrast
    """

    def __init__(self, viewer: Any, model: CompareModel, contrast: SameContrast) -> None:
        self._viewer = viewer
        self._model = model
        self._contrast = contrast
        self._pictures = EnergyPictures()
        self._known: dict[str, tuple[Any, LayerSpectra]] = {}
        self._of: tuple[Any, Any] = (None, None)
        self._shown: tuple[Any, float] = (None, 0.0)
        self.layer: Any = None

    @property
    def is_waiting(self) -> bool:
        """Whether pictures are being read."""
        return self._pictures.is_waiting

    def update(self) -> str:
        """Show what the model says; return why that cannot be, in words."""
        model = self._model
        if model.mode == "off":
            self.remove()
            return ""
        problem = model.picture_problem()
        before, after = self._images() if not problem else (None, None)
        if before is None or after is None:
            self.remove()
            return problem or self._problem()
        if self._of != (model.before, model.after):
            # Else the former pair's picture would stand under this one's name.
            self.remove_layer()
            self._pictures.forget()
            self._of = (model.before, model.after)
        energy = energy_of_slice(model.before, before.energy, self._viewer.dims)
        self._pictures.want(before, after, before.energy.channel(energy))
        pictures = self._pictures.latest
        if pictures is None:
            return self._pictures.problem
        share = model.share if model.mode == "swipe" else float(model.shows_before)
        if self.layer is None:
            self._add(compose(pictures, share))
        elif self._shown[0] is not pictures or self._shown[1] != share:
            self.layer.data = compose(pictures, share)
        self._shown = (pictures, share)
        return ""

    def was_removed(self) -> bool:
        """Whether the user took the layer away."""
        return self.layer is not None and self.layer not in self._viewer.layers

    def remove(self) -> None:
        """Take the layer away, and forget the pictures."""
        self.remove_layer()
        self._pictures.forget()
        self._known.clear()
        self._of = (None, None)

    def remove_layer(self) -> None:
        """Take the layer away if it is there."""
        layer, self.layer = self.layer, None
        self._shown = (None, 0.0)
        self._contrast.set_third(None)
        if layer is not None and layer in self._viewer.layers:
            with _SameSelection(self._viewer.layers):
                self._viewer.layers.remove(layer)

    def _add(self, picture: Any) -> None:
        before, after = self._model.before, self._model.after
        with _SameSelection(self._viewer.layers):
            self.layer = self._viewer.add_image(
                picture,
                name=NAME,
                **layer_transform(before),
                colormap=before.colormap.name,
                contrast_limits=tuple(before.contrast_limits),
                metadata={"compare": {"before": before.name, "after": after.name}},
            )
        self._contrast.set_third(self.layer)

    def _images(self) -> tuple[SpectrumImage | None, SpectrumImage | None]:
        pair = {"before": self._model.before, "after": self._model.after}
        for name, layer in pair.items():
            known = self._known.get(name)
            if known is None or known[0] != layer or not known[1].is_current():
                self._known[name] = (layer, LayerSpectra(layer))
        return self._known["before"][1].image, self._known["after"][1].image

    def _problem(self) -> str:
        return "\n".join(filter(None, (known.problem for _, known in self._known.values())))


class _SameSelection:
    """Keeps the active layer: other docks follow it, and what is temporary is not their matter."""

    def __init__(self, layers: Any) -> None:
        self._layers = layers
        self._active = layers.selection.active

    def __enter__(self) -> None:
        pass

    def __exit__(self, *_: Any) -> None:
        active = self._active
        if active is not None and active in self._layers:
            self._layers.selection.active = active
