"""Which of the shapes and labels that are drawn are shown in the dock "Spectrum", without Qt."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from napari_xrf_denoise.layers.regions import DrawnRegions

MOST_REGIONS = 12
"""Shapes and labels whose spectra are shown: as many curves as can still be told apart."""

RegionKey = tuple[int, str]
"""Id of the layer that a region was drawn in, and what it is there: ``"shape 1"``."""


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
