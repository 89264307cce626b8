"""Training on component images of known rate."""

import numpy as np
import pytest
import torch

from napari_xrf_denoise.core.errors import Cancelled
from napari_xrf_denoise.core.progress import Watch
from napari_xrf_denoise.denoising.device import threads
from napari_xrf_denoise.denoising.methods.components.component_images import subsets
from napari_xrf_denoise.denoising.methods.components.component_training import (
    Training,
    divide,
    input_size,
    load_network,
    predict_components,
    train_network,
)
from napari_xrf_denoise.denoising.settings import StackSettings
from napari_xrf_denoise.denoising.subspace import Subspace

CPU = torch.device("cpu")
RANK = 3
SPACE = Subspace.of(np.linalg.qr(np.random.default_rng(9).normal(size=(40, RANK)))[0], np.ones(40))


@pytest.fixture(autouse=True)
def one_thread():
    """Train as a run does: each network on one core."""
    with threads(1):
        yield


def settings(**changes):
    return StackSettings(**{"steps": 60, "features": 16, "thinnings": 4, **changes})


def smooth_scores(shape):
    """Scores (rank, y, x) that vary slowly, a few times the noise of all counts."""
    y, x = np.indices(shape)
    waves = [np.sin(y / 4 + k) * np.cos(x / (3 + k)) for k in range(RANK)]
    return 3 * np.stack(waves)


def drawn(shape=(24, 24), number=12, seed=0, shares=None):
    """Scores (parts, rank, y, x) whose noise is white as that of weighted counts, and shares."""
    shares = np.full(number, 1 / number) if shares is None else shares
    rng = np.random.default_rng(seed)
    size = (len(shares), RANK, *shape)
    noise = rng.normal(size=size) * np.sqrt(shares)[:, None, None, None]
    return (shares[:, None, None, None] * smooth_scores(shape) + noise).astype(np.float32), shares


def train(tile, shares, parts=None, member=0, watch=None, raw_error=1.0, show=None, **changes):
    parts = list(range(len(shares))) if parts is None else parts
    tiles = tile if isinstance(tile, list) else [tile]
    watch = watch or Watch()
    show = show or (lambda scores: None)
    run = settings(**changes)
    training = Training(tiles, SPACE, shares, parts, run, member, raw_error, CPU)
    return train_network(training, show, watch)


def prediction(trained, tile, shares, parts=None, number=4):
    parts = list(range(len(shares))) if parts is None else parts
    network = load_network(trained.weights, CPU)
    chosen = subsets(parts, input_size(parts), number, np.random.default_rng(0))
    return predict_components(network, SPACE, tile, shares, chosen, CPU, Watch())


def mean_square(values):
    return float(np.mean(np.square(values)))


def test_a_prediction_is_nearer_to_the_truth_than_the_scores_of_all_counts():
    tile, shares = drawn()
    truth = smooth_scores((24, 24))
    guess = prediction(train(tile, shares), tile, shares)
    assert mean_square(tile.sum(axis=0) - truth) == pytest.approx(1, rel=0.1)  # the noise itself
    assert mean_square(guess - truth) < 0.5


def test_a_trained_network_is_nearer_to_the_truth_than_an_untrained_one():
    tile, shares = drawn()
    truth = smooth_scores((24, 24))
    errors = [
        mean_square(prediction(train(tile, shares, steps=steps), tile, shares) - truth)
        for steps in (1, 60)
    ]
    assert errors[1] < 0.7 * errors[0]


def test_losses_are_reported_at_some_two_dozen_checks_and_fall():
    tile, shares = drawn()
    losses = train(tile, shares).losses
    assert set(losses) == {"training", "held-out"}
    # One check every second step of sixty.
    assert all(len(values) == 30 for values in losses.values())
    assert losses["held-out"][-1] < losses["held-out"][0]
    # The part that judges holds a twelfth of the counts: its own noise is 12, the rest is error.
    assert 12 * 0.9 < min(losses["held-out"]) < 12 * 1.1 + 1


def test_of_noise_alone_a_network_learns_next_to_nothing():
    shares = np.full(12, 1 / 12)
    tile = drawn((16, 16))[0] - shares[:, None, None, None] * smooth_scores((16, 16))
    tile = tile.astype(np.float32)
    # Far more steps than such a map needs.
    guess = prediction(train(tile, shares, steps=300), tile, shares)
    assert mean_square(guess) < 0.1  # the noise of all counts is 1


def test_parts_that_judge_or_are_held_out_do_not_change_the_training():
    tile, shares = drawn(number=16)
    parts = [part for part in range(16) if part % 4]
    other = tile.copy()
    other[::4] = 1e3
    one, same = train(tile, shares, parts, steps=10), train(other, shares, parts, steps=10)
    for name, tensor in one.weights.items():
        np.testing.assert_array_equal(same.weights[name], tensor)
    learned, judge = divide(parts)
    assert sorted(learned + judge) == parts
    assert len(judge) == 1


