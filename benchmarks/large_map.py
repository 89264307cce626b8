"""How much memory and time does a large map on disk take, and how do they grow with the pixels?

A map of uint16 counts lies in a file, is read (memory-mapped), denoised with the preset `fast` and
written; each size in a process of its own, whose largest memory is told by the system. Making the
map is not part of it.

    python benchmarks/large_map.py [--sizes 128x256 256x256] [--channels 2048]
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

import napari_xrf_denoise as xrf

COUNTS_PER_PIXEL = 100


def make(path: Path, shape: tuple[int, int], channels: int) -> None:
    """Write the counts of a simulated map, band by band."""
    counts = np.lib.format.open_memmap(path, "w+", np.uint16, (*shape, channels))
    # A scene of fewer pixels is repeated, with photons of its own everywhere.
    _, rate = xrf.simulate_map(
        (64, 64), n_channels=channels, counts_per_pixel=COUNTS_PER_PIXEL, seed=0
    )
    rng = np.random.default_rng(0)
    for y in range(0, shape[0], 64):
        for x in range(0, shape[1], 64):
            tile = counts[y : y + 64, x : x + 64]
            tile[...] = rng.poisson(rate[: tile.shape[0], : tile.shape[1]])
    counts.flush()


def run(path: Path) -> None:
    """Read, denoise and write one map, and print what it took."""
    began = time.perf_counter()
    image = xrf.read(path, energy_axis=-1, energy_gain=0.01)
    result = xrf.denoise(image, method="stack", preset="fast", device="cpu")
    done = time.perf_counter()
    xrf.write(path.with_suffix(".h5"), result.image)
    written = time.perf_counter()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(
        f"| {image.shape[1]} × {image.shape[2]} × {image.shape[3]} | {done - began:.0f} "
        f"| {written - done:.0f} | {peak:.2f} | {result.report.dose_gain:.0f} |",
        flush=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", nargs="+", default=["128x256", "256x256", "512x256"])
    parser.add_argument("--channels", type=int, default=2048)
    parser.add_argument("--file", type=Path)
    options = parser.parse_args()
    if options.file is not None:
        run(options.file)
        return
    print("| map | read and denoise, s | write, s | peak memory, GiB | dose gain |", flush=True)
    print("|---|---|---|---|---|", flush=True)
    for size in options.sizes:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "map.npy"
            make(path, tuple(int(part) for part in size.split("x")), options.channels)
            subprocess.run([sys.executable, __file__, "--file", str(path)], check=True)


if __name__ == "__main__":
    main()
