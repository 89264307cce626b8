"""The part of a napari layer that is used here, so that napari need not be imported."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol


class SpectralLayer(Protocol):
    """A napari layer of counts, with the axes energy, y, x and repeat."""

    name: str
    data: Any
    metadata: Any
    axis_labels: Any
    units: Any
    scale: Any
    translate: Any

    @property
    def ndim(self) -> int:
        """Number of axes."""

    def data_to_world(self, position: Sequence[float] | Any, /) -> Any:
        """Return where a position in the data (pixels) is in the world."""
