"""RosettaSciIO in a process of its own, for formats whose compiled parser a damaged file can crash.

The process leaves the arrays in a folder, which goes away with this module's call.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from napari_xrf_denoise.core.errors import FormatError
from napari_xrf_denoise.io.base.metadata import decode, encode, plain_or_text

LEAST_SECONDS, SECONDS_PER_MB = 120.0, 2.0
"""How long reading may take: a hundred times as long as it does on a common machine."""
_ANSWER = "signals.json"


class ParserError(Exception):
    """What RosettaSciIO said of a file."""


def load_apart(plugin: str, path: Path, arguments: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the signals of a file: their data, axes and metadata.

    `plugin` is a module of RosettaSciIO, `arguments` are plain values for its ``file_reader``. What
    the reader raises becomes a ParserError, a crash or no end a FormatError.
    """
    limit = LEAST_SECONDS + SECONDS_PER_MB * path.stat().st_size / 1e6
    with tempfile.TemporaryDirectory(prefix="xrf-vendor-") as name:
        folder = Path(name)
        # "-P": no module is taken from the current folder, which is often that of the data.
        command = [sys.executable, "-P", "-m", __name__, plugin, str(path.resolve()), name]
        try:
            process = subprocess.run(
                [*command, json.dumps(dict(arguments))],
                check=False,
                capture_output=True,
                timeout=limit,
            )
        except subprocess.TimeoutExpired:
            raise FormatError(
                f"{path}: reading it did not end within {limit:.0f} s; it is damaged, copy it again"
            ) from None
        answer = folder / _ANSWER
        if process.returncode != 0 or not answer.exists():
            raise FormatError(
                f"{path}: expected a complete {path.suffix} file, but its parser crashed (exit "
                f"status {process.returncode}); the file is damaged, copy it again"
            )
        found = decode(answer.read_bytes(), str(path))
        if "error" in found:
            raise ParserError(found["error"])
        return [
            {**signal, "data": np.load(folder / f"{number}.npy", allow_pickle=False)}
            for number, signal in enumerate(found["signals"])
        ]


def _main(plugin: str, path: str, name: str, arguments: str) -> None:
    folder = Path(name)
    try:
        signals = import_module(f"rsciio.{plugin}").file_reader(path, **json.loads(arguments))
        for number, signal in enumerate(signals):
            np.save(folder / f"{number}.npy", np.asarray(signal["data"]), allow_pickle=False)
        plain = [
            {"axes": plain_or_text(signal["axes"]), "metadata": plain_or_text(signal["metadata"])}
            for signal in signals
        ]
        answer: dict[str, Any] = {"signals": plain}
    except Exception as error:
        answer = {"error": f"{type(error).__name__}: {error}"}
    (folder / _ANSWER).write_text(encode(answer), encoding="utf-8")


if __name__ == "__main__":
    _main(*sys.argv[1:])
