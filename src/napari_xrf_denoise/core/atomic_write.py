"""Files and folders that are complete or absent: written to a temporary path, then renamed."""

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
    """Give a temporary path in the same folder that becomes `path` on success.

    On any failure, also an interrupt, the temporary file is removed and an older file is
    unchanged: renaming within a folder is atomic, writing into the old file is not. A link stays,
    and its target is replaced. Errors are those of `check_target`, or an OSError that names the
    file and the remedy.
    """
    target = path.resolve()
    check_target(path, overwrite)
    temporary = target.with_name(f".{uuid4().hex}.part")
    try:
        yield temporary
        _flush(temporary)
        if not overwrite:
            # Another program may have written the file in the meantime.
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
    """Give a temporary path beside `path` for a folder that becomes `path` on success.

    On any failure, also an interrupt, the temporary folder is removed and the older one stays. A
    folder cannot replace another one in one step: the older one is moved aside first, and back
    if the new one cannot take its place. Only folders for which ``may_replace(folder)`` is true
    are ever replaced, whatever `overwrite` says: a slip must not cost somebody their documents.
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
    """Refuse a path where nothing may be written, with an OSError that says what to do.

    With `may_replace`, the path is that of a folder, and may replace folders for which it is true.
    """
    target = path.resolve()
    if may_replace is None and target.is_dir():
        raise IsADirectoryError(
            errno.EISDIR, f"{path}: expected a file name, found a folder; add a file name"
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
    """Refuse a folder that cannot be written or created; nothing is left behind."""
    asked = folder.resolve()
    place = next((parent for parent in (asked, *asked.parents) if parent.exists()), asked)
    named = f"{folder}" if place == asked else f"{folder}: {place}"
    if not place.is_dir():
        raise NotADirectoryError(f"{named} is no folder; choose another folder")
    # Permissions are not enough: some folders take no files of users, or no more files.
    probe = place / f".{uuid4().hex}.part"
    try:
        probe.touch()
    except OSError as error:
        raise PermissionError(f"{named} cannot be written; choose another folder") from error
    probe.unlink()


def _flush(path: Path) -> None:
    """Flush the content to disk before the file gets its name."""
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
    """Flush the content to disk before the file gets its name."""
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
