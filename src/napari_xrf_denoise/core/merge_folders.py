"""Folders that are complete or absent, such as zarr stores: written beside, then moved."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from uuid import uuid4


@contextmanager
def replacing_folder(
    path: Path, *, overwrite: bool, may_replace: Callable[[Path], bool]
) -> Iterator[Path]:
    """Give a temporary path beside `path` where a folder is made that then becomes `path`.

    On any failure, also when interrupted, the temporary folder goes and what was there stays. A
    folder cannot be put in the place of another in one step: the older one is moved aside first,
    and back again if the new one cannot take its place.

    Parameters
    ----------
    path : pathlib.Path
        Where the folder shall be; of a link its target, so that the link stays.
    overwrite : bool
        Whether what is there may be replaced.
    may_replace : callable
        ``may_replace(folder)`` is true of folders that are what this one will be. All others are
        left alone, whatever `overwrite` says: a slip must not cost somebody their documents.

    Yields
    ------
    temporary : pathlib.Path
        A path where nothing is yet.

    Raises
    ------
    FileExistsError
        If something is there and may not be replaced.
    OSError
        If the parent folder is missing or not writable, or the disk is full.
    """
    target = path.resolve()
    _check_target(path, target, overwrite, may_replace)
    temporary = target.with_name(f".{uuid4().hex}.part")
    try:
        yield temporary
        _flush(temporary)
        _check_target(path, target, overwrite, may_replace)
        _move(temporary, target)
    except OSError as error:
        if error.errno in (errno.EEXIST, errno.ENOTDIR, errno.ENOENT) and error.filename is None:
            raise
        reason = error.strerror or str(error)
        raise OSError(
            error.errno or errno.EIO,
            f"{path}: writing failed: {reason}; free some space or choose another folder. Nothing "
            "was written, and an older file of this name is unchanged",
        ) from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _check_target(
    path: Path, target: Path, overwrite: bool, may_replace: Callable[[Path], bool]
) -> None:
    if target.exists() and not overwrite:
        raise FileExistsError(
            errno.EEXIST,
            f"{path}: the file exists and is left as it is; give overwrite=True (--overwrite) to "
            "replace it, or choose another name",
        )
    if target.is_dir() and not may_replace(target):
        raise FileExistsError(
            errno.EEXIST,
            f"{path}: expected a file of spectra to replace, found a folder with other things, "
            "which is left as it is; choose another name",
        )
    if not target.parent.is_dir():
        raise FileNotFoundError(
            errno.ENOENT, f"{path}: the folder {target.parent} does not exist; create it first"
        )


def _move(temporary: Path, target: Path) -> None:
    if not target.exists():
        temporary.rename(target)
        return
    older = target.with_name(f".{uuid4().hex}.old")
    target.rename(older)
    try:
        temporary.rename(target)
    except BaseException:
        older.rename(target)
        raise
    if older.is_dir():
        shutil.rmtree(older, ignore_errors=True)
    else:
        older.unlink(missing_ok=True)


def _flush(folder: Path) -> None:
    """Have the disk hold the content before the name does."""
    for file in folder.rglob("*"):
        if file.is_file():
            with file.open("rb+") as handle:
                os.fsync(handle.fileno())
    with suppress(OSError):  # folders cannot be opened everywhere
        handle_of_folder = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle_of_folder)
        finally:
            os.close(handle_of_folder)
