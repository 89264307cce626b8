"""How soon does one see something of a 2 GB file, and how quickly can one look through it?

A map (512, 512, 4096) uint16 in HDF5, uncompressed and contiguous, in the system's file cache.

    python benchmarks/large_file.py [--folder DIR] [--rows 512]
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import h5py
import numpy as np

import napari_xrf_denoise as xrf
from napari_xrf_denoise.layers.convert import layer_data
from napari_xrf_denoise.plugin.opening.energy_cache import lay_out

WIDTH, CHANNELS = 512, 4096
DATASET = "/entry/counts"
BAND = 8
"""Rows that h5py reads at once: 32 MiB."""


def write(path: Path, rows: int) -> None:
    rng = np.random.default_rng(0)
    band = rng.poisson(0.1, (64, WIDTH, CHANNELS)).astype(np.uint16)
    with h5py.File(path, "w") as file:
        counts = file.create_dataset(DATASET, (rows, WIDTH, CHANNELS), np.uint16)
        for start in range(0, rows, len(band)):
            stop = min(start + len(band), rows)
            counts[start:stop] = np.roll(band, start, axis=2)[: stop - start]


def cache(path: Path) -> None:
    with path.open("rb") as file:
        while file.read(2**24):
            pass


def peak_memory() -> float:
    """Return the most memory this process had so far, in MB."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM"):
            return int(line.split()[1]) / 1000
    return float("nan")


def seconds(function, *arguments) -> tuple[float, object]:
    began = time.perf_counter()
    result = function(*arguments)
    return time.perf_counter() - began, result


def memory_of_looking(path: Path) -> float:
    """Return by how many MB the first picture and the sum spectrum raise the most memory."""
    import dask.array  # noqa: F401

    before = peak_memory()
    image, _ = first_picture(path)
    image.sum_spectrum()
    return peak_memory() - before


def by_h5py(path: Path) -> None:
    with h5py.File(path) as file:
        counts = file[DATASET]
        for start in range(0, counts.shape[0], BAND):
            counts[start : start + BAND]


def by_blocks(image: xrf.SpectrumImage) -> None:
    for _ in image.blocks():
        pass


def first_picture(path: Path) -> tuple[xrf.SpectrumImage, np.ndarray]:
    image = xrf.read(path, dataset=DATASET, energy_axis=-1, energy_gain=0.005)
    data, _, _ = layer_data(image)
    return image, np.asarray(data[CHANNELS // 2])


def steps(data: np.ndarray, number: int = 100) -> tuple[float, float]:
    """Return median and 95th percentile of the time that the picture of a random energy takes."""
    rng = np.random.default_rng(1)
    times = [seconds(np.array, data[k])[0] for k in rng.integers(0, CHANNELS, number)]
    return float(np.median(times)), float(np.quantile(times, 0.95))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--rows", type=int, default=512)
    parser.add_argument("--memory", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.memory:
        print(f"{memory_of_looking(options.memory):.0f}")
        return
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        path = Path(folder) / "map.h5"
        write(path, options.rows)
        cache(path)
        import dask.array  # noqa: F401  (once for a session, not for a file)

        picture, (image, _) = seconds(first_picture, path)
        total, _ = seconds(image.sum_spectrum)
        # In a process of its own, since the most that this one ever took was for writing.
        answer = subprocess.run(
            [sys.executable, __file__, "--memory", str(path)],
            check=True,
            capture_output=True,
            text=True,
        )
        memory = float(answer.stdout)
        pairs = [(seconds(by_h5py, path)[0], seconds(by_blocks, image)[0]) for _ in range(7)]
        ratios = [theirs / ours for theirs, ours in pairs]
        print(f"{path.stat().st_size / 1e9:.2f} GB, (y, x, energy) = {image.shape[1:]}")
        print(f"first picture: {picture:.2f} s")
        print(f"sum spectrum: {total:.2f} s")
        print(f"peak memory of both, beyond what was there before: {memory:.0f} MB")
        print(
            f"all blocks: {np.median([ours for _, ours in pairs]):.2f} s; speed over h5py's in "
            f"bands of {BAND} rows: {np.median(ratios):.0%} ({min(ratios):.0%} to "
            f"{max(ratios):.0%}, {len(pairs)} times turn by turn)"
        )
        for name, most_bytes in (("in memory", 2**60), ("file sorted by energy", 0)):
            taken, counts = seconds(
                lambda most: lay_out(
                    image,
                    lambda _: None,
                    lambda: False,
                    most_bytes=most,
                    folder=Path(folder),
                ),
                most_bytes,
            )
            middle, late = steps(layer_data(image.replace(counts=counts))[0])
            print(
                f"{name}: ready after {taken:.1f} s in the background; then a step of the slider "
                f"reads {1000 * middle:.1f} ms (median), {1000 * late:.1f} ms (95th percentile)"
            )
            del counts


if __name__ == "__main__":
    main()
