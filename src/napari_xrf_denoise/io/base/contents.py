"""What a reader found in a file, and how it becomes a spectrum image.

Readers only say what is in the file. User options, and what is missing or wrong, are handled here,
in one place, so that every format asks, warns and refuses in the same words.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from napari_xrf_denoise.core.energy_axis import NO_CALIBRATION, EnergyAxis
from napari_xrf_denoise.core.errors import DataError, FormatError
from napari_xrf_denoise.core.lazy_arrays import is_dask, is_on_disk
from napari_xrf_denoise.core.spectrum_image import RepeatKind, SpectrumImage
from napari_xrf_denoise.core.uncertainties.uncertainty import Uncertainty
from napari_xrf_denoise.io.options import ReadOptions

_X = re.compile(r"(?:^|[^a-z])x(?:$|[^a-z])|^(?:width|columns?)$")
_Y = re.compile(r"(?:^|[^a-z])y(?:$|[^a-z])|^(?:height|rows?)$")


@dataclass(frozen=True, kw_only=True, eq=False)
class FileContents:
    """Counts as they lie in a file, with what the file says about them."""

    counts: Any
    """NumPy or dask array, in the file's own axis order."""
    energy_axis: int | None = None
    repeat_axis: int | None = None
    energy: EnergyAxis | None = None
    """Calibration, for `energy_axis`."""
    repeat_kind: RepeatKind = "scan"
    spacing: Sequence[float | None] = ()
    """Distance between the elements of each axis, None where it is not known."""
    spacing_unit: str = "pixel"
    """Unit of the spacing of the pixel axes."""
    name: str | None = None
    """Only if the file stores a name of its own; otherwise the file's stem is taken."""
    metadata: Mapping[str, Any] = field(default_factory=dict)
    """Further facts as plain Python values."""
    scalers: Mapping[str, Any] = field(default_factory=dict)
    """What was measured beside the spectra, see `SpectrumImage`: a value for each pixel, or for
    each repeat and pixel, in the order of the counts' axes."""
    repeat_energies: Sequence[EnergyAxis] | None = None
    """If repeats have calibrations of their own."""
    uncertainty: Uncertainty | None = None
    """Of a denoised result."""
    warnings: Sequence[str] = ()
    """What the user should know, each with what to do."""
    dataset: str = ""
    """Place inside the file, for messages."""
    settled: bool = False
    """Whether the reader has applied the axis options itself."""
    stacked: bool = False
    """Whether the reader has put one or several datasets along a first axis of repeats that no
    dataset has: the user counts axes without it."""
    axis_names: Sequence[str] = ()
    """The file's names of the axes, "" where it has none: pixels with x before y are transposed."""


def build(
    found: FileContents, path: Path, options: ReadOptions, more_warnings: Sequence[str] = ()
) -> tuple[SpectrumImage, list[str]]:
    """Return the spectrum image of what was found and what the user said, and new warnings.

    The warnings are also among ``image.metadata["warnings"]``.
    """
    where = place(path, found.dataset)
    counts = _native(found.counts, where)
    energy_axis, repeat_axis = _axes(found, counts.shape, options, where)
    energy = _energy(found, counts.shape, energy_axis, options, where)
    pixel_size, pixel_unit = _pixels(found, counts.ndim, energy_axis, repeat_axis)
    fresh = [*found.warnings, *more_warnings, *_overruled(found, counts.shape, options)]
    if not energy.calibrated:
        fresh.append(NO_CALIBRATION)
    name = found.name or file_stem(path)
    try:
        image = SpectrumImage.from_array(
            counts,
            energy_axis=energy_axis,
            repeat_axis=repeat_axis,
            energy=energy,
            repeat_kind=options.repeat_kind or found.repeat_kind,
            pixel_size=pixel_size,
            pixel_unit=pixel_unit,
            name=name,
            metadata=_metadata(found, path, options, fresh),
        )
        scalers, unfit = _fitting(found.scalers, image)
        if x_comes_first(found.axis_names, energy_axis, repeat_axis):
            scalers = {key: values.swapaxes(-1, -2) for key, values in scalers.items()}
            image = image.replace(
                counts=image.counts.transpose(0, 2, 1, 3), pixel_size=image.pixel_size[::-1]
            )
        energies = found.repeat_energies
        if energies is not None and (energy is not found.energy or len(energies) < 2):
            energies = None  # the user overrides them, or there is only one
        image = image.replace(scalers=scalers, repeat_energies=energies)
        own = found.uncertainty
        if own is not None and own.shape == image.shape[1:3] and own.holds(image.shape[3]):
            image = image.replace(uncertainty=own)
        elif own is not None:
            unfit.append("the uncertainty")
    except DataError as error:
        raise type(error)(f"{where}: {str(error).removeprefix(f'{name}: ')}") from error
    if unfit:
        fresh.append(f"left out, because they do not have one value per pixel: {', '.join(unfit)}")
        warnings = [*image.metadata["warnings"], fresh[-1]]
        image = image.with_metadata(warnings=warnings)
    return image, fresh


