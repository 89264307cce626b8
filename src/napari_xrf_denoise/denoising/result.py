"""The result of a run: counts, report and model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_xrf_denoise.core.errors import DataError
from napari_xrf_denoise.core.factored_counts import FactoredCounts
from napari_xrf_denoise.core.spectrum_image import SpectrumImage

from .model import Model
from .quality.edges import EdgeWidths
from .quality.losses.departures import Departure
from .quality.report import CONTRASTS, QualityReport, WindowScore

if TYPE_CHECKING:
    from napari.layers import Image

NAN, INFINITE = float("nan"), float("inf")


@dataclass(frozen=True, eq=False)
class Denoised:
    """A denoised measurement, its quality, and the model that made it.

    Examples
    --------
    >>> import napari_xrf_denoise as xrf
    >>> image, _ = xrf.simulate_map(shape=(16, 16), n_channels=256, seed=1)
    >>> result = xrf.denoise(image, method="pca")
    >>> result.counts.shape, result.image.shape
    ((16, 16, 256), (1, 16, 16, 256))
    """

    counts: NDArray[np.float32] | FactoredCounts
    """float32, never negative, with the input's axes without the repeat axis. Expected counts of
    one repeat for scans, of all together for frames and detector elements. The method ``"stack"``
    gives factored counts, which are indexed in the same way and computed on access."""
    image: SpectrumImage
    """The same with all four axes, the energy axis, and the record of the run."""
    report: QualityReport
    model: Model

    def to_layer(self, like: Any = None) -> Image:
        """Return a napari layer with axis labels, units, scale and the record in its metadata.

        Parameters
        ----------
        like : napari layer, optional
            The layer that was denoised, whose position and rotation a map takes.

        Raises
        ------
        MissingDependencyError
            If napari is not installed.
        """
        from napari_xrf_denoise.layers.convert import to_layer

        return to_layer(self.image, like)


def report_of(result: Any) -> QualityReport:
    """Return the report that a result carries.

    Parameters
    ----------
    result : Denoised, SpectrumImage or napari layer
        Also one that was saved as ``.h5``, ``.hspy``, ``.ome.tif`` or ``.zarr`` and opened again.

    Returns
    -------
    QualityReport
        That of a `Denoised` itself; others keep it without residuals, and with some losses only.

    Raises
    ------
    DataError
        If it carries none, or is not a result.

    Examples
    --------
    >>> import napari_xrf_denoise as xrf
    >>> image, _ = xrf.simulate_map(shape=(16, 16), n_channels=256, seed=1)
    >>> result = xrf.denoise(image, method="pca")
    >>> report_of(result.image).table() == result.report.table()
    True
    """
    if isinstance(result, Denoised):
        return result.report
    metadata = getattr(result, "metadata", None)
    if not isinstance(metadata, Mapping):
        raise DataError(
            "expected a result of denoise(), its image or its layer, found "
            f"{type(result).__name__}; give a file's name to read() first"
        )
    record = metadata.get("denoising")
    content = record.get("report") if isinstance(record, Mapping) else None
    if not content or "dose_gain" not in content:
        raise DataError(
            f"{result.name}: carries no report of a denoising; results of denoise() have one, also "
            "when saved as .h5, .hspy, .ome.tif or .zarr and read again"
        )
    return report_from_dict(content)


def report_from_dict(content: Mapping[str, Any]) -> QualityReport:
    """Return the report that `QualityReport.as_dict` described, with None for NaN and infinity.

    Examples
    --------
    >>> report = QualityReport(8.0, (6.0, INFINITE), 1.0)
    >>> report_from_dict(report.as_dict()) == report
    True
    """
    return QualityReport(
        *_gain(content),
        count_ratio=_number(content.get("count_ratio")),
        measured_by=content.get("measured_by") or "",
        warnings=tuple(content.get("warnings") or ()),
        losses=dict(content.get("losses") or {}),
        choices=dict(content.get("choices") or {}),
        windows=tuple(_window(entry) for entry in content.get("windows") or ()),
        departures=tuple(map(Departure.from_dict, content.get("departures") or ())),
    )


def _window(entry: Mapping[str, Any]) -> WindowScore:
    low, high = entry["range"]
    contrast = (_number(entry.get(key)) for key in CONTRASTS)
    score = WindowScore(entry["name"], float(low), float(high), *_gain(entry), *contrast)
    return replace(score, edge=EdgeWidths(**entry.get("edge") or {}))


def _gain(entry: Mapping[str, Any]) -> tuple[float, tuple[float, float]]:
    low, high = entry.get("dose_gain_interval") or (None, None)
    if low is None:
        # Without a lower end, nothing is known at all.
        return NAN, (NAN, NAN)
    return _number(entry.get("dose_gain")), (float(low), INFINITE if high is None else float(high))


def _number(value: float | None) -> float:
    return NAN if value is None else float(value)
