"""What the command line reads: options of input files, and the part of them that is asked for."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass, fields
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from napari_xrf_denoise.core.errors import SettingsError

from .messages import warn
from .values import parse_factors, parse_slice, parse_window, slice_within

if TYPE_CHECKING:
    from napari_xrf_denoise.core.spectrum_image import RepeatKind, SpectrumImage
import numpy as np
from numpy.typing import NDArray

from napari_xrf_denoise.core.errors import DataError
from napari_xrf_denoise.io.base.signatures import kind_of_content
from napari_xrf_denoise.io.images import npy, tiff
from napari_xrf_denoise.io.options import ReadOptions

Files = Annotated[list[Path], typer.Argument(help="Files with spectra or maps.")]
ManyFiles = Annotated[
    list[Path],
    typer.Argument(help="Files with spectra or maps; also folders, and patterns in quotes."),
]
EnergyAxisOption = Annotated[
    int | None,
    typer.Option("--energy-axis", help="Which axis of the array is the energy; -1 is the last."),
]
RepeatAxisOption = Annotated[
    int | None, typer.Option("--repeat-axis", help="Which axis holds repeats of one measurement.")
]
RepeatKindOption = Annotated[
    str | None,
    typer.Option(
        "--repeat-kind", help="What repeats are: scan (averaged), or frame or detector (added up)."
    ),
]
OffsetOption = Annotated[
    float | None, typer.Option("--energy-offset", help="Energy of channel 0, in keV.")
]
GainOption = Annotated[
    float | None, typer.Option("--energy-gain", help="Width of a channel, in keV.")
]
DatasetOption = Annotated[
    str | None, typer.Option("--dataset", help="Path of the counts inside an HDF5 file.")
]
RepeatsOption = Annotated[
    str | None,
    typer.Option(
        "--repeats",
        help="Which repeats to use, as first:last+1 (0:4). Where a run learns from scans, the "
        "other scans score its result.",
    ),
]
RowsOption = Annotated[str | None, typer.Option("--y", help="Which rows to use, as first:last+1.")]
ColumnsOption = Annotated[
    str | None, typer.Option("--x", help="Which columns to use, as first:last+1.")
]
EnergyOption = Annotated[
    str | None, typer.Option("--energy", help="Which energies to use, as low:high in keV.")
]
MaskOption = Annotated[
    Path | None,
    typer.Option(
        "--mask", help="Picture (.npy or .tif) that is above 0 in the pixels to use; others get 0."
    ),
]
RebinOption = Annotated[
    str | None,
    typer.Option("--rebin", help="Neighbours to add up, as y,x,energy (1,1,2)."),
]
AlignOption = Annotated[
    bool,
    typer.Option(
        "--align",
        help="Bring detector elements or scans onto one energy scale first, photon by photon.",
    ),
]
UnitOption = Annotated[
    float | None,
    typer.Option(
        "--unit",
        help="What one photon is in the file, where all counts are multiples of it (0.5).",
    ),
]
LARGEST_GAIN = 1.0
"""keV a channel: above, energies are hardly those of X-rays."""


@dataclass(frozen=True)
class Input:
    """How files are read, and which part of each is used.

    The fields are the options of the command line, as they were typed; `seed` is that of `align`.

    Raises
    ------
    SettingsError
        If an option could not be meant for any file.
    """

    energy_axis: int | None = None
    repeat_axis: int | None = None
    repeat_kind: str | None = None
    energy_offset: float | None = None
    energy_gain: float | None = None
    dataset: str | None = None
    repeats: str | None = None
    y: str | None = None
    x: str | None = None
    energy: str | None = None
    mask: Path | None = None
    rebin: str | None = None
    align: bool = False
    seed: int = 0
    unit: float | None = None

    def __post_init__(self) -> None:
        if self.repeat_kind not in (None, "scan", "frame", "detector"):
            raise SettingsError(
                f"--repeat-kind: expected scan, frame or detector, found {self.repeat_kind!r}"
            )
        for text, option in ((self.repeats, "--repeats"), (self.y, "--y"), (self.x, "--x")):
            parse_slice(text, option)
        parse_window(self.energy, "--energy")
        parse_factors(self.rebin, "--rebin")
        if self.unit is not None and not (isfinite(self.unit) and self.unit > 0):
            raise SettingsError(f"--unit: expected a number above 0, found {self.unit:g}")
        if self.mask is not None:
            from .inputs import check_mask

            check_mask(self.mask)

    def stated(self) -> dict[str, Any]:
        """Return what is said about files beyond what they say themselves, as plain values."""
        stated = {
            entry.name: getattr(self, entry.name)
            for entry in fields(self)
            if entry.name != "seed" and getattr(self, entry.name) != entry.default
        }
        if self.align:
            stated["seed"] = self.seed
        if self.mask is not None:
            from napari_xrf_denoise.batch.record import source_record

            stated["mask"] = source_record(self.mask)  # the same name may hold another picture
        return stated

    def read(self, path: Path, tell: Callable[[str], object] = warn) -> SpectrumImage:
        """Read a whole file; its warnings are told."""
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
            tell(str(entry.message))
        if self.energy_gain is None or self.energy_gain <= LARGEST_GAIN:
            return image
        hint = (
            f"--energy-gain {self.energy_gain:g} is in keV, which makes the last channel "
            f"{image.energy.centers[-1]:,.6g} keV; if eV are meant, give --energy-gain "
            f"{self.energy_gain / 1000:g}"
        )
        tell(f"{path}: {hint}")
        return image.with_metadata(warnings=(*image.metadata.get("warnings", ()), hint))

    def read_part(
        self, path: Path, tell: Callable[[str], object] = warn
    ) -> tuple[SpectrumImage, SpectrumImage | None]:
        """Read the part of a file that is asked for.

        Returns
        -------
        image, rest
            The repeats to use; the others, which can score a result, if they are scans.
        """
        whole = self.read(path, tell)
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
            mask=self._mask((height, width)),
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

    def _mask(self, shape: tuple[int, int]) -> Any:
        if self.mask is None:
            return None
        from .inputs import read_mask

        return read_mask(self.mask, shape)


SUFFIXES = (".npy", ".tif", ".tiff")


def check_mask(path: Path) -> None:
    """Refuse a mask that is missing, or a picture of a kind that is not read.

    Raises
    ------
    SettingsError
    """
    if not path.is_file():
        raise SettingsError(f"--mask {path}: there is no such file")
    if path.suffix.lower() not in SUFFIXES:
        raise SettingsError(
            f"--mask {path}: expected .npy or .tif, found {kind_of_content(path)}; save the "
            "picture in one of these"
        )


def read_mask(path: Path, shape: tuple[int, int]) -> NDArray[np.bool_]:
    """Return the pixels of a map that a picture is above 0 in.

    Parameters
    ----------
    path : Path
    shape : tuple of int
        (y, x) of the map.

    Raises
    ------
    SettingsError
        If the picture cannot be read, or has another shape.
    """
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