def x_comes_first(names: Sequence[str], energy_axis: int, repeat_axis: int | None) -> bool:
    """Whether a file names its pixel axes, x before y."""
    pixels = [
        name.lower() for axis, name in enumerate(names) if axis not in (energy_axis, repeat_axis)
    ]
    if len(pixels) != 2:
        return False
    first, second = pixels
    return bool(_X.search(first) and _Y.search(second))


def _fitting(
    scalers: Mapping[str, Any], image: SpectrumImage
) -> tuple[dict[str, NDArray[np.float64]], list[str]]:
    """Return the scalers in the image's shape, and the names of those that do not fit it."""
    good: dict[str, NDArray[np.float64]] = {}
    unfit = []
    repeats, height, across, _ = image.shape
    for name, values in scalers.items():
        array = np.asarray(values, dtype=np.float64)
        if array.size == height * across:
            good[name] = array.reshape(height, across)
        elif array.size == repeats * height * across:
            good[name] = array.reshape(repeats, height, across)
        else:
            unfit.append(name)
    return good, unfit


def place(path: Path, dataset: str = "") -> str:
    """Return the name of a place in a file, for messages."""
    return f"{path}, dataset {dataset}" if dataset else str(path)


def file_stem(path: Path) -> str:
    """Return a file's name without its suffix, also without the two of ``.ome.tif``."""
    stem = path.stem
    return stem[: -len(".ome")] if stem.lower().endswith(".ome") else stem


def ask_for_energy_axis(where: str, shape: tuple[int, ...]) -> NoReturn:
    """Refuse to guess the energy axis; the longest axis is only suggested."""
    longest = int(np.argmax(shape))
    image = " (a single image has no energy axis)" if len(shape) == 2 else ""
    if shape.count(shape[longest]) == 1:
        hint = (
            f"if it is the longest, with {shape[longest]} channels, that is energy_axis={longest} "
            f"(--energy-axis {longest})"
        )
    else:
        hint = "the longest axes have the same length, so that none is suggested"
    raise FormatError(
        f"{where}: expected to know which axis is energy, found an array of shape {shape} without "
        f"axis names{image}. Give energy_axis=... (--energy-axis); {hint}"
    )


def _native(counts: Any, where: str) -> Any:
    """Return counts as whole or real numbers in this machine's byte order, which torch needs."""
    dtype = np.dtype(counts.dtype)
    if dtype.kind not in "iuf":
        raise FormatError(f"{where}: expected counts as whole or real numbers, found {dtype}")
    if not 1 <= counts.ndim <= 4 or 0 in counts.shape:
        raise FormatError(
            f"{where}: expected an array of 1 to 4 axes that are not empty, found shape "
            f"{tuple(counts.shape)}; select one image, or name another dataset"
        )
    if dtype.isnative or is_dask(counts) or is_on_disk(counts):
        return counts
    return counts.astype(dtype.newbyteorder("="))


def _axes(
    found: FileContents, shape: tuple[int, ...], options: ReadOptions, where: str
) -> tuple[int, int | None]:
    """Return the positions of energy and repeats; options override the file."""
    energy_axis, repeat_axis = found.energy_axis, found.repeat_axis
    if found.stacked and _names_axes(options):
        return _axes_of_stack(shape, options, where)
    if not found.settled:
        energy_axis = energy_axis if options.energy_axis is None else options.energy_axis
        repeat_axis = repeat_axis if options.repeat_axis is None else options.repeat_axis
    if energy_axis is None and len(shape) == 1:
        energy_axis = 0
    if energy_axis is None:
        ask_for_energy_axis(where, shape)
    energy_axis = existing_axis("energy_axis", energy_axis, shape, where)
    if repeat_axis is not None:
        repeat_axis = existing_axis("repeat_axis", repeat_axis, shape, where)
    if repeat_axis == energy_axis:
        raise DataError(
            f"{where}: axis {energy_axis} of shape {shape} cannot be both energy and repeats; "
            "give another energy_axis or repeat_axis (--energy-axis, --repeat-axis)"
        )
    n_pixel_axes = len(shape) - 1 - (repeat_axis is not None)
    if n_pixel_axes > 2:
        others = [axis for axis in range(len(shape)) if axis != energy_axis]
        raise FormatError(
            f"{where}: expected at most two axes of pixels beside the energy, found shape {shape} "
            f"with the energy as axis {energy_axis}; say which of the axes {others} holds repeats, "
            "with repeat_axis=... (--repeat-axis)"
        )
    return energy_axis, repeat_axis


