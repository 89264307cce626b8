"""Maps of PyXRF (NSLS-II).

::

    /xrfmap/det1/counts ...     (y, x, energy) float32, one group a detector element
    /xrfmap/detsum/counts       their sum
    /xrfmap/scalers             name (s,), val (y, x, s)
    /xrfmap/positions           name (2,), pos (2, y, x), "x_pos" and "y_pos"
    /xrfmap/scan_metadata       attributes, @file_format = "NSLS2-XRF-MAP"

As ``save_data_to_hdf5`` of PyXRF's ``api_dev`` writes them. There is no calibration in the file:
PyXRF takes 0.01 keV per channel from its default parameters, and corrects that in the fit. Nor is
there a unit of the positions, which differs between beamlines.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from napari_xrf_denoise.core.energy_axis import EnergyAxis
from napari_xrf_denoise.io.base.contents import FileContents
from napari_xrf_denoise.io.base.layout import Layout
from napari_xrf_denoise.io.options import ReadOptions

from .detector_elements import (
    attributes,
    contents_of_elements,
    element_groups,
    holds_counts,
    is_dataset,
    numbers,
    read_elements,
    texts,
)
from .file import in_hdf5, open_hdf5
from .tree import follow

_ROOT = "/xrfmap"
_KEV_PER_CHANNEL = 0.01
_STANDARD_NAMES = {"x_pos": "x", "y_pos": "y"}


@in_hdf5
def recognise(file: Any) -> str | None:
    """Return why this is a map of PyXRF, or None."""
    root = follow(file, _ROOT)
    # Old maps of larch have the same names, and the two groups of its configuration.
    if not hasattr(root, "keys") or "config" in root or "roimap" in root:
        return None
    if "scan_metadata" not in root and "scalers" not in root:
        return None
    names = _groups(root)
    if not names:
        return None
    return f"PyXRF's group {_ROOT}, counts (y, x, energy) in {', '.join(names)}"


def read(path: Path, options: ReadOptions) -> FileContents:
    """Read a map; detector elements, where they are kept, become repeats."""
    warnings = []
    with open_hdf5(path) as file:
        root = file[_ROOT]
        groups = _groups(root) or ["detsum"]
        names = [f"{_ROOT}/{group}/counts" for group in groups]
        counts = read_elements(file, path, names, energy_axis=2)
        _, height, width, size = counts.shape
        scalers, unfit = _scalers(root, (height, width))
        scan = follow(root, "scan_metadata")
        metadata = {} if scan is None else {"scan_metadata": attributes(scan)}
    if unfit:
        warnings.append(
            f"scalers and positions left out, because they do not have {height} × {width} pixels: "
            f"{', '.join(unfit)}; the scan may have been stopped"
        )
    if options.energy_gain is None:
        warnings.append(
            f"the file holds no energy calibration; {_KEV_PER_CHANNEL} keV per channel from 0 is "
            "assumed, as PyXRF does; if that is wrong, give energy_offset and energy_gain in keV "
            "(--energy-offset, --energy-gain)"
        )
    return contents_of_elements(
        counts,
        names,
        energy_axis=3,
        energy=EnergyAxis(0.0, _KEV_PER_CHANNEL, size),
        metadata=metadata,
        scalers=scalers,
        warnings=warnings,
    )


def _groups(root: Any) -> list[str]:
    """Return the names of the groups of the detector elements, else of their sum."""
    elements = element_groups(root, r"det(\d+)")
    if elements:
        return elements
    return ["detsum"] if holds_counts(root, "detsum/counts") else []


def _scalers(root: Any, shape: tuple[int, int]) -> tuple[dict[str, NDArray[Any]], list[str]]:
    """Return scalers and positions by name, and the names of those that do not fit the map."""
    found: dict[str, NDArray[Any]] = {}
    unfit: list[str] = []
    names = texts(follow(root, "scalers/name"))
    values = follow(root, "scalers/val")
    if names and is_dataset(values) and values.shape == (*shape, len(names)):
        read_values = numbers(values)
        if read_values is not None:
            found |= {name: read_values[:, :, number] for number, name in enumerate(names)}
    else:
        unfit += names
    names = texts(follow(root, "positions/name"))
    values = follow(root, "positions/pos")
    if names and is_dataset(values) and values.shape == (len(names), *shape):
        read_values = numbers(values)
        if read_values is not None:
            for name, positions in zip(names, read_values, strict=True):
                found[_STANDARD_NAMES.get(name, name)] = positions
    else:
        unfit += names
    return found, unfit


LAYOUT = Layout(
    name="pyxrf",
    description="PyXRF maps (NSLS-II): detector elements, scalers and positions",
    recognise=recognise,
    read=read,
    shares_files=True,
)
