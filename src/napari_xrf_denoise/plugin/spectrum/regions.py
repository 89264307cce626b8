"""The sums over shapes and labels for one spectral layer, kept up to date in a thread."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_xrf_denoise.core.errors import in_words
from napari_xrf_denoise.core.spectrum_image import SpectrumImage
from napari_xrf_denoise.layers.regions import DrawnRegions, is_region_layer
from napari_xrf_denoise.plugin.common.jobs import Latest
from napari_xrf_denoise.processing.spectra import PixelSums, region_sums

MOST_REGIONS = 12
"""Shapes and labels whose spectra are shown: as many curves as can still be distinguished."""

RegionKey = tuple[int, str]
"""Id of the layer that a region was drawn in, and its name there: ``"shape 1"``."""


def take_regions(
    drawn: Sequence[DrawnRegions], shape: tuple[int, int]
) -> tuple[dict[RegionKey, NDArray[np.bool_]], bool]:
    """Return the masks of the first `MOST_REGIONS` regions, and whether there are more."""
    masks: dict[RegionKey, NDArray[np.bool_]] = {}
    for layer in drawn:
        for name, mask in layer.masks(shape).items():
            if len(masks) == MOST_REGIONS:
                return masks, True
            masks[layer.layer_id, name] = mask
    return masks, False


@dataclass(frozen=True, eq=False)
class RegionSums:
    """The sums of each region."""

    sums: dict[RegionKey, PixelSums] = field(default_factory=dict)
    masks: dict[RegionKey, NDArray[np.bool_]] = field(default_factory=dict)
    """Their pixels."""
    is_cut: bool = False
    """Whether more regions are drawn than are summed."""


class RegionWatcher:
    """Adds up the counts of regions whenever they change."""

    def __init__(self, image: SpectrumImage) -> None:
        self._image = image
        # Small maps are done at once, so that curves move with the shapes.
        self._latest = Latest("xrf-sum-regions", wait=0.01)

    @property
    def is_waiting(self) -> bool:
        """Whether something is being added up."""
        return self._latest.is_waiting

    @property
    def problem(self) -> str:
        """Why the regions cannot be added up, in words."""
        return "" if self._latest.error is None else in_words(self._latest.error)

    def want(self, drawn: Sequence[DrawnRegions]) -> RegionSums:
        """Return the sums of these regions, or until those are there the ones before."""
        image, known = self._image, self._latest.result
        self._latest.want(
            tuple(layer.signature for layer in drawn),
            lambda _, stop: sums_of(image, drawn, known, stop),
        )
        return self._latest.result or RegionSums()

    def forget(self) -> None:
        """Forget all sums, and leave unfinished ones."""
        self._latest.forget()


def sums_of(
    image: SpectrumImage,
    drawn: Sequence[DrawnRegions],
    known: RegionSums | None = None,
    should_stop: Callable[[], bool] = lambda: False,
) -> RegionSums:
    """Return the sums of drawn regions; those with the same pixels as in `known` are kept."""
    known = known or RegionSums()
    masks, is_cut = take_regions(drawn, image.shape[1:3])
    same = {
        key
        for key, mask in masks.items()
        if key in known.sums and np.array_equal(known.masks[key], mask)
    }
    new = [key for key in masks if key not in same]
    fresh = dict(
        zip(new, region_sums(image, [masks[key] for key in new], should_stop), strict=True)
    )
    sums = {key: known.sums[key] if key in same else fresh[key] for key in masks}
    return RegionSums(sums, masks, is_cut)


class Drawings:
    """Counts how often each layer of shapes or labels has changed."""

    def __init__(self, layers: Any, on_change: Callable[[], object]) -> None:
        self._layers = layers
        self._on_change = on_change
        self._revisions: dict[Any, int] = {}
        self._is_on = False

    def start(self) -> None:
        """Follow the layers from now on."""
        if self._is_on:
            return
        self._is_on = True
        self._layers.events.inserted.connect(self._follow)
        self._layers.events.removed.connect(self._follow)
        self._follow()

    def stop(self) -> None:
        """Leave the layers alone."""
        if not self._is_on:
            return
        self._is_on = False
        self._layers.events.inserted.disconnect(self._follow)
        self._layers.events.removed.disconnect(self._follow)
        for layer in self._revisions:
            self._leave(layer)
        self._revisions.clear()

    def known(self) -> list[tuple[Any, int]]:
        """Return the layers, the lowest first, each with a number that changes with it."""
        return [
            (layer, self._revisions[layer]) for layer in self._layers if layer in self._revisions
        ]

    def _follow(self, event: Any = None) -> None:
        present = [layer for layer in self._layers if is_region_layer(layer)]
        for layer in [layer for layer in self._revisions if layer not in present]:
            self._leave(layer)
            del self._revisions[layer]
        for layer in present:
            if layer not in self._revisions:
                for name in _events(layer):
                    getattr(layer.events, name).connect(self._changed)
                self._revisions[layer] = 0

    def _leave(self, layer: Any) -> None:
        for name in _events(layer):
            getattr(layer.events, name).disconnect(self._changed)

    def _changed(self, event: Any) -> None:
        self._revisions[event.source] = self._revisions.get(event.source, 0) + 1
        self._on_change()


def _events(layer: Any) -> list[str]:
    """Return the events of a change of a drawing, which painting, undoing and dragging share."""
    return [name for name in ("set_data", "labels_update") if hasattr(layer.events, name)]
