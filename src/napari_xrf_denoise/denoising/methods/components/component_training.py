"""Noise2Noise on component images: a network learns to predict half of the counts from the rest.

Scores are linear in the counts: those of any half are the sum of those of its parts, and every step
of a training has another half. A network predicts at the exposure that it learned, for several
halves, and their mean is its prediction.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray

from napari_xrf_denoise.core.progress import Preview, Watch
from napari_xrf_denoise.denoising.methods.spectrum_networks import load_weights
from napari_xrf_denoise.denoising.settings import StackSettings
from napari_xrf_denoise.denoising.subspace import Subspace

from .component_images import TILE, Scores, subsets
from .component_network import ComponentNetwork
from .learning_rate import learning_rate
from .outlying_pixels import mend, outlying, with_departures
from .signal_shares import measure_leftovers, measure_shares, with_leftovers

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
    """Component images (parts, components, y, x) of every part. Pixels that stand out of their
    neighbours are changed in them."""
    subspace: Subspace
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


def input_size(parts: list[int]) -> int:
    """Return how many of a training's parts a network sees; the others are its target."""
    return half_of(divide(parts)[0])


def train_network(
    training: Training, show: Callable[[Scores], Preview | None], watch: Watch
) -> Trained:
    """Train a network on pairs of halves; `show` turns scores of the first tile into a preview."""
    settings, member, device = training.settings, training.member, training.device
    rng = np.random.default_rng([settings.seed, member])
    generator = torch.Generator().manual_seed(settings.seed + 1000 * member)
    learned, unseen = divide(training.parts)
    share = torch.from_numpy(training.shares.astype(np.float32)).to(device)
    mixing = variances_of(training.subspace, device)
    images = []
    for tile in training.tiles:
        image = torch.from_numpy(tile).to(device)
        whole = _sums(image, share, learned)[0]
        mend(image, outlying(whole, float(share[learned].sum()), mixing))
        images.append(image)
    network = ComponentNetwork(images[0].shape[1], settings.features, generator).to(device)
    with torch.inference_mode():
        _measure_shares(network, images, share, learned, unseen)
    pixels = sum(image[0, 0].numel() for image in images)
    optimizer = torch.optim.AdamW(
        network.weight_groups(pixels), settings.learning_rate, fused=device.type in ("cpu", "cuda")
    )
    losses: Losses = {"training": [], "held-out": []}
    every = max(1, settings.steps // CHECKS)
    judge = _Judge(images, training.subspace.synthesis, share, learned, unseen)
    for step in range(settings.steps):
        for group in optimizer.param_groups:
            group["lr"] = settings.learning_rate * learning_rate(step, settings.steps)
        seen, wanted, exposure = _pair(images, share, learned, rng)
        loss = (network(seen, exposure) - wanted).square().mean()
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        done = (step + 1) / settings.steps
        if (step + 1) % every and done < 1:
            watch.step("training", done)
            continue
        losses["training"].append(float(loss.detach()))
        figures = {f"training, network {member + 1}": losses["training"][-1]}
        guess = judge.predict(network)
        if judge.is_there:
            losses["held-out"].append(judge.loss(guess))
            figures[f"held-out, network {member + 1}"] = losses["held-out"][-1]
            figures[f"dose gain, network {member + 1}"] = judge.gain(guess, training.raw_error)
        watch.step("training", done, figures, partial(show, guess[0].cpu().numpy()))
    judge.finish(network.eval(), settings.thinnings)
    weights = {name: value.cpu().numpy() for name, value in network.state_dict().items()}
    return Trained(weights, losses)


def divide(parts: list[int]) -> tuple[list[int], list[int]]:
    """Return the parts that a network learns from, and one that judges it if there are enough."""
    enough = len(parts) >= LEAST_PARTS
    return (parts[:-1], parts[-1:]) if enough else (parts, [])


def half_of(learned: list[int]) -> int:
    """Return how many parts a network sees; it predicts the others."""
    return (len(learned) + 1) // 2


def _pair(
    images: list[torch.Tensor],
    share: torch.Tensor,
    parts: list[int],
    rng: np.random.Generator,
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Return scores of both halves, at the full rate, each of shape (batch, rank, y, x)."""
    whole = images[int(rng.integers(len(images)))]
    height, width = (min(size, TILE) for size in whole.shape[2:])
    seen, wanted, exposure = [], [], []
    for _ in range(min(16, max(1, FULL_BATCH // (height * width)))):
        y, x = (
            int(rng.integers(size - part + 1))
            for size, part in zip(whole.shape[2:], (height, width), strict=True)
        )
        tile = whole[:, :, y : y + height, x : x + width]
        order = rng.permutation(parts)
        number = half_of(parts)
        exposure.append(float(share[order[:number]].sum()))
        pair = _sums(tile, share, order[:number], order[number:])
        flips = [axis for axis in (2, 3) if rng.random() < 0.5]
        pair = pair.flip(flips) if flips else pair
        if height == width and rng.random() < 0.5:
            pair = pair.transpose(2, 3)
        seen.append(pair[0])
        wanted.append(pair[1])
    return torch.stack(seen), torch.stack(wanted), torch.tensor(exposure, device=share.device)


def _measure_shares(
    network: ComponentNetwork,
    images: list[torch.Tensor],
    share: torch.Tensor,
    learned: list[int],
    unseen: list[int],
) -> None:
    """Make a network the Wiener filter that it begins as."""
    halves = learned[: half_of(learned)], learned[half_of(learned) :]
    groups = (*halves, learned, unseen) if unseen else (*halves, *halves)
    one, two, mine, other = ([_sums(tile, share, group)[0] for tile in images] for group in groups)
    exposures = [float(share[group].sum()) for group in groups]
    measure_shares(network, (one, two), (mine, other), exposures)


def _sums(
    tile: torch.Tensor, share: torch.Tensor, *groups: Sequence[int] | NDArray[np.int64]
) -> torch.Tensor:
    """Return the scores of groups of parts, scaled to the full rate: (group, component, y, x)."""
    weights = torch.zeros(len(groups), len(tile), device=tile.device)
    for own, group in zip(weights, groups, strict=True):
        chosen = torch.as_tensor(np.asarray(group), device=tile.device)
        own[chosen] = 1 / share[chosen].sum()
    # One product reads all parts once; taking some of them copies them first.
    return (weights @ tile.flatten(1)).view(len(groups), *tile.shape[1:])


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
        self.is_there = bool(unseen)
        if not unseen:
            return
        self._unseen = [_sums(tile, share, unseen)[0] for tile in images]
        self._unseen_exposure = float(share[unseen].sum())
        self._metric = torch.from_numpy(synthesis @ synthesis.T).to(share.device)
        halves = learned[: len(learned) // 2], learned[len(learned) // 2 :]
        first, second, self._exposure = (float(share[half].sum()) for half in (*halves, learned))
        # The noise of all counts, from that of the difference of two halves.
        both = [_sums(tile, share, *halves) for tile in images]
        differences = [one - other for one, other in both]
        self._noise = self._distance(differences) / (1 / first + 1 / second)
        self._projection = self._from_unseen([_sums(tile, share, learned)[0] for tile in images])

    @torch.inference_mode()
    def predict(self, network: ComponentNetwork, thinnings: int = 1) -> list[torch.Tensor]:
        """Return the scores that a network predicts from halves of its parts, and their mean."""
        network.eval()
        chosen = subsets(self._learned, half_of(self._learned), thinnings, np.random.default_rng(0))
        sums = [_sums(tile, self._share, *chosen) for tile in self._images]
        guess = [_mean_prediction(network, own, self._share, chosen) for own in sums]
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
    def finish(self, network: ComponentNetwork, thinnings: int) -> None:
        """Tell a network what it leaves."""
        if not self.is_there:
            return
        guess = self.predict(network, thinnings)
        whole = [_sums(tile, self._share, self._learned)[0] for tile in self._images]
        left, unseen = (
            [one - other for one, other in zip(images, guess, strict=True)]
            for images in (whole, self._unseen)
        )
        measure_leftovers(network, left, unseen, self._exposure, self._unseen_exposure)

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
    network: ComponentNetwork, sums: torch.Tensor, share: torch.Tensor, chosen: list[list[int]]
) -> torch.Tensor:
    """Return the mean of what a network makes of the sums of some subsets of the parts."""
    total = torch.zeros_like(sums[0])
    for seen, subset in zip(sums, chosen, strict=True):
        total += network(seen[None], share[subset].sum()[None])[0]
    return total / len(chosen)


def load_network(weights: Weights, device: torch.device) -> ComponentNetwork:
    """Return the network that has these weights.

    Raises
    ------
    ValueError
        If tensors are missing, have another shape, or hold variances below 0.
    """
    powers = ("running_var", "signal", "noise")
    if any(np.any(weights[name] < 0) for name in weights if name.endswith(powers)):
        raise ValueError("variances below 0")
    last = weights["out.weight"]
    network = ComponentNetwork(last.shape[0], last.shape[1])
    load_weights(network, weights)
    return network.to(device).eval()


@torch.inference_mode()
def predict_components(
    network: ComponentNetwork,
    subspace: Subspace,
    scores: Scores,
    shares: NDArray[np.float64],
    chosen: list[list[int]],
    device: torch.device,
    watch: Watch,
) -> Scores:
    """Return the mean prediction (components, y, x), at the full rate, for subsets of the parts.

    `scores` are the component images (parts, components, y, x); each subset has as many parts as
    the network was trained with. Pixels that stand out of their neighbours keep what does.
    """
    images = torch.from_numpy(scores).to(device)
    share = torch.from_numpy(shares.astype(np.float32)).to(device)
    watch.step("computing the result", 0)
    parts = sorted({part for subset in chosen for part in subset})
    whole, exposure = _sums(images, share, parts)[0], float(share[parts].sum())
    mixing = variances_of(subspace, device)
    places = outlying(whole, exposure, mixing)
    seen, calm = _sums(images, share, *chosen), whole.clone()
    mend(seen, places)
    mend(calm[None], places)
    found = _mean_prediction(network, seen, share, chosen)
    found = with_leftovers(network, found, calm, exposure)
    return with_departures(found, whole, places, exposure, mixing).cpu().numpy()


def variances_of(subspace: Subspace, device: torch.device) -> torch.Tensor:
    """Return the matrix that turns scores into the variances of scores, of Poisson counts."""
    mixing = subspace.synthesis.astype(np.float64) @ subspace.analysis.astype(np.float64) ** 2
    return torch.from_numpy(mixing.astype(np.float32)).to(device)
