"""Names of results, and saving them: hours of work may be in a result, so none is lost."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from napari_xrf_denoise.core.errors import in_words

if TYPE_CHECKING:
    from napari_xrf_denoise.core.spectrum_image import SpectrumImage

DOUBLE_SUFFIXES = (".ome.tif", ".ome.tiff", ".ome.zarr")
DENOISED = "_denoised"
"""End of a result's name, before its suffix."""


def result_stem(source: Path) -> str:
    """Return the name of a file without its suffix, which may have two parts.

    >>> result_stem(Path("scans/vase.ome.tif")), result_stem(Path("map 0.5.h5"))
    ('vase', 'map 0.5')
    """
    for suffix in DOUBLE_SUFFIXES:
        if source.name.lower().endswith(suffix) and len(source.name) > len(suffix):
            return source.name[: -len(suffix)]
    return source.stem


def result_name(source: Path, suffix: str) -> str:
    """Return the name of a file's result.

    >>> result_name(Path("scans/vase.ome.tif"), ".h5")
    'vase_denoised.h5'
    """
    return f"{result_stem(source)}{DENOISED}{suffix}"


def is_result_name(path: Path) -> bool:
    """Whether a file has the name of a result.

    >>> is_result_name(Path("vase_denoised.ome.tif")), is_result_name(Path("vase.h5"))
    (True, False)
    """
    return result_stem(path).endswith(DENOISED)


def without_name(message: str, path: Path) -> str:
    """Return a message without the name of its file, or its image, at the beginning.

    >>> without_name("vase: all counts are zero", Path("scans/vase.h5"))
    'all counts are zero'
    """
    for name in (str(path), path.name, path.stem, result_stem(path)):
        message = message.removeprefix(f"{name}: ")
    return message


def save_or_rescue(image: SpectrumImage, target: Path, overwrite: bool) -> None:
    """Write a result; if that fails, to a temporary folder, which the raised OSError names."""
    from napari_xrf_denoise import io

    try:
        io.write(target, image, overwrite=overwrite)
    except Exception as error:
        # Unexpected errors too: the result must not be lost.
        cause = in_words(error, target).rstrip(".")
        raise OSError(f"{cause}; {_rescue(image, target)}") from error


def _rescue(image: SpectrumImage, target: Path) -> str:
    from napari_xrf_denoise import io

    folder = Path(tempfile.mkdtemp(prefix="xrf-denoise-"))
    rescued = folder / f"{result_stem(target)}.h5"
    try:
        io.write(rescued, image)
    except Exception as error:
        shutil.rmtree(folder, ignore_errors=True)
        return f"nor could it be saved elsewhere: {in_words(error, rescued)}"
    return f"the result was saved as {rescued} instead"
