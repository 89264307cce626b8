"""The temporary layer "Compare": raw and denoised counts at napari's energy in one picture."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_xrf_denoise.core.spectrum_image import SpectrumImage
from napari_xrf_denoise.layers.geometry import layer_transform
from napari_xrf_denoise.plugin.common.jobs import Latest
from napari_xrf_denoise.plugin.common.spectral_layers import LayerImage, energy_of_slice

from .model import CompareModel


class SameContrast:
    """Gives both layers of a pair, and the picture of both, the same contrast limits.

    The picture follows the pair's only while the two have the same.
    """

    def __init__(self) -> None:
        self._pair: tuple[Any, ...] = ()
        self._third: Any = None
        self._linked: tuple[Any, ...] = ()

    def link(self, *pair: Any) -> None:
        """Link these layers instead of others; they take the first one's limits."""
        if pair == self._pair:
            return
        self._pair = pair
        self._relink()

    def set_third(self, layer: Any) -> None:
        """Link one more layer, or leave it."""
        self._third = layer
        self._relink()

    def unlink(self) -> None:
        """Let go of all layers; they keep their limits."""
        self._pair, self._third = (), None
        self._relink()

    def _relink(self) -> None:
        for layer in self._linked:
            layer.events.contrast_limits.disconnect(self._follow)
        third = () if self._third is None or not self._pair else (self._third,)
        self._linked = self._pair + third
        if self._linked:
            self._give(self._linked[0])
        for layer in self._linked:
            layer.events.contrast_limits.connect(self._follow)

    def _follow(self, event: Any) -> None:
        self._give(event.source)

    def _give(self, source: Any) -> None:
        limits = tuple(source.contrast_limits)
        for layer in self._linked:
            if tuple(layer.contrast_limits) != limits:
                layer.contrast_limits = limits


Pictures = tuple[NDArray[np.float32], NDArray[np.float32]]


def picture_at(image: SpectrumImage, channel: int) -> NDArray[np.float32]:
    """Return the counts of a channel, repeats combined, shape (y, x)."""
    repeats = np.asarray(image.counts[:, :, :, channel])
    combined: NDArray[np.float64] = repeats.sum(axis=0, dtype=np.float64)
    if image.combination == "mean":
        combined /= len(repeats)
    return combined.astype(np.float32)


def compose(pictures: Pictures, share: float) -> NDArray[np.float32]:
    """Return a picture whose left part, a share of its width, is the first one."""
    before, after = pictures
    cut = round(share * before.shape[1])
    composed: NDArray[np.float32] = np.concatenate([before[:, :cut], after[:, cut:]], axis=1)
    return composed


NAME = "Compare"


class CompareLayer:
    """Shows a pair of layers as one picture on top of all others, and takes it away again.

    The layers themselves stay as they are: the docks that look at visible layers go on.
    """

    def __init__(self, viewer: Any, model: CompareModel, contrast: SameContrast) -> None:
        self._viewer = viewer
        self._model = model
        self._contrast = contrast
        # Counts in memory are there at once, so that nothing flickers.
        self._pictures = Latest("xrf-compare-pictures", wait=0.02)
        self._known: dict[str, tuple[Any, LayerImage]] = {}
        self._of: tuple[Any, Any] = (None, None)
        self._shown: tuple[Any, float] = (None, 0.0)
        self.layer: Any = None

    @property
    def is_waiting(self) -> bool:
        """Whether pictures are being read."""
        return self._pictures.is_waiting

    def update(self) -> str:
        """Show the model's picture; return why that cannot be, in words."""
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
        channel = before.energy.channel(energy)
        self._pictures.want(
            (before, after, channel),
            lambda *_: (picture_at(before, channel), picture_at(after, channel)),
        )
        pictures: Pictures | None = self._pictures.result
        if pictures is None:
            return "" if self._pictures.error is None else str(self._pictures.error)
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
                self._known[name] = (layer, LayerImage(layer))
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
