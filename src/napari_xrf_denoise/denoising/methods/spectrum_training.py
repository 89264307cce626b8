"""Training of the 1D networks on pairs of noisy spectra."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from napari_xrf_denoise.core.progress import Preview, Watch
from napari_xrf_denoise.denoising.pairs import Counts, add_repeats, thin
from napari_xrf_denoise.denoising.settings import SpectrumSettings, TutorialSettings

from .deconvolution import Candidates
from .spectrum_networks import DnCNN, Mixing, TrainingPass

Losses = dict[str, list[float]]
Show = Callable[[torch.Tensor], Preview]

BATCH = 64
"""Spectra whose candidates are made at once."""


@dataclass(frozen=True)
class Scaling:
    """Scales counts to values of about one, and back."""

    center: float
    range: float

    @classmethod
    def of(cls, counts: Counts) -> Scaling:
        """Return the published scaling: 0.1 to 99.9 percentile range, and the mean within it."""
        low, high = np.quantile(counts, [0.001, 0.999])
        # Nearly empty spectra have no range between these percentiles; their largest count serves.
        spread = float(high - low) or float(counts.max()) or 1.0
        within = counts[(counts >= low) & (counts <= high)]
        return cls(float(within.mean(dtype=np.float64)), spread)


def strategy_pairs(
    repeats: NDArray[np.float32], strategy: str
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return inputs and targets, each of the shape of `repeats`: (repeat, ...), at least two.

    ``"1:X"``: one repeat predicts the mean of the others; ``"X:1"``: their mean predicts it.
    """
    others = (repeats.sum(axis=0, keepdims=True) - repeats) / (len(repeats) - 1)
    return (repeats, others) if strategy == "1:X" else (others, repeats)


def train_tutorial(
    repeats: Counts, settings: TutorialSettings, device: torch.device, watch: Watch
) -> tuple[DnCNN, Scaling, Losses]:
    """Train the published network as published.

    Parameters
    ----------
    repeats : numpy.ndarray, shape (repeat, pixel, energy)
        At least two independent measurements of the same spectra, in counts of one repeat.

    Returns
    -------
    network : DnCNN
        With the weights of the best epoch by the held-out channels.
    scaling : Scaling
        Unit of its input and output.
    losses : dict of str to list of float
        ``"training"`` and ``"held-out"``, one value an epoch.
    """
    generator = torch.Generator().manual_seed(settings.seed)
    rng = np.random.default_rng(settings.seed)
    given, wanted = strategy_pairs(repeats.astype(np.float32), settings.strategy)
    scaling = Scaling.of(given)
    size = given.shape[-1]
    inputs, targets = (
        torch.from_numpy((part.reshape(-1, size) - scaling.center) / scaling.range).to(device)
        for part in (given, wanted)
    )
    kept = np.ones(inputs.numel(), dtype=np.float32)
    kept[rng.integers(kept.size, size=int(kept.size * settings.held_out))] = 0
    network = DnCNN(settings.features, settings.layers, generator).to(device)
    limit = None
    if settings.lower_limit is not None:
        limit = (settings.lower_limit - scaling.center) / scaling.range

    def show(output: torch.Tensor) -> Preview:
        first = output.reshape(given.shape)[:, 0].detach().cpu().numpy()
        mean = np.maximum(first.mean(axis=0) * scaling.range + scaling.center, 0)
        return Preview(len(given) * mean[None, None])

    lesson = _Lesson(inputs, targets.reshape(-1), torch.from_numpy(kept).to(device), limit)
    losses = _descend(network, lesson, settings, watch, show)
    return network.eval(), scaling, losses


class _Lesson(NamedTuple):
    """What the published network learns from, in its own scaling."""

    inputs: torch.Tensor
    """(spectra, energy)."""
    targets: torch.Tensor
    """Flattened, as is `kept`."""
    kept: torch.Tensor
    """1 where a channel is for training, 0 where it is held out."""
    limit: float | None
    """Value below which a prediction is penalised."""


def _descend(
    network: DnCNN, lesson: _Lesson, settings: TutorialSettings, watch: Watch, show: Show
) -> Losses:
    """Run all epochs and leave the network as it was in the best one.

    The gradient of the loss (summed squared error of the training channels plus the mean hinge
    below the limit, over the number of spectra) is written out: it is short, and the general way
    takes a tenth of the whole run.
    """
    inputs, targets, kept, limit = lesson
    optimizer = torch.optim.AdamW(
        network.parameters(),
        settings.learning_rate,
        weight_decay=settings.weight_decay,
        fused=inputs.device.type in ("cpu", "cuda"),
    )
    schedule = torch.optim.lr_scheduler.CosineAnnealingWarmRestarts(
        optimizer, settings.epochs // settings.restarts
    )
    losses: Losses = {"training": [], "held-out": []}
    state = [network.weights.data, network.running_mean, network.running_var]
    best, best_state = float("inf"), [part.clone() for part in state]
    spectra, number = inputs.shape[0], inputs.numel()
    passes = TrainingPass(network, inputs)
    for epoch in range(settings.epochs):
        output = passes.forward()
        error = output - targets
        gradient = error * kept
        training = torch.dot(error, gradient)
        held_out = torch.dot(error, error) - training
        gradient *= 2
        if limit is not None:
            low = limit - output
            training = training + low.clamp_min(0).mean()
            gradient -= (low > 0) * (1 / number)
        passes.backward(gradient.div_(spectra))
        losses["training"].append(float(training) / spectra)
        losses["held-out"].append(float(held_out) / spectra)
        if losses["held-out"][-1] < best:
            best = losses["held-out"][-1]
            for part, now in zip(best_state, state, strict=True):
                part.copy_(now)
        optimizer.step()
        schedule.step()
        if epoch % 10 == 0:
            figures = {name: values[-1] for name, values in losses.items()}
            watch.step("training", epoch / settings.epochs, figures, partial(show, output))
    for part, now in zip(best_state, state, strict=True):
        now.copy_(part)
    return losses


