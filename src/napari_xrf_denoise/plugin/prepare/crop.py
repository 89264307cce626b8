"""The form "Crop": a part of a layer's repeats, rows, columns and energies."""

from functools import partial
from typing import Any

from magicgui import magic_factory
from qtpy.QtWidgets import QAbstractSpinBox

from napari_xrf_denoise.core.errors import DataError
from napari_xrf_denoise.core.repeats import stack_repeats
from napari_xrf_denoise.core.spectrum_image import SpectrumImage
from napari_xrf_denoise.plugin.common.magic_forms import type_digits_only

from .form import LAYER, Step, preparing

ALL = "all"


def _plan(image: SpectrumImage, form: Any) -> str:
    _show_limits(image, form)
    repeats = len(_numbers(form.repeats.value, image.n_repeats))
    part = _cropped(image, ALL, form.rows.value, form.columns.value, form.energies.value)
    _, height, width, channels = part.shape
    first, last = part.energy.centers[[0, -1]]
    size = f"{height} × {width} pixels"
    if image.pixel_unit != "pixel":
        y, x = image.pixel_size
        size = f"{size} ({height * y:.4g} × {width * x:.4g} {image.pixel_unit})"
    return (
        f"Keeps {size}, {channels} channels ({first:.4g} to {last:.4g} {part.energy.unit}) and "
        f"{repeats} of {image.n_repeats} repeats."
    )


def _show_limits(image: SpectrumImage, form: Any) -> None:
    """Offer all of a layer unless one of the same size and energies was shown before."""
    decimals = 3 if image.energy.calibrated else 0
    low, high = image.energy.centers[[0, -1]].round(decimals).tolist()
    extent = (image.shape[1:], image.energy.unit, low, high)
    if form.extent == extent:
        return
    form.extent = extent
    _, height, width, _ = image.shape
    with form.changed.blocked():
        for end in form.energies:
            end.native.setDecimals(decimals)
        for field, ends in (
            (form.rows, (0, height - 1)),
            (form.columns, (0, width - 1)),
            (form.energies, (low, high)),
        ):
            for end in field:
                end.range = ends
            field.value = ends
    form.energies.label = f"Energies ({image.energy.unit})"


def _cropped(
    image: SpectrumImage,
    repeats: str,
    rows: tuple[int, int],
    columns: tuple[int, int],
    energies: tuple[float, float],
) -> SpectrumImage:
    for name, (first, last) in (("Rows", rows), ("Columns", columns), ("Energies", energies)):
        if first > last:
            raise DataError(f"{name}: the first, {first:g}, is above the last, {last:g}.")
    axis = image.energy
    channels = slice(axis.channel(energies[0]), axis.channel(energies[1]) + 1)
    part = image.select(
        y=slice(rows[0], rows[1] + 1),
        x=slice(columns[0], columns[1] + 1),
        energy=axis.edges(channels),
    )
    chosen = _numbers(repeats, image.n_repeats)
    if len(chosen) == image.n_repeats:
        return part
    first, stop = chosen[0], chosen[-1] + 1
    if len(chosen) == stop - first:
        return part.select(repeats=slice(first, stop))
    return stack_repeats([part.select(repeats=number) for number in chosen])


def _numbers(text: str, size: int) -> list[int]:
    """Return the numbers that a text such as 0-3, 5 stands for."""
    if text.strip() in ("", ALL):
        return list(range(size))
    numbers: set[int] = set()
    for part in text.split(","):
        first, dash, last = (end.strip() for end in part.partition("-"))
        last = last if dash else first
        if not (first.isdecimal() and last.isdecimal() and int(first) <= int(last) < size):
            raise DataError(
                f"Repeats: expected numbers from 0 to {size - 1}, such as 0-3, 5, found {text}."
            )
        numbers.update(range(int(first), int(last) + 1))
    return sorted(numbers)


def _set_up(form: Any) -> None:
    form.extent = None
    for end in (*form.rows, *form.columns):
        type_digits_only(end)
    for end in form.energies:
        end.native.setKeyboardTracking(False)
        end.native.setButtonSymbols(QAbstractSpinBox.ButtonSymbols.NoButtons)  # room for digits
    preparing(plan=_plan, suffix="cropped", tip="Add the part as a new layer")(form)


@magic_factory(
    widget_init=_set_up,
    call_button="Crop",
    layer=LAYER,
    repeats={
        "label": "Repeats",
        "tooltip": "Enter the numbers of the repeats to keep, such as 0-3, 5; the first is 0",
    },
    rows={"label": "Rows (pixels)", "tooltip": "Set the first and the last row to keep"},
    columns={"label": "Columns (pixels)", "tooltip": "Set the first and the last column to keep"},
    energies={
        "label": "Energies (keV)",
        "tooltip": "Set the lowest and the highest energy to keep",
    },
)
def crop_form(
    layer: Any,
    repeats: str = ALL,
    rows: tuple[int, int] = (0, 0),
    columns: tuple[int, int] = (0, 0),
    energies: tuple[float, float] = (0.0, 0.0),
) -> Step:
    """Keep a part of a layer; ranges include both ends."""
    make = partial(_cropped, repeats=repeats, rows=rows, columns=columns, energies=energies)
    return Step(make, (rows[0], columns[0]))
