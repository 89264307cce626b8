"""Errors that a user may meet: each says where, what was expected and found, and what to do."""

from __future__ import annotations


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