def train_mixing(
    spectra: Counts,
    candidates: Candidates,
    settings: SpectrumSettings,
    watch: Watch,
    *,
    number: int = 1,
    whole: float = 1.0,
) -> tuple[Mixing, Losses]:
    """Train a mixing network on pairs: it sees one part of the counts and predicts the other.

    Parameters
    ----------
    spectra : numpy.ndarray, shape (pixel, energy) or (repeat, pixel, energy)
        Poisson counts, which are thinned; or repeats, of which some predict the others.
    number : int
        Of the network among several.
    whole : float
        All counts over those of `spectra`, for previews.

    Returns
    -------
    network : Mixing
    losses : dict of str to list of float
        ``"training"``, the Poisson loss of each step in nats a count.
    """
    device = candidates.device
    generator = torch.Generator().manual_seed(settings.seed)
    rng = np.random.default_rng(settings.seed)
    seen, wanted, share = _draw_pairs(spectra, candidates, settings, rng, watch)
    network = Mixing(candidates.number, settings.features, generator).to(device)
    optimizer = torch.optim.AdamW(network.parameters(), settings.learning_rate)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, settings.learning_rate, total_steps=settings.steps
    )
    batch = min(settings.batch, max(1, len(seen) // 2))
    losses: Losses = {"training": []}
    for step in range(settings.steps):
        chosen = torch.from_numpy(rng.choice(len(seen), batch, replace=False)).to(device)
        target, part = wanted[chosen], share[chosen]
        rate = network(seen[chosen]) * ((1 - part) / part)
        loss = (rate - target * torch.log(rate)).sum() / target.sum().clamp_min(1)
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        schedule.step()
        losses["training"].append(float(loss.detach()))
        figures = {f"training, network {number}": losses["training"][-1]}
        preview = partial(_preview, network, seen[:1], whole / share[0])
        watch.step("training", 0.5 + 0.5 * step / settings.steps, figures, preview)
    return network.eval(), losses


@torch.inference_mode()
def _preview(network: Mixing, seen: torch.Tensor, factor: torch.Tensor) -> Preview:
    return Preview((network(seen) * factor)[None].cpu().numpy())


def _draw_pairs(
    spectra: Counts,
    candidates: Candidates,
    settings: SpectrumSettings,
    rng: np.random.Generator,
    watch: Watch,
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Return candidates of one part of the counts, the other part, and the first one's share.

    One spectrum is split `settings.thinnings` times; of many, each is split once.
    """
    device, pixels = candidates.device, spectra.shape[-2]
    rounds = max(1, -(-settings.thinnings // pixels))
    parts = [_split(spectra, settings.share, rng) for _ in range(rounds)]
    wanted = torch.from_numpy(np.concatenate([part[1] for part in parts])).to(device)
    share = torch.tensor([part[2] for part in parts], device=device).repeat_interleave(pixels)
    given = torch.from_numpy(np.concatenate([part[0] for part in parts]))
    seen = []
    with torch.no_grad():
        for start in range(0, len(given), BATCH):
            watch.step("smoothing spectra", 0.5 * start / len(given))
            seen.append(candidates(given[start : start + BATCH].to(device)))
    return torch.cat(seen), wanted, share[:, None]


def _split(
    spectra: Counts, share: float, rng: np.random.Generator
) -> tuple[NDArray[np.float32], NDArray[np.float32], float]:
    """Return an input, an independent target, and the input's share of the counts."""
    if spectra.ndim == 2:
        given = thin(spectra, share, rng)
        return given.astype(np.float32), (spectra - given).astype(np.float32), share
    number = min(max(1, round(share * len(spectra))), len(spectra) - 1)
    order = rng.permutation(len(spectra))
    given = add_repeats(spectra[order[:number]]).astype(np.float32)
    wanted = add_repeats(spectra[order[number:]]).astype(np.float32)
    # Detector elements count unequally: shares go by counts, not by number.
    return given, wanted, float(given.sum() / max(given.sum() + wanted.sum(), 1e-12))
