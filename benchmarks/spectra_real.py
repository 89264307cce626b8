"""How much dose do the methods for spectra save on measured spectra, and how long do they take?

The 32 measured exposures are denoised in 8 groups of 4; each result is scored by the mean of the
other 28, with that mean's own Poisson variance removed. The dose gain is pooled over the groups:
the sum of the raw errors over the sum of the errors. Peers run in the same process, on the same
groups, turn by turn. Intervals come from a bootstrap over the groups, and are paired where two
methods are compared, since all groups share nearly one reference.

    python benchmarks/spectra_real.py FILE.csv [--groups 8] [--set 0] [--skip-peer]

FILE.csv is `05_xrf_spectra.csv` of the auto-denoise project (examples, MIT). The peer is the
extra `benchmark`: pip install -c constraints.txt ".[benchmark]".
"""

from __future__ import annotations

import argparse
import contextlib
import io
import time
from collections.abc import Callable

import numpy as np
from scipy.signal import savgol_filter

import napari_xrf_denoise as xrf

SIZE = 4
Denoiser = Callable[[xrf.SpectrumImage, int], np.ndarray]


def tutorial(image: xrf.SpectrumImage, seed: int) -> np.ndarray:
    result = xrf.denoise(image, preset="tutorial", seed=seed, device="cpu")
    assert result.model.n_parameters == 256, result.model.n_parameters
    return result.counts[0, 0]


def balanced(image: xrf.SpectrumImage, seed: int) -> np.ndarray:
    return xrf.denoise(image, method="spectrum", seed=seed, device="cpu").counts[0, 0]


def auto_denoise(image: xrf.SpectrumImage, seed: int) -> np.ndarray:
    """The published job with the published program; its own text and progress are not shown."""
    import autoden
    import matplotlib as mpl
    import torch

    mpl.use("Agg")
    np.random.seed(seed)  # noqa: NPY002  (the peer draws from NumPy's global generator)
    torch.manual_seed(seed)
    counts = np.asarray(image.counts[:, 0, 0], dtype=float)
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        network = autoden.NetworkParamsDnCNN(n_dims=1, n_features=4, n_layers=6)
        model = network.get_model(device="cpu")
        n2n = autoden.N2N(model=model, reg_val=None)
        data = n2n.prepare_data(counts)
        n2n.train(*data, epochs=10_000, lower_limit=0.0, learning_rate=1e-2, restarts=1)
        return n2n.infer(data[0])


def savitzky_golay(image: xrf.SpectrumImage, _seed: int) -> np.ndarray:
    """Window 51, order 5: the best of all, chosen on these very references."""
    return savgol_filter(image.counts[:, 0, 0].mean(axis=0), 51, 5)


def error(guess: np.ndarray, others: np.ndarray) -> float:
    mean = others.mean(axis=0)
    return float(((guess - mean) ** 2).sum() - mean.sum() / len(others))


def bootstrap(values: Callable[[np.ndarray], float], number: int) -> tuple[float, float]:
    rng = np.random.default_rng(0)
    draws = [values(rng.integers(0, number, number)) for _ in range(10_000)]
    return float(np.quantile(draws, 0.05)), float(np.quantile(draws, 0.95))


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("file")
    parser.add_argument("--groups", type=int, default=8)
    parser.add_argument("--skip-peer", action="store_true")
    parser.add_argument("--set", type=int, default=0, help="which set of seeds: 8 set + group")
    options = parser.parse_args()
    image = xrf.read(options.file)
    methods: dict[str, Denoiser] = {
        "tutorial preset": tutorial,
        "default preset": balanced,
        "Savitzky-Golay 51/5 (tuned on the truth)": savitzky_golay,
    }
    if not options.skip_peer:
        methods["auto-denoise 3.0.0, published settings"] = auto_denoise
    xrf.denoise(image.select(repeats=slice(0, 2)), preset="tutorial", epochs=2)  # imports torch
    errors = {name: np.zeros(options.groups) for name in methods}
    times = {name: np.zeros(options.groups) for name in methods}
    raw = np.zeros(options.groups)
    for group in range(options.groups):
        chosen = range(SIZE * group, SIZE * (group + 1))
        few = image.select(repeats=slice(chosen.start, chosen.stop))
        others = np.delete(np.asarray(image.counts[:, 0, 0], dtype=float), list(chosen), axis=0)
        raw[group] = few.counts.sum() / SIZE**2
        for name, method in methods.items():
            began = time.perf_counter()
            guess = method(few, 8 * options.set + group)
            times[name][group] = time.perf_counter() - began
            errors[name][group] = error(guess, others)
        done = ", ".join(f"{raw[group] / errors[name][group]:.1f}" for name in methods)
        print(f"group {group + 1} of {options.groups}: {done}", flush=True)

    print(f"\n{'method':44}{'dose gain (90 % interval)':30}{'median time':>12}")
    for name in methods:
        low, high = bootstrap(lambda i, n=name: raw[i].sum() / errors[n][i].sum(), options.groups)
        gain = raw.sum() / errors[name].sum()
        print(
            f"{name:44}{f'{gain:.2f} ({low:.2f} to {high:.2f})':30}{np.median(times[name]):10.1f} s"
        )
    peer = list(methods)[-1]
    for name in list(methods)[:2]:
        low, high = bootstrap(
            lambda i, n=name: errors[peer][i].sum() / errors[n][i].sum(), options.groups
        )
        gain = errors[peer].sum() / errors[name].sum()
        speed = np.median(times[peer] / times[name])
        print(f"{name}: {gain:.2f} ({low:.2f} to {high:.2f}) times the dose gain of {peer}, "
              f"{speed:.1f} times as fast")  # fmt: skip
    print("target: tutorial preset with 256 weights, gain not below the peer's, 3 times as fast")


if __name__ == "__main__":
    main()
