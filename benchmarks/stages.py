"""Where does the time of a run go, stage by stage, and how much memory does each take?

The map of the demo (96 × 96 pixels, 1,024 channels, 300 counts a pixel) or a large one, denoised
after a first short run, so that nothing is loaded or compiled any more.

    python benchmarks/stages.py [--size 256x256x2048] [--preset fast] [--avx2] [--workers 2]

With `--avx2`, PyTorch, oneDNN and OpenBLAS are held to what a processor without AVX-512 and
bfloat16 can do. With `--workers`, the work is done by processes of this computer, as for a cluster.
"""

from __future__ import annotations

import argparse
import os
import platform
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

HELD_BACK = {
    "ONEDNN_MAX_CPU_ISA": "AVX2",
    "ATEN_CPU_CAPABILITY": "avx2",
    "OPENBLAS_CORETYPE": "Haswell",
}


class Stages:
    """Time and memory of each stage, by its name."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self.memory: dict[str, float] = {}
        self._now, self._since = "", time.perf_counter()
        self._ended = threading.Event()

    def enter(self, stage: str) -> None:
        """Begin a stage, or go on with it."""
        now = time.perf_counter()
        if self._now:
            self.seconds[self._now] = self.seconds.get(self._now, 0.0) + now - self._since
        self._now, self._since = stage, now

    @contextmanager
    def watched(self) -> Iterator[None]:
        """Look at the memory meanwhile, many times a second."""
        thread = threading.Thread(target=self._look)
        thread.start()
        try:
            yield
        finally:
            self._ended.set()
            thread.join()

    def _look(self) -> None:
        while not self._ended.wait(0.02):
            stage, used = self._now, resident()
            self.memory[stage] = max(used, self.memory.get(stage, 0.0))


def resident() -> float:
    """Return the memory of this process, in GiB."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**30


def processor() -> str:
    """Return the name of the processor, and what it has for networks."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    facts = dict(line.split(":", 1) for line in lines if ":" in line)
    facts = {name.strip(): value.strip() for name, value in facts.items()}
    flags = facts.get("flags", "").split()
    has = [name for name in ("avx2", "avx512f", "avx512_bf16", "amx_bf16") if name in flags]
    return f"{facts.get('model name', platform.processor())} ({', '.join(has)})"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", default="96x96x1024")
    parser.add_argument("--counts", type=float, default=300.0)
    parser.add_argument("--preset", default="balanced")
    parser.add_argument("--avx2", action="store_true")
    parser.add_argument("--workers", type=int, default=0)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    if given.avx2 and any(os.environ.get(name) != value for name, value in HELD_BACK.items()):
        os.execve(sys.executable, [sys.executable, *sys.argv], {**os.environ, **HELD_BACK})
    run(given)


def run(given: argparse.Namespace) -> None:
    """Denoise a map, and print a table."""
    import napari_xrf_denoise as xrf
    from napari_xrf_denoise.core.progress import Watch

    if given.avx2:
        from napari_xrf_denoise.denoising.methods.components import component_network

        component_network.has_bfloat16 = lambda device: False
    height, width, channels = map(int, given.size.split("x"))
    make = {"n_channels": channels, "counts_per_pixel": given.counts, "seed": given.seed}
    image, _ = xrf.simulate_map((height, width), **make)
    first, _ = xrf.simulate_map((16, 16), **make)
    xrf.denoise(first, method="stack", preset="fast")
    stages = Stages()
    step = Watch.step

    def entered(watch: Watch, stage: str, *rest: object, **more: object) -> None:
        stages.enter(stage)
        step(watch, stage, *rest, **more)

    Watch.step = entered
    how = {"method": "stack", "preset": given.preset}
    with stages.watched():
        if given.workers:
            from napari_xrf_denoise.denoising.cluster import workers_here

            with workers_here(given.workers) as client:
                # Each loads what it needs once.
                xrf.denoise(first, method="stack", preset="fast", client=client)
                stages.enter("")
                stages.seconds.clear()
                stages.memory.clear()
                began = time.perf_counter()
                stages.enter("starting")
                result = xrf.denoise(image, client=client, **how)
                whole = time.perf_counter() - began
        else:
            began = time.perf_counter()
            stages.enter("starting")
            result = xrf.denoise(image, **how)
            whole = time.perf_counter() - began
        stages.enter("")
    print(f"{processor()}{', held to AVX2' if given.avx2 else ''}")
    print(f"{given.size}, {given.preset}, {given.workers or 'no'} workers: {whole:.1f} s, ", end="")
    print(f"dose gain told {result.report.dose_gain:.1f}\n")
    print("| stage | s | memory, GiB |\n|---|---|---|")
    for stage, seconds in stages.seconds.items():
        if seconds >= 0.05:
            print(f"| {stage} | {seconds:.1f} | {stages.memory.get(stage, 0.0):.2f} |")


if __name__ == "__main__":
    main()
