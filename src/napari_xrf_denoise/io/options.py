"""What a user can state about a file that the file does not state, or states wrongly."""

from __future__ import annotations

import math
import operator
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, get_args

from napari_xrf_denoise.core.errors import SettingsError
from napari_xrf_denoise.core.spectrum_image import RepeatKind


@dataclass(frozen=True, kw_only=True)
class ReadOptions:
    """Options of `read`, checked before any file is touched: a SettingsError names a wrong one."""

    energy_axis: int | None = None
    """Axis of the stored array that is energy; negative numbers count from the end."""
    repeat_axis: int | None = None
    """Axis that holds repeats of the same measurement."""
    energy_offset: float | None = None
    """Energy of channel 0 in keV."""
    energy_gain: float | None = None
    """Width of a channel in keV."""
    dataset: str | Sequence[str] | None = None
    """Where the counts are in a file that holds several arrays; several datasets of one shape
    become the repeats."""
    repeat_kind: RepeatKind | None = None

    def __post_init__(self) -> None:
        for keyword in ("energy_axis", "repeat_axis"):
            object.__setattr__(self, keyword, _axis(keyword, getattr(self, keyword)))
        for keyword in ("energy_offset", "energy_gain"):
            object.__setattr__(self, keyword, _kev(keyword, getattr(self, keyword)))
        if self.energy_gain is not None and self.energy_gain <= 0:
            raise SettingsError(
                f"energy_gain must be above 0 keV per channel, found {self.energy_gain}"
            )
        kinds = get_args(RepeatKind)
        if self.repeat_kind is not None and self.repeat_kind not in kinds:
            raise SettingsError(
                f"repeat_kind must be one of {', '.join(kinds)}; found {self.repeat_kind!r}"
            )
        _check_dataset(self.dataset)

    @property
    def datasets(self) -> tuple[str, ...]:
        """The named datasets, none when nothing was named."""
        if self.dataset is None:
            return ()
        return (self.dataset,) if isinstance(self.dataset, str) else tuple(self.dataset)

    def given(self) -> dict[str, Any]:
        """Return the options that were set, as plain values."""
        return {
            keyword: list(value) if isinstance(value, tuple) else value
            for keyword, value in asdict(self).items()
            if value is not None
        }


def _check_dataset(value: Any) -> None:
    if value is None:
        return
    names = [value] if isinstance(value, str) else value
    if (
        not isinstance(names, Sequence)
        or not names
        or not all(isinstance(name, str) and name for name in names)
    ):
        raise SettingsError(f"dataset must be a path or several, found {value!r}")


def _axis(keyword: str, value: Any) -> int | None:
    if value is None:
        return None
    try:
        return operator.index(value)
    except TypeError:
        raise SettingsError(
            f"{keyword} must be a whole number, the position of an axis; found {value!r}"
        ) from None


def _kev(keyword: str, value: Any) -> float | None:
    if value is None:
        return None
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = math.nan
    if not math.isfinite(number):
        raise SettingsError(f"{keyword} must be a finite number of keV, found {value!r}")
    return number
