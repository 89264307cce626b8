"""How the command line reads files: their axes and calibration, and which part is used."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass, fields
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import numpy as np
import typer
from numpy.typing import NDArray

from napari_xrf_denoise.core.errors import DataError, SettingsError
from napari_xrf_denoise.io.base.signatures import kind_of_content
from napari_xrf_denoise.io.images import npy, tiff
from napari_xrf_denoise.io.options import ReadOptions

from .messages import warn
from .values import parse_factors, parse_slice, parse_window, slice_within

if TYPE_CHECKING:
    from napari_xrf_denoise.core.spectrum_image import RepeatKind, SpectrumImage

LARGEST_GAIN = 1.0
"""keV a channel: above, energies are hardly those of X-rays."""
MASK_SUFFIXES = (".npy", ".tif", ".tiff")


@dataclass(frozen=True, kw_only=True)
class Reading:
    """How files are read; each field is an option of the command line, as it was typed.

    Raises
    ------
    SettingsError
        If an option cannot be right for any file.
    """

    energy_axis: Annotated[
        int | None, typer.Option(help="Index of the energy axis; -1 is the last.")
    ] = None
    repeat_axis: Annotated[
        int | None, typer.Option(help="Index of the axis that holds repeats of one measurement.")
    ] = None
    repeat_kind: Annotated[
        str | None,
        typer.Option(help="Kind of repeats: scan (averaged), or frame or detector (summed)."),
    ] = None
    energy_offset: Annotated[float | None, typer.Option(help="Energy of channel 0, in keV.")] = None
    energy_gain: Annotated[float | None, typer.Option(help="Width of a channel, in keV.")] = None
    dataset: Annotated[str | None, typer.Option(help="Path of the counts inside an HDF5 file.")] = (
        None
    )

    def __post_init__(self) -> None:
        if self.repeat_kind not in (None, "scan", "frame", "detector"):
            raise SettingsError(
                f"--repeat-kind: expected scan, frame or detector, found {self.repeat_kind!r}"
            )

    def read(self, path: Path, report: Callable[[str], object] = warn) -> SpectrumImage:
        """Read a whole file, and report its warnings."""
        from napari_xrf_denoise.io import read

        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            image = read(
                path,
                energy_axis=self.energy_axis,
                repeat_axis=self.repeat_axis,
                energy_offset=self.energy_offset,
                energy_gain=self.energy_gain,
                dataset=self.dataset,
                repeat_kind=cast("RepeatKind | None", self.repeat_kind),
            )
        for entry in caught:
            report(str(entry.message))
        if self.energy_gain is None or self.energy_gain <= LARGEST_GAIN:
            return image
        hint = (
            f"--energy-gain {self.energy_gain:g} is in keV, which makes the last channel "
            f"{image.energy.centers[-1]:,.6g} keV; if eV are meant, give --energy-gain "
            f"{self.energy_gain / 1000:g}"
        )
        report(f"{path}: {hint}")
        return image.with_metadata(warnings=(*image.metadata.get("warnings", ()), hint))


@dataclass(frozen=True, kw_only=True)
class Input(Reading):
    """How files are read, and which part of each is used; `seed` is that of `align`."""

    repeats: Annotated[
        str | None,
        typer.Option(
            help="Repeats to use, as first:last+1 (0:4). When training on scans, the other scans "
            "score the result.",
        ),
    ] = None
    y: Annotated[str | None, typer.Option(help="Rows to use, as first:last+1.")] = None
    x: Annotated[str | None, typer.Option(help="Columns to use, as first:last+1.")] = None
    energy: Annotated[str | None, typer.Option(help="Energies to use, as low:high in keV.")] = None
    mask: Annotated[
        Path | None,
        typer.Option(help="Picture (.npy or .tif) above 0 in the pixels to use; others get 0."),
    ] = None
    rebin: Annotated[
        str | None, typer.Option(help="How many neighbours to add up, as y,x,energy (1,1,2).")
    ] = None
    align: Annotated[
        bool,
        typer.Option(
            "--align",
            help="First align detector elements or scans to one energy scale, photon by photon.",
        ),
    ] = False
    unit: Annotated[
        float | None,
        typer.Option(help="Value of one photon, if all counts are multiples of it (0.5)."),
    ] = None
    seed: int = 0

    def __post_init__(self) -> None:
        super().__post_init__()
        for text, option in ((self.repeats, "--repeats"), (self.y, "--y"), (self.x, "--x")):
            parse_slice(text, option)
        parse_window(self.energy, "--energy")
        parse_factors(self.rebin, "--rebin")
        if self.unit is not None and not (isfinite(self.unit) and self.unit > 0):
            raise SettingsError(f"--unit: expected a number above 0, found {self.unit:g}")
        if self.mask is not None:
            check_mask(self.mask)

    def as_record(self) -> dict[str, Any]:
        """Return the options that differ from their defaults, as plain values."""
        record = {
            entry.name: getattr(self, entry.name)
            for entry in fields(self)
            if entry.name != "seed" and getattr(self, entry.name) != entry.default
        }
        if self.align:
            record["seed"] = self.seed
        if self.mask is not None:
            from napari_xrf_denoise.batch.record import source_record

            record["mask"] = source_record(self.mask)  # the same name may hold another picture
        return record

    def read_part(
        self, path: Path, report: Callable[[str], object] = warn
    ) -> tuple[SpectrumImage, SpectrumImage | None]:
        """Read the selected part of a file.

        Returns
        -------
        image, rest
            The repeats to use; the others if they are scans, which can score a result.
        """
        whole = self.read(path, report)
        if self.unit is not None:
            from napari_xrf_denoise.processing.photon_units import to_photon_counts

            whole = to_photon_counts(whole, self.unit)
        if self.align:
            from napari_xrf_denoise.processing.alignment import align_repeats

            # With all channels: photons that cross the border of a window belong to it.
            whole = align_repeats(whole, seed=self.seed)
        n_repeats, height, width, _ = whole.shape
        chosen = slice_within(self.repeats, "--repeats", n_repeats, "repeats")
        whole = whole.select(
            y=slice_within(self.y, "--y", height, "rows"),
            x=slice_within(self.x, "--x", width, "columns"),
            energy=parse_window(self.energy, "--energy"),
            mask=None if self.mask is None else read_mask(self.mask, (height, width)),
        )
        if factors := parse_factors(self.rebin, "--rebin"):
            y, x, energy = factors
            whole = whole.rebin(y=y, x=x, energy=energy)
        if chosen is None:
            return whole, None
        image = whole.select(repeats=chosen)
        rest = [index for index in range(n_repeats) if not chosen.start <= index < chosen.stop]
        if not rest or whole.repeat_kind != "scan":
            return image, None
        return image, whole.replace(counts=whole.counts[rest])


def check_mask(path: Path) -> None:
    """Refuse a mask that is missing or has an unsupported format."""
    if not path.is_file():
        raise SettingsError(f"--mask {path}: there is no such file")
    if path.suffix.lower() not in MASK_SUFFIXES:
        raise SettingsError(
            f"--mask {path}: expected .npy or .tif, found {kind_of_content(path)}; save the "
            "picture in one of these formats"
        )


def read_mask(path: Path, shape: tuple[int, int]) -> NDArray[np.bool_]:
    """Return where a picture is above 0, for a map of this shape (y, x)."""
    check_mask(path)
    layout = npy if path.suffix.lower() == ".npy" else tiff
    try:
        picture = np.asarray(layout.read(path, ReadOptions()).counts)
    except (DataError, OSError) as error:
        raise SettingsError(
            f"--mask {path}: expected a picture in .npy or .tif, found {kind_of_content(path)} "
            "that cannot be read; it may be cut off: save it again"
        ) from error
    if picture.shape != shape:
        raise SettingsError(
            f"--mask {path}: expected a picture of the map's shape {shape} (y, x), found "
            f"{picture.shape}"
        )
    if picture.dtype.kind not in "biuf":
        raise SettingsError(f"--mask {path}: expected a picture of numbers, found {picture.dtype}")
    return np.asarray(picture > 0)
