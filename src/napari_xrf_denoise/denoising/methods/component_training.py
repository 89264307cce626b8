"""Noise2Noise on component images: a network learns to predict half of the counts from the rest.

Scores are linear in the counts: those of any half are the sum of those of its parts, and every step
of a training has another half. A network predicts at the exposure that it learned, for several
halves, and their mean is its prediction.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray

from napari_xrf_denoise.core.progress import Preview, Watch
from napari_xrf_denoise.denoising.settings import StackSettings

from .component_images import TILE, Scores, subsets
from .component_network import ComponentNetwork
from .learning_rate import WarmupStableDecay
from .spectrum_networks import load_weights

Weights = Mapping[str, NDArray[np.float32]]
Losses = dict[str, list[float]]

CHECKS = 24
"""How often in a whole training the network is judged by a part that it does not learn from."""
LEAST_PARTS = 6
"""Parts from which one can be kept to judge a network."""
FULL_BATCH = 4096
"""Pixels of a step that small maps are repeated to, each time with another half."""


@dataclass(frozen=True, eq=False)
class Training:
    """What a network learns from, and how."""

    tiles: list[Scores]
    """Component images (parts, components, y, x) of every part."""
    synthesis: NDArray[np.float32]
    """Spectra (components, energy): scores times these are counts."""
    shares: NDArray[np.float64]
    """Share of the counts of each part."""
    parts: list[int]
    """Parts to learn from. Where there are enough, one of them is kept to judge the others."""
    settings: StackSettings
    member: int
    """Number of the network; each has its own random numbers."""
    raw_error: float
    """Squared error of the raw counts of the tiles, for the dose gain of the moment."""
    device: torch.device


@dataclass(frozen=True, eq=False)
class Trained:
    """A network, and how its training went."""

    weights: Weights
    losses: Losses
    """``"training"`` and ``"held-out"``: squared error of a score at each check."""
    errors: tuple[float, float]
    """Squared error of counts against those held out, of the network and of the projection of all
    counts on the subspace; NaN where none were held out."""


def input_size(parts: list[int]) -> int:
    """Return how many of a training's parts a network sees; the others are its target."""
    return max(1, len(divide(parts)[0]) // 2)


def train_network(
    training: Training, show: Callable[[Scores], Preview | None], watch: Watch
) -> Trained:
    """Train a network on pairs of halves, and keep it as it was when it predicted best.

    It stops once counts that it does not learn from show that it gets no better; where there are
    too few parts to keep one for that, it takes all its steps. `show` turns scores of the first
    tile into a preview.
    """
    settings, member, device = training.settings, training.member, training.device
    rng = np.random.default_rng([settings.seed, member])
    generator = torch.Generator().manual_seed(settings.seed + 1000 * member)
    learned, unseen = divide(training.parts)
    images = [torch.from_numpy(np.ascontiguousarray(tile)).to(device) for tile in training.tiles]
    share = torch.from_numpy(training.shares.astype(np.float32)).to(device)
    network = ComponentNetwork(images[0].shape[1], settings.features, settings.middle, generator)
    network = network.to(device)
    optimizer = torch.optim.AdamW(
        network.parameters(), settings.learning_rate, fused=device.type in ("cpu", "cuda")
    )
    schedule = WarmupStableDecay(settings.steps)
    losses: Losses = {"training": [], "held-out": []}
    state = None
    every = max(1, settings.steps // CHECKS)
    judge = _Judge(images, training.synthesis, share, learned, unseen)
    while not schedule.over:
        for group in optimizer.param_groups:
            group["lr"] = settings.learning_rate * schedule.rate
        seen, wanted = _pair(images, share, learned, rng)
        loss = (network(seen) - wanted).square().mean()
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        schedule.step()
        if schedule.steps % every and not schedule.over:
            watch.step("training", schedule.fraction)
            continue
        losses["training"].append(float(loss.detach()))
        figures = {f"training, network {member + 1}": losses["training"][-1]}
        guess = judge.predict(network)
        if judge.is_there:
            losses["held-out"].append(judge.loss(guess))
            figures[f"held-out, network {member + 1}"] = losses["held-out"][-1]
            figures[f"dose gain, network {member + 1}"] = judge.gain(guess, training.raw_error)
            if schedule.judge(losses["held-out"][-1]):
                state = {name: value.clone() for name, value in network.state_dict().items()}
        watch.step("training", schedule.fraction, figures, partial(show, guess[0].cpu().numpy()))
    if state is not None:
        network.load_state_dict(state)
    errors = judge.errors(network.eval(), settings.thinnings)
    weights = {name: value.cpu().numpy() for name, value in network.state_dict().items()}
    return Trained(weights, losses, errors)


def divide(parts: list[int]) -> tuple[list[int], list[int]]:
    """Return the parts that a network learns from, and one that judges it if there are enough."""
    enough = len(parts) >= LEAST_PARTS
    return (parts[:-1], parts[-1:]) if enough else (parts, [])


def _pair(
    images: list[torch.Tensor],
    share: torch.Tensor,
    parts: list[int],
    rng: np.random.Generator,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return scores of both halves, at the full rate, each of shape (batch, rank, y, x)."""
    whole = images[int(rng.integers(len(images)))]
    height, width = (min(size, TILE) for size in whole.shape[2:])
    seen, wanted = [], []
    for _ in range(min(16, max(1, FULL_BATCH // (height * width)))):
        y, x = (
            int(rng.integers(size - part + 1))
            for size, part in zip(whole.shape[2:], (height, width), strict=True)
        )
        tile = whole[:, :, y : y + height, x : x + width]
        order = rng.permutation(parts)
        number = max(1, len(parts) // 2)
        pair = torch.stack([_full(tile, share, order[:number]), _full(tile, share, order[number:])])
        flips = [axis for axis in (2, 3) if rng.random() < 0.5]
        pair = pair.flip(flips) if flips else pair
        if height == width and rng.random() < 0.5:
            pair = pair.transpose(2, 3)
        seen.append(pair[0])
        wanted.append(pair[1])
    return torch.stack(seen), torch.stack(wanted)


def _full(
    tile: torch.Tensor, share: torch.Tensor, parts: list[int] | NDArray[np.int64]
) -> torch.Tensor:
    """Return the scores of some parts, scaled to the full rate."""
    chosen = torch.as_tensor(np.asarray(parts), device=tile.device)
    return tile[chosen].sum(0) / share[chosen].sum()


class _Judge:
    """Counts that a network does not learn from, and what they say of its predictions.

    `images` are the component images (parts, components, y, x), `share` the share of each part,
    `unseen` the parts that judge, of which there may be none.
    """

    def __init__(
        self,
        images: list[torch.Tensor],
        synthesis: NDArray[np.float32],
        share: torch.Tensor,
        learned: list[int],
        unseen: list[int],
    ) -> None:
        self._images, self._share, self._learned = images, share, learned
        self._half = learned[: max(1, len(learned) // 2)]
        self.is_there = bool(unseen)
        if not unseen:
            return
        self._unseen = [_full(tile, share, unseen) for tile in images]
        self._metric = torch.from_numpy(synthesis @ synthesis.T).to(share.device)
        halves = learned[: len(learned) // 2], learned[len(learned) // 2 :]
        first, second, self._exposure = (float(share[half].sum()) for half in (*halves, learned))
        # The noise of all counts, from that of the difference of two halves.
        self._noise = self._distance(
            [_full(t, share, halves[0]) - _full(t, share, halves[1]) for t in images]
        ) / (1 / first + 1 / second)
        self._projection = self._from_unseen([_full(tile, share, learned) for tile in images])

    @torch.inference_mode()
    def predict(self, network: ComponentNetwork) -> list[torch.Tensor]:
        """Return the scores that a network predicts from half of its parts."""
        network.eval()
        guess = [network(_full(tile, self._share, self._half)[None])[0] for tile in self._images]
        network.train()
        return guess

    def loss(self, guess: list[torch.Tensor]) -> float:
        """Return the mean squared error of a score against the unseen counts."""
        pairs = zip(guess, self._unseen, strict=True)
        errors = sum(float((one - other).square().sum()) for one, other in pairs)
        return errors / sum(one.numel() for one in guess)

    def gain(self, guess: list[torch.Tensor], raw_error: float) -> float:
        """Return about the dose gain of a prediction; NaN where the counts do not tell.

        The projection of what was learned from serves as a control variate: its error is known,
        and most of the noise of the unseen counts is the same in both distances.
        """
        error = self._from_unseen(guess) - self._projection + self._noise / self._exposure
        return raw_error / error if error > 0 else float("nan")

    @torch.inference_mode()
    def errors(self, network: ComponentNetwork, thinnings: int) -> tuple[float, float]:
        """Return the squared errors, in counts, of a network and of the projection of all counts.

        The projection of all of them has less noise than that of the parts that were learned from,
        while a network was trained for those.
        """
        if not self.is_there:
            return float("nan"), float("nan")
        parts = self._learned
        chosen = subsets(parts, max(1, len(parts) // 2), thinnings, np.random.default_rng(0))
        guess = [_mean_prediction(network, tile, self._share, chosen) for tile in self._images]
        projected = self._projection - self._noise * (1 / self._exposure - 1)
        return self._from_unseen(guess), projected

    def _from_unseen(self, guess: list[torch.Tensor]) -> float:
        pairs = zip(guess, self._unseen, strict=True)
        return self._distance([one - other for one, other in pairs])

    def _distance(self, scores: list[torch.Tensor]) -> float:
        return sum(_square(part, self._metric) for part in scores)


def _square(scores: torch.Tensor, metric: torch.Tensor) -> float:
    """Return the sum of squared counts that scores (components, y, x) stand for."""
    flat = scores.flatten(1)
    return float((flat * (metric @ flat)).sum())


def _mean_prediction(
    network: ComponentNetwork, tile: torch.Tensor, share: torch.Tensor, chosen: list[list[int]]
) -> torch.Tensor:
    total = torch.zeros_like(tile[0])
    for subset in chosen:
        total += network(_full(tile, share, subset)[None])[0]
    return total / len(chosen)


def load_network(weights: Weights, device: torch.device) -> ComponentNetwork:
    """Return the network that has these weights.

    Raises
    ------
    ValueError
        If tensors are missing, have another shape, or hold variances below 0.
    """
    if any(np.any(weights[name] < 0) for name in weights if name.endswith("running_var")):
        raise ValueError("variances below 0")
    kernels = [name for name in weights if weights[name].ndim == 4]
    features, rank = weights[kernels[0]].shape[:2]
    network = ComponentNetwork(rank, features, len(kernels) - 2)
    load_weights(network, weights)
    return network.to(device).eval()


@torch.inference_mode()
def predict_components(
    network: ComponentNetwork,
    scores: Scores,
    shares: NDArray[np.float64],
    chosen: list[list[int]],
    device: torch.device,
    watch: Watch,
) -> Scores:
    """Return the mean prediction (components, y, x), at the full rate, for subsets of the parts.

    `scores` are the component images (parts, components, y, x); each subset has as many parts as
    the network was trained with.
    """
    images = torch.from_numpy(np.ascontiguousarray(scores)).to(device)
    share = torch.from_numpy(shares.astype(np.float32)).to(device)
    watch.step("computing the result", 0)
    return _mean_prediction(network, images, share, chosen).cpu().numpy()
