"""What the command line reads: options of input files, and the part of them that is asked for."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .cli_errors import warn
from .errors import SettingsError

if TYPE_CHECKING:
    from .spectrum_image import RepeatKind, SpectrumImage

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
    typer.Option("--repeats", help="Which repeats to use, as first:last+1 (0:4). Others score."),
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


@dataclass(frozen=True)
class Input:
    """How files are read, and which part of each is used.

    The fields are the options of the command line, as they were typed; `seed` is that of `align`.
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

    def said(self) -> dict[str, Any]:
        """Return what is said about files beyond what they say themselves, as plain values."""
        said = {
            entry.name: getattr(self, entry.name)
            for entry in fields(self)
            if entry.name != "seed" and getattr(self, entry.name) != entry.default
        }
        if self.align:
            said["seed"] = self.seed
        if self.mask is not None:
            from .batch_record import source_record

            said["mask"] = source_record(self.mask)  # the same name may hold another picture
        return said

    def read(self, path: Path, tell: Callable[[str], object] = warn) -> SpectrumImage:
        """Read a whole file; its warnings are told."""
        from .io import read

        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            image = read(
                path,
                energy_axis=self.energy_axis,
                repeat_axis=self.repeat_axis,
                energy_offset=self.energy_offset,
                energy_gain=self.energy_gain,
                dataset=self.dataset,
                repeat_kind=self._repeat_kind(),
            )
        for entry in caught:
            tell(str(entry.message))
        return image

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
        if self.align:
            from .alignment import align_repeats

            # With all channels: photons that cross the border of a window belong to it.
            whole = align_repeats(whole, seed=self.seed)
        whole = whole.select(
            y=parse_slice(self.y, "--y"),
            x=parse_slice(self.x, "--x"),
            energy=self._window(),
            mask=None if self.mask is None else _read_mask(self.mask),
        )
        if self.rebin is not None:
            y, x, energy = self._factors()
            whole = whole.rebin(y=y, x=x, energy=energy)
        chosen = parse_slice(self.repeats, "--repeats")
        if chosen is None:
            return whole, None
        image = whole.select(repeats=chosen)
        used = range(*chosen.indices(whole.n_repeats))
        rest = [index for index in range(whole.n_repeats) if index not in used]
        if not rest or whole.repeat_kind != "scan":
            return image, None
        return image, whole.replace(counts=whole.counts[rest])

    def _repeat_kind(self) -> RepeatKind | None:
        if self.repeat_kind not in (None, "scan", "frame", "detector"):
            raise SettingsError(
                f"--repeat-kind: expected scan, frame or detector, found {self.repeat_kind!r}"
            )
        return self.repeat_kind  # type: ignore[return-value]

    def _window(self) -> tuple[float, float] | None:
        if self.energy is None:
            return None
        try:
            low, high = (float(part) for part in self.energy.split(":"))
        except ValueError as error:
            raise SettingsError(
                f"--energy: expected low:high in keV, found {self.energy!r}"
            ) from error
        return low, high

    def _factors(self) -> list[int]:
        parts = (self.rebin or "").split(",")
        if len(parts) != 3 or not all(part.strip().isdigit() for part in parts):
            raise SettingsError(
                f"--rebin: expected three whole numbers as y,x,energy, found {self.rebin!r}"
            )
        return [int(part) for part in parts]


def parse_slice(text: str | None, option: str) -> slice | None:
    """Return the slice that ``first:last+1``, or one number, stands for.

    Raises
    ------
    SettingsError
        If the text is neither.
    """
    if text is None:
        return None
    try:
        parts = [int(part) if part.strip() else None for part in text.split(":")]
    except ValueError:
        parts = []
    if len(parts) == 2:
        return slice(*parts)
    if len(parts) == 1 and parts[0] is not None:
        return slice(parts[0], parts[0] + 1 or None)
    raise SettingsError(f"{option}: expected first:last+1 such as 0:4, found {text!r}")


def _read_mask(path: Path) -> Any:
    import numpy as np

    if not path.is_file():
        raise SettingsError(f"--mask: {path} does not exist")
    if path.suffix == ".npy":
        picture = np.load(path, allow_pickle=False)
    else:
        import tifffile

        picture = tifffile.imread(path)
    return np.asarray(picture) > 0
