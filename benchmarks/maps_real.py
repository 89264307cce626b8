"""How much dose do the methods for maps save on measured maps, by held-out counts?

No truth is known here: the dose gain is that of the report, from photons that were held out of each
result (docs/score.md). Each map is denoised with every method in turn.

    python benchmarks/maps_real.py FILE [FILE ...]
"""

from __future__ import annotations

import argparse
import time

import napari_xrf_denoise as xrf


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("files", nargs="+")
    parser.add_argument("--methods", nargs="+", default=["stack", "pca"])
    options = parser.parse_args()
    print("| map | method | rank | dose gain | lines, median | s |\n|---|---|---|---|---|---|")
    for path in options.files:
        image = xrf.read(path)
        warnings: dict[str, None] = {}
        for method in options.methods:
            began = time.perf_counter()
            report = xrf.denoise(image, method=method, device="cpu").report
            seconds = time.perf_counter() - began
            low, high = report.dose_gain_interval
            gains = sorted(w.dose_gain for w in report.windows if w.dose_gain == w.dose_gain)
            middle = f"{gains[len(gains) // 2]:.1f}" if gains else "not known"
            print(
                f"| {image.name} | {method} | {report.choices['rank']} "
                f"| {report.dose_gain:.1f} ({low:.1f} to {high:.1f}) | {middle} | {seconds:.0f} |",
                flush=True,
            )
            warnings.update(dict.fromkeys(f"{method}: {text}" for text in report.warnings))
        for text in warnings:
            print(f"  {text}", flush=True)


if __name__ == "__main__":
    main()