def _names_axes(options: ReadOptions) -> bool:
    return options.energy_axis is not None or options.repeat_axis is not None


def _axes_of_stack(shape: tuple[int, ...], options: ReadOptions, where: str) -> tuple[int, int]:
    """Return the axes of datasets that a reader stacked, as the user counts them in one."""
    if options.repeat_axis is not None:
        raise DataError(
            f"{where}: repeat_axis={options.repeat_axis} cannot be given, since datasets, each of "
            f"shape {shape[1:]}, are the repeats themselves; leave it out (--repeat-axis), or read "
            "one of them with dataset='/path' (--dataset /path)"
        )
    assert options.energy_axis is not None
    return 1 + existing_axis("energy_axis", options.energy_axis, shape[1:], where), 0


def existing_axis(keyword: str, axis: int, shape: tuple[int, ...], where: str) -> int:
    """Return the position of an axis counted from 0, or refuse one that does not exist."""
    if not -len(shape) <= axis < len(shape):
        option = "--" + keyword.replace("_", "-")
        raise DataError(
            f"{where}: {keyword}={axis} does not exist in an array of shape {shape}; expected "
            f"{-len(shape)} to {len(shape) - 1} ({option})"
        )
    return axis % len(shape)


def _overruled(found: FileContents, shape: tuple[int, ...], options: ReadOptions) -> list[str]:
    """Return a warning if the user's energy axis differs from the file's."""
    known, stated = found.energy_axis, options.energy_axis
    if found.settled or known is None or stated is None:
        return []
    shape = shape[1:] if found.stacked else shape
    known = (known - found.stacked) % len(shape)
    stated = stated % len(shape)
    if stated == known:
        return []
    dropped = found.energy is not None and found.energy.calibrated and options.energy_gain is None
    return [
        f"the file says that axis {known}, with {shape[known]} channels, is energy; "
        f"energy_axis={stated}, with {shape[stated]}, overrides it"
        + (", and the file's energies are ignored" if dropped else "")
        + "; leave energy_axis out (--energy-axis) if that was not intended"
    ]


def _energy(
    found: FileContents, shape: tuple[int, ...], energy_axis: int, options: ReadOptions, where: str
) -> EnergyAxis:
    """Return the calibration of the user, else of the file, else channel numbers."""
    size = shape[energy_axis]
    known = found.energy
    if known is not None and not found.settled and found.energy_axis is not None:
        moved = found.energy_axis % len(shape) != energy_axis
        known = None if moved else known
    if known is None:
        known = EnergyAxis.uncalibrated(size)
    offset, gain = options.energy_offset, options.energy_gain
    if gain is not None:
        if offset is None:
            offset = known.offset if known.calibrated else 0.0
        return EnergyAxis(offset, gain, size)
    if offset is None:
        return known
    if not known.calibrated:
        raise DataError(
            f"{where}: energy_offset={offset:g} alone is no calibration, and the file has none; "
            "also give energy_gain in keV per channel (--energy-gain)"
        )
    if known.is_linear:
        return EnergyAxis(offset, known.gain, size)
    return EnergyAxis.from_centers(known.centers - known.offset + offset, tolerance=1e-9)


def _pixels(
    found: FileContents, ndim: int, energy_axis: int, repeat_axis: int | None
) -> tuple[tuple[float, float], str]:
    """Return the pixel size (y, x), and its unit where every pixel axis has a spacing."""
    spacing = list(found.spacing) or [None] * ndim
    pixels = [step for axis, step in enumerate(spacing) if axis not in (energy_axis, repeat_axis)]
    known = [step for step in pixels if step is not None and np.isfinite(step) and step != 0]
    if not known or len(known) != len(pixels):
        return (1.0, 1.0), "pixel"
    # A line or a single spectrum has no distance in y: one pixel is as high as it is wide.
    y, x = (known[0], known[-1])
    return (abs(float(y)), abs(float(x))), found.spacing_unit


def _metadata(
    found: FileContents, path: Path, options: ReadOptions, fresh: Sequence[str]
) -> dict[str, Any]:
    metadata = dict(found.metadata)
    # A file of our own keeps the name of the file that the counts came from first.
    metadata.setdefault("source", path.name)
    kept = [text for text in metadata.get("warnings", []) if text != NO_CALIBRATION]
    metadata["warnings"] = kept + [text for text in fresh if text not in kept]
    if options.given():
        metadata["read_options"] = options.given()
    return metadata
