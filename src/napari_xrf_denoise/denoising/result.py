"""The result of a run: counts, report and model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_xrf_denoise.core.factored_counts import FactoredCounts
from napari_xrf_denoise.core.spectrum_image import SpectrumImage

from .model import Model
from .quality.report import QualityReport

if TYPE_CHECKING:
    from napari.layers import Image


@dataclass(frozen=True, eq=False)
class Denoised:
    """A denoised measurement, how good it is, and the model that made it.

    Parameters
    ----------
    counts : numpy.ndarray or FactoredCounts
        float32, never negative, with the input's axes without the repeat axis. Expected counts of
        one repeat for scans, of all together for frames and detector elements. The method
        ``"stack"`` gives the latter, which is indexed in the same way and computed where it is.
    image : SpectrumImage
        The same with all four axes, the energy axis, and the record of how it was made.
    report : QualityReport
    model : Model
    """

    counts: NDArray[np.float32] | FactoredCounts
    image: SpectrumImage
    report: QualityReport
    model: Model

    def to_layer(self, like: Any = None) -> Image:
        """Return a napari layer with axis labels, units, scale and the record in its metadata.

        Parameters
        ----------
        like : napari layer, optional
            Where a map shall lie: the layer that was denoised, which may be moved or turned.

        Raises
        ------
        MissingDependencyError
            If napari is not installed.
        """
        from napari_xrf_denoise.layers.convert import to_layer

        return to_layer(self.image, like)
