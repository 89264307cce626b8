"""Reads files in a process of its own, so that a crash or a hang of a parser is a failed test."""

from __future__ import annotations

import json
import select
import subprocess
import sys
from pathlib import Path

PROGRAM = """
import json, os, sys, warnings
warnings.simplefilter("ignore")
import numpy as np
import napari_xrf_denoise as xrf
answers = os.fdopen(os.dup(1), "w")
os.dup2(2, 1)  # parsers print; only answers go to the pipe
OURS = (xrf.FormatError, xrf.DataError, xrf.SettingsError, xrf.MissingDependencyError)
for line in sys.stdin:
    path, options = json.loads(line)
    try:
        from napari_xrf_denoise.io import sniff
        sniff(path)
        image = xrf.read(path, **options)
        for _, band in image.blocks():
            pass
        answer = ["read", list(image.shape)]
    except OURS as error:
        answer = ["refused", str(error)]
    except BaseException as error:
        answer = ["raised", f"{type(error).__name__}: {error}"]
    answers.write(json.dumps(answer) + "\\n")
    answers.flush()
"""


class ReadingProcess:
    """A Python that reads one file after the other, and is started anew when it died.

    Use it as a context manager.
    """

    def __init__(self) -> None:
        self._process: subprocess.Popen[str] | None = None

    def __enter__(self) -> ReadingProcess:
        return self

    def __exit__(self, *_: object) -> None:
        self._end()

    def read(self, path: Path, seconds: float = 60, **options: object) -> tuple[str, str]:
        """Return what came of a file: "read", "refused" by an error of ours, "raised" another
        one, "crashed" or "hung"; and the shape or the message.
        """
        if self._process is None or self._process.poll() is not None:
            self._process = subprocess.Popen(
                [sys.executable, "-c", PROGRAM],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                text=True,
            )
        process = self._process
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(json.dumps([str(path), options]) + "\n")
        process.stdin.flush()
        if not select.select([process.stdout], [], [], seconds)[0]:
            self._end()
            return "hung", f"no answer for {seconds:g} s"
        answer = process.stdout.readline()
        if not answer:
            code = process.wait()
            return "crashed", f"exit status {code}"
        kind, what = json.loads(answer)
        return kind, str(what)

    def _end(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            for pipe in (self._process.stdin, self._process.stdout):
                if pipe is not None:
                    pipe.close()
            self._process = None
