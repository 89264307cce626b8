"""Errors that a user may meet: each says where, what was expected and found, and what to do."""

from __future__ import annotations

from pathlib import Path


class DataError(ValueError):
    """Counts, axes or calibration that cannot be used as they are."""


class FormatError(DataError):
    """A file that is missing its content, is damaged, or has a layout that is not known."""


class SettingsError(ValueError):
    """A setting that does not exist, or that cannot work with the data at hand."""


class Cancelled(Exception):  # noqa: N818  (the name users know)
    """A run that was stopped by its ``should_stop``; nothing of it is left behind."""


class MissingDependencyError(ImportError):
    """An optional package that is needed for what was asked, and how to install it."""


class CalibrationWarning(UserWarning):
    """A file without an energy calibration: energies are channel numbers until one is given."""


def in_words(error: BaseException, source: Path | None = None, *, hint: str = "") -> str:
    """Return an error as a sentence for users.

    Parameters
    ----------
    error : BaseException
    source : pathlib.Path, optional
        The file that was worked on.
    hint : str
        What to do when memory is short, in place of the general advice.

    Examples
    --------
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
        # An error with a number begins with it, which tells a user nothing.
        reason = str(error.strerror or error)
        names = [Path(error.filename).name] if isinstance(error.filename, str) else []
        names += [] if source is None else [source.name]
        is_named = not names or any(name in reason for name in names if name)
        return reason if is_named or error.filename is None else f"{reason}: {error.filename}"
    return f"{named}{type(error).__name__}: {error}. Please report this as a bug."
