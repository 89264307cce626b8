"""Files that are complete or absent: written beside their place, then moved into it."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
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
    _check_target(path, target, overwrite)
    temporary = target.with_name(f".{uuid4().hex}.part")
    try:
        yield temporary
        _flush(temporary)
        if not overwrite:
            # Somebody else may have written the file in the meantime.
            _check_target(path, target, overwrite)
        os.replace(temporary, target)  # noqa: PTH105  (Path.replace; the name says it better)
    except OSError as error:
        raise _explained(error, path) from error
    finally:
        temporary.unlink(missing_ok=True)


def _check_target(path: Path, target: Path, overwrite: bool) -> None:
    if target.is_dir():
        raise IsADirectoryError(
            errno.EISDIR, f"{path}: expected a name for a file, found a folder; add a file name"
        )
    if target.exists() and not overwrite:
        raise FileExistsError(
            errno.EEXIST,
            f"{path}: the file exists and is left as it is; give overwrite=True (--overwrite) to "
            "replace it, or choose another name",
        )
    if not target.parent.is_dir():
        raise FileNotFoundError(
            errno.ENOENT, f"{path}: the folder {target.parent} does not exist; create it first"
        )


def _flush(path: Path) -> None:
    """Have the disk hold the content before the name does."""
    with path.open("rb+") as file:
        os.fsync(file.fileno())


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
