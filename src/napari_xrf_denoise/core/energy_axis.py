"""The energy axis: the energy of each channel's centre, in keV."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .errors import DataError

NO_CALIBRATION = (
    "no energy calibration was found, so energies are channel numbers; give energy_offset and "
    "energy_gain in keV (--energy-offset, --energy-gain)"
)

ROUNDING = 1e-6
"""Channels by which the end of a window may differ from a channel centre by rounding."""


@dataclass(frozen=True, eq=False)
class EnergyAxis:
    """Energies of the channels of a spectrum.

    A linear axis is ``offset + gain * channel``. `from_centers` makes axes that are not linear:
    they keep their exact centres, and ``offset`` and ``gain`` are the best line.

    Parameters
    ----------
    offset : float
        Energy of channel 0 in keV; in channels when the axis is not calibrated.
    gain : float
        Width of a channel in keV, positive.
    size : int
        Number of channels.
    calibrated : bool
        False when the file holds no calibration and energies are channel numbers.

    Raises
    ------
    DataError
        If a value is not finite, the gain is not positive or there are no channels.

    Examples
    --------
    >>> axis = EnergyAxis(offset=0.0, gain=0.01, size=2048)
    >>> axis.channel(6.4)
    640
    >>> axis.unit
    'keV'
    """

    offset: float = 0.0
    gain: float = 1.0
    size: int = 1
    calibrated: bool = True
    _centers: NDArray[np.float64] | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        if not (np.isfinite(self.offset) and np.isfinite(self.gain) and self.gain > 0):
            raise DataError(
                f"energy axis: expected a finite offset and a gain above 0 keV a channel, "
                f"found offset {self.offset} and gain {self.gain}; "
                "give energy_offset and energy_gain in keV"
            )
        if int(self.size) != self.size or self.size < 1:
            raise DataError(f"energy axis: expected at least one channel, found {self.size}")
        object.__setattr__(self, "offset", float(self.offset))
        object.__setattr__(self, "gain", float(self.gain))
        object.__setattr__(self, "size", int(self.size))

    @classmethod
    def uncalibrated(cls, size: int) -> EnergyAxis:
        """Return an axis of channel numbers, for data without a calibration."""
        return cls(0.0, 1.0, size, calibrated=False)

    @classmethod
    def from_centers(
        cls, centers: ArrayLike, *, calibrated: bool = True, tolerance: float = 0.25
    ) -> EnergyAxis:
        """Return the axis with these channel centres, linear where they lie on a line.

        Parameters
        ----------
        centers : array_like, shape (channels,)
            Energies in keV, rising.
        calibrated : bool
            False when these are channel numbers.
        tolerance : float
            Largest distance from the line, in channels, at which the axis counts as linear.
            Energies in files are often rounded to a few eV.

        Raises
        ------
        DataError
            If the centres are not finite or do not rise from channel to channel.
        """
        values = np.array(centers, dtype=np.float64, copy=True).ravel()
        if values.size == 0 or not np.all(np.isfinite(values)):
            raise DataError("energy axis: expected finite energies in keV, found NaN or nothing")
        if values.size == 1:
            return cls(float(values[0]), 1.0, 1, calibrated=calibrated)
        if not np.all(np.diff(values) > 0):
            bad = int(np.argmin(np.diff(values)))
            raise DataError(
                f"energy axis: expected energies that rise from channel to channel, found "
                f"{values[bad]:g} keV at channel {bad} and {values[bad + 1]:g} keV after it"
            )
        channels = np.arange(values.size, dtype=np.float64)
        gain, offset = np.polyfit(channels, values, 1)
        off_line = float(np.max(np.abs(offset + gain * channels - values)))
        if off_line <= tolerance * gain:
            return cls(float(offset), float(gain), values.size, calibrated=calibrated)
        values.flags.writeable = False
        return cls(float(offset), float(gain), values.size, calibrated, values)

    @property
    def is_linear(self) -> bool:
        """Whether the centres are ``offset + gain * channel``."""
        return self._centers is None

    @property
    def centers(self) -> NDArray[np.float64]:
        """Energy of each channel's centre in keV, shape (size,)."""
        if self._centers is not None:
            return self._centers
        return self.offset + self.gain * np.arange(self.size, dtype=np.float64)

    @property
    def borders(self) -> NDArray[np.float64]:
        """Energies of the borders of channels, half-way between centres, shape (size + 1,)."""
        centers = self.centers
        if self.size == 1:
            return np.asarray(centers[0] + self.gain * np.array([-0.5, 0.5]))
        inner = (centers[1:] + centers[:-1]) / 2
        return np.concatenate([[2 * centers[0] - inner[0]], inner, [2 * centers[-1] - inner[-1]]])

    @property
    def unit(self) -> str:
        """``"keV"``, or ``"channel"`` when the axis is not calibrated."""
        return "keV" if self.calibrated else "channel"

    def channel(self, energy: float) -> int:
        """Return the channel whose centre is nearest to an energy in keV."""
        return int(np.argmin(np.abs(self.centers - energy)))

    def channels(self, low: float, high: float) -> slice:
        """Return the channels of a window: those with centres in ``low <= energy < high``.

        Adjacent windows thus share no channel and miss none. An end that equals a centre within
        rounding is taken as that centre.

        Parameters
        ----------
        low, high : float
            In keV; in channels when the axis is not calibrated.

        Raises
        ------
        DataError
            If `low` is not below `high`, or no channel lies in the window.

        Examples
        --------
        >>> axis = EnergyAxis(0.0, 0.01, 2048)
        >>> axis.channels(6.0, 6.5), axis.channels(6.5, 7.0)
        (slice(600, 650, None), slice(650, 700, None))
        """
        if not low < high:  # also for NaN
            raise DataError(
                f"energy axis: expected a window that begins below its end, found {low:g} to "
                f"{high:g} {self.unit}"
            )
        centers, slack = self.centers, ROUNDING * self.gain
        start, stop = np.searchsorted(centers, [low - slack, high - slack], side="left")
        if stop <= start:
            raise DataError(
                f"energy axis: no channel between {low:g} and {high:g} {self.unit}; the axis runs "
                f"from {centers[0]:g} to {centers[-1]:g} {self.unit} in steps of about "
                f"{self.gain:g}"
            )
        return slice(int(start), int(stop))

    def edges(self, channels: slice) -> tuple[float, float]:
        """Return the borders of a range of channels, half a channel beyond its outer centres.

        Parameters
        ----------
        channels : slice
            As returned by `channels`.

        Returns
        -------
        low, high : float
            In keV; in channels when the axis is not calibrated.

        Examples
        --------
        >>> EnergyAxis(0.0, 0.5, 16).edges(slice(2, 4))
        (0.75, 1.75)
        """
        start, stop, _ = channels.indices(self.size)
        return float(self.borders[start]), float(self.borders[stop])

    def __getitem__(self, window: slice) -> EnergyAxis:
        """Return the axis of a contiguous range of channels."""
        start, stop, step = window.indices(self.size)
        if step != 1 or stop <= start:
            raise DataError(f"energy axis: expected a contiguous range of channels, found {window}")
        if self._centers is not None:
            return EnergyAxis.from_centers(
                self._centers[start:stop], calibrated=self.calibrated, tolerance=1e-9
            )
        return EnergyAxis(
            self.offset + self.gain * start, self.gain, stop - start, calibrated=self.calibrated
        )

    def rebin(self, factor: int) -> EnergyAxis:
        """Return the axis with each ``factor`` neighbouring channels merged into one."""
        size = self.size // factor
        if self._centers is not None:
            means = self._centers[: size * factor].reshape(size, factor).mean(axis=1)
            return EnergyAxis.from_centers(means, calibrated=self.calibrated, tolerance=1e-9)
        offset = self.offset + self.gain * (factor - 1) / 2
        return EnergyAxis(offset, self.gain * factor, size, calibrated=self.calibrated)

    def is_close(self, other: EnergyAxis, tolerance: float = 0.1) -> bool:
        """Whether two axes agree to within ``tolerance`` channels everywhere."""
        if self.size != other.size or self.calibrated != other.calibrated:
            return False
        return bool(np.max(np.abs(self.centers - other.centers)) <= tolerance * self.gain)

    def as_dict(self) -> dict[str, Any]:
        """Return plain values from which `from_dict` restores the axis."""
        content: dict[str, Any] = {
            "offset": self.offset,
            "gain": self.gain,
            "size": self.size,
            "calibrated": self.calibrated,
        }
        if self._centers is not None:
            content["centers"] = self._centers.tolist()
        return content

    @classmethod
    def from_dict(cls, content: dict[str, Any]) -> EnergyAxis:
        """Return the axis of `as_dict`."""
        calibrated = bool(content["calibrated"])
        if "centers" in content:
            return cls.from_centers(content["centers"], calibrated=calibrated, tolerance=1e-9)
        return cls(content["offset"], content["gain"], content["size"], calibrated=calibrated)
