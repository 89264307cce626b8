"""How long do the import of the package and the demo take, and what does the import load?

python benchmarks/start_and_demo.py
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time

HEAVY = ("torch", "qtpy", "PyQt6", "PySide6", "napari", "scipy", "dask", "matplotlib")


def seconds(code: str) -> float:
    began = time.perf_counter()
    subprocess.run([sys.executable, "-c", code], check=True)
    return time.perf_counter() - began


def main() -> None:
    empty = min(seconds("pass") for _ in range(5))
    package = min(seconds("import napari_xrf_denoise") for _ in range(5))
    numpy = min(seconds("import numpy") for _ in range(5))
    listing = subprocess.run(
        [sys.executable, "-c", "import napari_xrf_denoise, sys; print('\\n'.join(sys.modules))"],
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    loaded = {name.partition(".")[0] for name in listing.split()}
    print(f"import napari_xrf_denoise: {package - empty:.3f} s beside an empty interpreter")
    print(f"   (import numpy in the same run: {numpy - empty:.3f} s; target: under 0.3 s)")
    print(f"   heavy packages loaded: {', '.join(loaded.intersection(HEAVY)) or 'none'}")
    with tempfile.TemporaryDirectory() as folder:
        began = time.perf_counter()
        command = [sys.executable, "-m", "napari_xrf_denoise", "demo", "--output", folder]
        subprocess.run(command, check=True)
        print(f"xrf-denoise demo: {time.perf_counter() - began:.0f} s (target: under 120 s)")


if __name__ == "__main__":
    main()
