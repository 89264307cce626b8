"""Denoisers of others, each a function from counts (y, x, energy) to expected counts.

Families of the same denoiser with different settings; whoever compares them chooses, or lets the
truth choose. Packages that only a peer needs are imported when it runs.
"""

from __future__ import annotations

import contextlib
import io
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache, partial

import numpy as np
from scipy.ndimage import gaussian_filter
from scipy.signal import savgol_filter
from scipy.sparse import csr_array

import napari_xrf_denoise as xrf

Denoiser = Callable[[np.ndarray], np.ndarray]
Family = Mapping[str, Denoiser]
"""One denoiser with several settings, by the name of the setting."""

RANKS = (5, 6, 7, 8, 9, 10, 11, 12, 14, 16, 20)
"""Of PCA."""
FASTHYDE_RANKS = (8, 12, 16, 24)
NMF_RANKS = (4, 6, 8, 12)


def pca(counts: np.ndarray, rank: int) -> np.ndarray:
    """Poisson-weighted PCA, the package's own."""
    return np.asarray(xrf.denoise(counts, method="pca", rank=rank, folds=0).counts)


def gaussian(counts: np.ndarray, pixels: float, channels: float) -> np.ndarray:
    """A Gaussian over y, x and energy."""
    return gaussian_filter(counts.astype(np.float32), (pixels, pixels, channels))


def savitzky_golay(counts: np.ndarray, window: int, order: int) -> np.ndarray:
    """Savitzky–Golay over energy."""
    return np.maximum(savgol_filter(counts.astype(np.float32), window, order, axis=-1), 0)


def fasthyde(counts: np.ndarray, rank: int) -> np.ndarray:
    """FastHyDe: a low-rank basis, whose images of unit noise are denoised by BM3D one by one.

    L. Zhuang and J. M. Bioucas-Dias, IEEE J. Sel. Top. Appl. Earth Obs. Remote Sens. 11 (2018) 730.
    Counts are given noise of about 1 as M. R. Keenan and P. G. Kotula, Surf. Interface Anal. 36
    (2004) 203, do: divided by the roots of the mean spectrum and of the mean image.
    """
    weight = _keenan_kotula(counts)
    white = (counts / weight).reshape(-1, counts.shape[-1])
    _, vectors = np.linalg.eigh(white.T @ white)
    basis = vectors[:, : -rank - 1 : -1]
    images = (white @ basis).reshape(*counts.shape[:2], rank)
    for index in range(rank):
        image = images[..., index]
        images[..., index] = _bm3d(image.tobytes(), image.shape, image.dtype.str)
    return np.maximum((images @ basis.T) * weight, 0)


@lru_cache(maxsize=1024)  # other ranks begin with the same images
def _bm3d(values: bytes, shape: tuple[int, int], kind: str) -> np.ndarray:
    """Return an image of noise 1, denoised by BM3D in one thread; more take more time for it."""
    import bm3d

    image = np.frombuffer(values, kind).reshape(shape)
    low, span = image.min(), max(np.ptp(image), 1e-6)
    profile = bm3d.BM3DProfile()
    profile.num_threads = 1
    smooth = bm3d.bm3d((image - low) / span, sigma_psd=1 / span, profile=profile)
    return smooth * span + low


def _keenan_kotula(counts: np.ndarray) -> np.ndarray:
    """Return the standard deviation of each voxel, were the map one spectrum times one image."""
    spectrum = counts.mean(axis=(0, 1), dtype=np.float32)
    image = counts.mean(axis=2, keepdims=True, dtype=np.float32)
    mean = float(spectrum.mean())
    # Empty channels and pixels: as if they held one count in all.
    spectrum = np.maximum(spectrum, 1 / image.size)
    image = np.maximum(image, 1 / spectrum.size)
    return np.sqrt(image * spectrum / mean)


def nmf(counts: np.ndarray, rank: int, seed: int = 0) -> np.ndarray:
    """Non-negative factors of least Kullback–Leibler divergence: of largest Poisson likelihood."""
    from sklearn.decomposition import NMF

    spectra = csr_array(counts.reshape(-1, counts.shape[-1]).astype(np.float32))
    factors = NMF(
        rank, init="nndsvda", solver="mu", beta_loss="kullback-leibler", max_iter=300,
        random_state=seed,
    )  # fmt: skip
    return (factors.fit_transform(spectra) @ factors.components_).reshape(counts.shape)


def hyperspy(counts: np.ndarray) -> Iterator[tuple[str, np.ndarray]]:
    """HyperSpy's decomposition, Poisson-weighted: yield each rank and its result."""
    import hyperspy.api as hs

    hs.preferences.General.show_progressbar = False
    signal = hs.signals.Signal1D(counts.astype(np.float64))
    with contextlib.redirect_stdout(io.StringIO()):
        signal.decomposition(normalize_poissonian_noise=True, output_dimension=24)
        for rank in RANKS:
            yield f"rank {rank}", np.maximum(signal.get_decomposition_model(rank).data, 0)


def auto_denoise(counts: np.ndarray, seed: int) -> np.ndarray:
    """The published program, each pixel by itself, on two thinned halves, 10 epochs.

    With batches of 16 spectra: all of them in one batch, its default, are 10 steps in all and leave
    a network that makes everything worse; of 16, 64 and all, 16 was nearest to the truth.
    """
    import autoden
    import torch

    np.random.seed(seed)  # noqa: NPY002  (the peer draws from NumPy's global generator)
    torch.manual_seed(seed)
    whole = counts.reshape(-1, counts.shape[-1]).astype(np.int64)
    half = np.random.default_rng(seed).binomial(whole, 0.5)
    data = 2.0 * np.stack([half, whole - half]).astype(np.float32)
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        network = autoden.NetworkParamsDnCNN(n_dims=1, n_features=4, n_layers=6)
        n2n = autoden.N2N(
            model=network.get_model(device="cpu"), reg_val=None, batch_size=16, verbose=False
        )
        prepared = n2n.prepare_data(data)
        n2n.train(*prepared, epochs=10, lower_limit=0.0, learning_rate=1e-2, restarts=1)
        result = n2n.infer(prepared[0])
    return np.maximum(result, 0).reshape(counts.shape)


def results(family: Family, counts: np.ndarray) -> Iterator[tuple[str, np.ndarray]]:
    """Yield each setting of a family and its result."""
    for setting, denoiser in family.items():
        yield setting, denoiser(counts)


def _of_ranks(denoiser: Callable[..., np.ndarray], ranks: tuple[int, ...]) -> Family:
    return {f"rank {rank}": partial(denoiser, rank=rank) for rank in ranks}


PCA = _of_ranks(pca, RANKS)
FASTHYDE = _of_ranks(fasthyde, FASTHYDE_RANKS)
KL_NMF = _of_ranks(nmf, NMF_RANKS)
GAUSSIAN: Family = {
    f"σ {pixels} pixels, {channels} channels": partial(gaussian, pixels=pixels, channels=channels)
    for pixels in (0.5, 0.7, 1.0)
    for channels in (1.0, 2.0)
}
SAVITZKY_GOLAY: Family = {
    f"window {window}, order {order}": partial(savitzky_golay, window=window, order=order)
    for window in (7, 11, 15)
    for order in (1, 3)
}