@pytest.mark.parametrize("number", [2, 3, 5])
def test_few_parts_are_all_learned_from_and_none_judges(number):
    tile, shares = drawn(number=number)
    trained = train(tile, shares, steps=10)
    assert divide(list(range(number))) == (list(range(number)), [])
    assert trained.losses["held-out"] == []
    assert np.isfinite(prediction(trained, tile, shares)).all()


def test_parts_of_unequal_shares_are_scaled_to_the_full_rate():
    shares = np.array([0.5, 0.2, 0.1, 0.1, 0.05, 0.05])
    tile, _ = drawn(shares=shares)
    guess = prediction(train(tile, shares), tile, shares)
    truth = smooth_scores((24, 24))
    slope = float((guess * truth).sum() / (truth**2).sum())
    assert slope == pytest.approx(1, abs=0.15)


@pytest.mark.parametrize("shape", [(1, 12), (12, 1), (1, 2), (2, 2), (8, 8), (9, 5)])
def test_maps_of_any_shape_can_be_learned_from(shape):
    tile, shares = drawn(shape)
    trained = train(tile, shares, steps=4)
    guess = prediction(trained, tile, shares)
    assert guess.shape == (RANK, *shape)
    assert np.isfinite(guess).all()


def test_tiles_of_a_large_map_are_learned_from_together(monkeypatch):
    monkeypatch.setattr(
        "napari_xrf_denoise.denoising.methods.components.component_training.TILE", 8
    )
    first, shares = drawn((16, 16))
    second, _ = drawn((8, 20), seed=1)
    trained = train([first, second], shares, steps=30)
    truth = smooth_scores((16, 16))
    assert mean_square(prediction(trained, first, shares) - truth) < 1


def test_the_same_seed_gives_the_same_network_and_each_member_another():
    tile, shares = drawn((8, 8))
    kinds = [{"seed": 3}, {"seed": 3}, {"seed": 4}, {"seed": 3, "member": 1}]
    runs = [train(tile, shares, steps=5, **kind).weights["down.0.0.weight"] for kind in kinds]
    np.testing.assert_array_equal(runs[0], runs[1])
    assert not np.array_equal(runs[0], runs[2])
    assert not np.array_equal(runs[0], runs[3])


def test_several_halves_predict_better_than_one():
    tile, shares = drawn()
    trained = train(tile, shares)
    truth = smooth_scores((24, 24))
    one, many = (
        mean_square(prediction(trained, tile, shares, number=number) - truth) for number in (1, 16)
    )
    assert many < one


def test_weights_that_do_not_fit_together_are_refused():
    tile, shares = drawn((8, 8))
    weights = dict(train(tile, shares, steps=1).weights)
    lacking = {name: tensor for name, tensor in weights.items() if "running_mean" not in name}
    with pytest.raises(ValueError, match="running_mean"):
        load_network(lacking, CPU)
    narrow = {**weights, "down.1.0.weight": weights["down.1.0.weight"][:, :2]}
    with pytest.raises(ValueError, match=r"down\.1\.0\.weight"):
        load_network(narrow, CPU)
    impossible = {**weights, "down.0.1.running_var": -weights["down.0.1.running_var"]}
    with pytest.raises(ValueError, match="variances below 0"):
        load_network(impossible, CPU)


def test_a_stopped_training_raises_cancelled():
    tile, shares = drawn((8, 8))
    calls = []

    def stop():
        calls.append(1)
        return len(calls) > 5

    with pytest.raises(Cancelled, match="training"):
        train(tile, shares, watch=Watch(should_stop=stop))
    assert len(calls) == 6


def test_the_dose_gain_of_the_moment_is_that_of_what_is_shown():
    tile, shares = drawn((64, 64), number=16)
    shown, reported = [], []

    class Listener(Watch):
        def step(self, stage, fraction, figures=None, preview=None):
            if figures:
                reported.append(figures["dose gain, network 3"])
                preview()

    raw_error = RANK * 64 * 64.0
    train(tile, shares, member=2, watch=Listener(), raw_error=raw_error, show=shown.append)
    truth = smooth_scores((64, 64))
    true = [raw_error / np.square(scores - truth).sum() for scores in shown]
    assert len(reported) == len(true) >= 10
    # Their inverse is the error, over that of the raw counts. The judging counts are a 16th of all,
    # whose noise makes about 0.05 of these few scores.
    np.testing.assert_allclose(1 / np.array(reported), 1 / np.array(true), atol=0.12)
    assert true[-1] > 1.5 * true[0]


def test_with_too_few_parts_to_judge_no_dose_gain_is_reported():
    tile, shares = drawn(number=4)
    reported = []

    class Listener(Watch):
        def step(self, stage, fraction, figures=None, preview=None):
            reported.extend(figures or {})

    train(tile, shares, watch=Listener())
    assert set(reported) == {"training, network 1"}
