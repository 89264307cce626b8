"""The report of a run as its result keeps it: in the metadata of a layer or of a file."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from napari_xrf_denoise.core.errors import DataError

from .quality.report import QualityReport, WindowScore
from .result import Denoised

NAN, INFINITE = float("nan"), float("inf")


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
        If it carries none, or is no result.

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
    """Return the report that `QualityReport.as_dict` described.

    Parameters
    ----------
    content : mapping
        Plain values, in which NaN and infinity are None.

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
    )


def _window(entry: Mapping[str, Any]) -> WindowScore:
    low, high = entry["range"]
    return WindowScore(entry["name"], float(low), float(high), *_gain(entry))


def _gain(entry: Mapping[str, Any]) -> tuple[float, tuple[float, float]]:
    low, high = entry.get("dose_gain_interval") or (None, None)
    if low is None:
        # Where nothing is known of the lower end, nothing is known at all.
        return NAN, (NAN, NAN)
    return _number(entry.get("dose_gain")), (float(low), INFINITE if high is None else float(high))


def _number(value: float | None) -> float:
    return NAN if value is None else float(value)
