"""The published job: a tiny DnCNN that one repeat of a spectrum teaches to predict the others."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_xrf_denoise.core.progress import Watch
from napari_xrf_denoise.core.spectrum_image import SpectrumImage
from napari_xrf_denoise.denoising.device import threads
from napari_xrf_denoise.denoising.pairs import HALVES_STREAM, Counts, row_generator, split
from napari_xrf_denoise.denoising.settings import TutorialSettings

from .spectrum import Weights, gather_pixels, sample_pixels

if TYPE_CHECKING:
    import torch


def repeats_of(band: Counts, first_row: int, seed: int) -> NDArray[np.float32]:
    """Return repeats (repeat, rows, x, energy) in counts of one repeat.

    One repeat of Poisson counts is thinned into two halves, each scaled to the whole.
    """
    if band.shape[0] > 1:
        return band.astype(np.float32)
    halves = [
        split(row, 2, row_generator(seed, HALVES_STREAM, place))
        for place, row in enumerate(band[0].astype(np.uint32), start=first_row)
    ]
    return 2 * np.stack([np.stack(part) for part in zip(*halves, strict=True)]).astype(np.float32)


def train(
    image: SpectrumImage, settings: TutorialSettings, device: torch.device, watch: Watch
) -> tuple[Weights, dict[str, Any], dict[str, list[float]]]:
    """Train the network on an image's repeats; return its tensors, scaling, and losses."""
    from .spectrum_training import train_tutorial

    pixels = sample_pixels(image.shape[1:], settings.pixels, settings.seed)
    repeats = gather_pixels(
        image.blocks(), pixels, image.shape[2], partial(repeats_of, seed=settings.seed)
    )
    with threads(1):
        network, scaling, losses = train_tutorial(repeats, settings, device, watch)
    weights = {name: value.detach().cpu().numpy() for name, value in network.state_dict().items()}
    facts = {"scaling_center": scaling.center, "scaling_range": scaling.range}
    return weights, facts, losses


def predictor(
    weights: Weights, facts: Mapping[str, Any], settings: TutorialSettings, device: torch.device
) -> Any:
    """Return the function that turns a band of repeats into the expected counts of one repeat.

    Raises
    ------
    ValueError
        If tensors are missing or have another shape.
    """
    import torch

    from .spectrum_networks import DnCNN, load_weights
    from .spectrum_training import strategy_pairs

    network = DnCNN(settings.features, settings.layers)
    load_weights(network, weights)
    network.to(device).eval()
    center, spread = float(facts["scaling_center"]), float(facts["scaling_range"])

    def predict(band: Counts, first_row: int) -> NDArray[np.float32]:
        """Return (rows, x, energy) of a band (repeat, rows, x, energy), never negative."""
        given, _ = strategy_pairs(repeats_of(band, first_row, settings.seed), settings.strategy)
        with torch.inference_mode(), threads(1):
            inputs = torch.from_numpy((given.reshape(-1, given.shape[-1]) - center) / spread)
            output = network(inputs.to(device)).cpu().numpy().reshape(given.shape)
        mean: NDArray[np.float32] = output.mean(axis=0) * spread + center
        return np.maximum(mean, 0)

    return predict
