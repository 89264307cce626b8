"""Files and folders that are complete or absent: written beside their place, then moved into it."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from uuid import uuid4

_FULL = {errno.ENOSPC, errno.EDQUOT} if hasattr(errno, "EDQUOT") else {errno.ENOSPC}
_FORBIDDEN = {errno.EACCES, errno.EPERM, errno.EROFS}


@contextmanager
def replacing(path: Path, *, overwrite: bool) -> Iterator[Path]:
    """Give a temporary path in the same folder that becomes `path` when all went well.

    On any failure, also when interrupted, the temporary file goes and an older file stays as it
    was: moving within a folder is atomic, while writing into the old file is not.

    Parameters
    ----------
    path : pathlib.Path
        Where the file shall be; of a link its target, so that the link stays.
    overwrite : bool
        Whether a file that is there may be replaced.

    Yields
    ------
    temporary : pathlib.Path
        A path where nothing is yet.

    Raises
    ------
    FileExistsError
        If there is a file and it may not be replaced.
    OSError
        If the folder is missing or may not be written, or the disk is full; the message names
        the file and what to do.
    """
    target = path.resolve()
    check_target(path, overwrite)
    temporary = target.with_name(f".{uuid4().hex}.part")
    try:
        yield temporary
        _flush(temporary)
        if not overwrite:
            # Somebody else may have written the file in the meantime.
            check_target(path, overwrite)
        os.replace(temporary, target)  # noqa: PTH105  (Path.replace; the name says it better)
    except OSError as error:
        raise _explained(error, path) from error
    finally:
        temporary.unlink(missing_ok=True)


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
    check_target(path, overwrite, may_replace)
    temporary = target.with_name(f".{uuid4().hex}.part")
    try:
        yield temporary
        _flush_folder(temporary)
        check_target(path, overwrite, may_replace)
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


def check_target(
    path: Path, overwrite: bool, may_replace: Callable[[Path], bool] | None = None
) -> None:
    """Refuse a path where nothing may be written, with words that say what to do.

    Parameters
    ----------
    path : pathlib.Path
    overwrite : bool
        Whether what is there may be replaced.
    may_replace : callable, optional
        Which folders may be replaced by a folder; without it the path is one of a file.

    Raises
    ------
    IsADirectoryError, FileExistsError, FileNotFoundError
    """
    target = path.resolve()
    if may_replace is None and target.is_dir():
        raise IsADirectoryError(
            errno.EISDIR, f"{path}: expected a name for a file, found a folder; add a file name"
        )
    if target.exists() and not overwrite:
        raise FileExistsError(
            errno.EEXIST,
            f"{path}: exists already; use overwrite=True (--overwrite) to replace it, or choose "
            "another name",
        )
    if may_replace is not None and target.is_dir() and not may_replace(target):
        raise FileExistsError(
            errno.EEXIST,
            f"{path}: expected a file of spectra to replace, found a folder with other things, "
            "which is left as it is; choose another name",
        )
    if not target.parent.is_dir():
        raise FileNotFoundError(
            errno.ENOENT, f"{path}: the folder {target.parent} does not exist; create it first"
        )


def check_folder(folder: Path) -> None:
    """Refuse a folder that cannot be written, or cannot be made; nothing is left behind.

    Raises
    ------
    NotADirectoryError, PermissionError
    """
    asked = folder.resolve()
    place = next((parent for parent in (asked, *asked.parents) if parent.exists()), asked)
    named = f"{folder}" if place == asked else f"{folder}: {place}"
    if not place.is_dir():
        raise NotADirectoryError(f"{named} is no folder; choose another folder")
    # Permissions do not tell of every folder: some hold no files of users, or no more files.
    probe = place / f".{uuid4().hex}.part"
    try:
        probe.touch()
    except OSError as error:
        raise PermissionError(f"{named} cannot be written; choose another folder") from error
    probe.unlink()


def _flush(path: Path) -> None:
    """Have the disk hold the content before the name does."""
    with path.open("rb+") as file:
        os.fsync(file.fileno())


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


def _flush_folder(folder: Path) -> None:
    """Have the disk hold the content before the name does."""
    for file in folder.rglob("*"):
        if file.is_file():
            _flush(file)
    with suppress(OSError):  # folders cannot be opened everywhere
        handle_of_folder = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle_of_folder)
        finally:
            os.close(handle_of_folder)


def _explained(error: OSError, path: Path) -> OSError:
    number = error.errno
    if number in (errno.EEXIST, errno.EISDIR):
        return error
    if number in _FULL:
        problem = "the disk is full or the quota is used up; free some space or choose another disk"
    elif number in _FORBIDDEN:
        problem = f"no permission to write in {path.resolve().parent}; choose another folder"
    elif number == errno.EFBIG:
        problem = "the file would be larger than this disk allows; choose another disk"
    else:
        problem = f"writing failed: {error.strerror or error}"
    message = f"{path}: {problem}. Nothing was written, and an older file of this name is unchanged"
    return OSError(number, message) if number is not None else OSError(message)
