"""Errors for users: each names the place, the expected and actual value, and the remedy."""

from __future__ import annotations

from pathlib import Path


class DataError(ValueError):
    """Counts, axes or calibration that cannot be used as they are."""


class FormatError(DataError):
    """A file that lacks its content, is damaged, or has an unknown layout."""


class SettingsError(ValueError):
    """A setting that does not exist, or does not suit the data."""


class Cancelled(Exception):  # noqa: N818  (the name users know)
    """A run that was stopped by its ``should_stop``; it leaves nothing behind."""


class MissingDependencyError(ImportError):
    """An optional package is missing; the message says how to install it."""


class CalibrationWarning(UserWarning):
    """A file without an energy calibration: energies are channel numbers until one is given."""


def in_words(error: BaseException, source: Path | None = None, *, hint: str = "") -> str:
    """Return an error, of work on a file, as one sentence; `hint` is the advice if memory is short.

    >>> in_words(FileNotFoundError(2, "No such file or directory", "gold.h5"))
    'No such file or directory: gold.h5'
    """
    if isinstance(error, DataError | SettingsError | ImportError | Cancelled):
        return str(error)
    named = "" if source is None else f"{source.name}: "
    if isinstance(error, MemoryError):
        advice = hint or "Crop or rebin the map, or use a larger machine."
        words = f"{named}not enough memory ({error}). {advice}"
        return words[0].upper() + words[1:] if source is None else words
    if isinstance(error, OSError):
        # The text of such an error begins with a number that means nothing to a user.
        reason = str(error.strerror or error)
        names = [Path(error.filename).name] if isinstance(error.filename, str) else []
        names += [] if source is None else [source.name]
        is_named = not names or any(name in reason for name in names if name)
        return reason if is_named or error.filename is None else f"{reason}: {error.filename}"
    return f"{named}{type(error).__name__}: {error}. Please report this as a bug."
