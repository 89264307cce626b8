"""Whether a file is still the one that was opened: what is read later must not be other data."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from napari_xrf_denoise.core.errors import FormatError

_STORE_FILES = ("zarr.json", ".zarray", ".zgroup", ".zattrs")


@dataclass(frozen=True)
class Stamp:
    """Size, time of change and place on the disk of a file, or of what describes a store."""

    path: Path
    seen: tuple[tuple[int, int, int] | None, ...]

    @classmethod
    def of(cls, path: Path) -> Stamp:
        """Look at a file or a Zarr folder."""
        return cls(path, _look(path))

    def check(self, where: str) -> None:
        """Refuse to go on with a file that was changed since.

        Raises
        ------
        FormatError
        """
        if _look(self.path) != self.seen:
            raise FormatError(
                f"{where}: the file was changed or removed after it was opened; read it again"
            )


def _look(path: Path) -> tuple[tuple[int, int, int] | None, ...]:
    files = [path / name for name in _STORE_FILES] if path.is_dir() else [path]
    return tuple(_status(file) for file in files)


def _status(file: Path) -> tuple[int, int, int] | None:
    try:
        status = file.stat()
    except OSError:
        return None
    return status.st_size, status.st_mtime_ns, status.st_ino
