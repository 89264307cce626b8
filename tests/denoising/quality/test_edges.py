"""Widths of edges, against exactly known ones."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

import napari_xrf_denoise as xrf
from napari_xrf_denoise.denoising.quality.edges import (
    NO_EDGES,
    Edges,
    EdgeTally,
    EdgeWidths,
    edge_widths,
)

FOLDS = 4
FINE = 8
SIZE = 64
WIDTH = 2.563
"""From 10 to 90 % of a Gaussian edge, in its standard deviations."""


def disc(width=0.0, size=SIZE):
    """Return a map (y, x) of a disc and a strip with edges of a width, averaged over pixels."""
    y, x = np.mgrid[: size * FINE, : size * FINE] / FINE
    fine = (np.hypot(y - size / 3, x - size / 3) < size / 4) | (x > 0.8 * size + 0.1 * y)
    soft = gaussian_filter(fine.astype(float), FINE * width / WIDTH, mode="nearest")
    return soft.reshape(size, FINE, size, FINE).mean((1, 3))


def widths(rate, predict, seed=0):
    """What is found for a function of the counts without each part, scaled to all of them."""
    parts = np.random.default_rng(seed).poisson(rate / FOLDS, (FOLDS, *rate.shape))
    whole = parts.sum(axis=0)
    guesses = [predict((whole - part) * FOLDS / (FOLDS - 1)) for part in parts]
    return edge_widths((parts * FOLDS).astype(np.float32), np.array(guesses, dtype=np.float32))


@pytest.mark.parametrize("width", [2.0, 5.0])
@pytest.mark.parametrize("counts", [5, 50])
def test_the_widths_of_a_prediction_that_knows_the_rate_are_the_true_ones(width, counts):
    rate = counts * (0.1 + disc(width))
    true = WIDTH * np.hypot(width / WIDTH, 1 / 12**0.5)  # with the pixel's own variance
    away = []
    for seed in range(10):
        found = widths(rate, lambda _: rate, seed)
        assert found.result == pytest.approx(true, rel=0.05)
        away.append((found.raw - found.result) / found.raw_error)
        assert not found.is_unsharp
    # Of 16 degrees of freedom, as sets of pixels give them.
    assert abs(np.mean(away)) < 4 / 10**0.5
    assert 0.4 < np.std(away) < 2


@pytest.mark.parametrize("sigma", [1.0, 2.0])
@pytest.mark.parametrize("counts", [5, 50])
def test_a_blurred_result_is_told_with_both_widths(sigma, counts):
    rate = counts * (0.1 + disc())
    blurred = gaussian_filter(rate, sigma)
    found = widths(rate, lambda _: blurred)
    assert found.is_unsharp
    assert found.result == pytest.approx(WIDTH * np.hypot(sigma, 1 / 12**0.5), rel=0.07)
    # A sharp edge, averaged over a pixel, with what is left of its places in a curve.
    assert found.raw == pytest.approx(0.8, abs=0.2 + 3 * found.raw_error)


def test_a_soft_sample_is_no_fault_of_the_result():
    rate = 50 * (0.1 + disc(5.0))
    for seed in range(5):
        found = widths(rate, lambda counts: gaussian_filter(counts, 0.8), seed)
        assert found.raw > 4
        assert not found.is_unsharp


@pytest.mark.parametrize("counts", [2, 10, 100])
def test_noise_of_a_prediction_makes_no_edge_unsharp(counts):
    rate = counts * (0.1 + disc())
    for seed in range(10):
        for share in (0.3, 1.0):
            noisy = widths(rate, lambda own, share=share: (1 - share) * rate + share * own, seed)
            assert not noisy.is_unsharp


@pytest.mark.parametrize("kind", ["uniform", "noise", "smooth", "white"])
def test_maps_without_clear_edges_tell_nothing(kind):
    rng = np.random.default_rng(3)
    rate = {
        "uniform": np.full((SIZE, SIZE), 20.0),
        "noise": np.full((SIZE, SIZE), 20.0),
        "smooth": 20 * np.exp(3 * gaussian_filter(rng.normal(size=(SIZE, SIZE)), 10)),
        "white": rng.lognormal(3, 1, (SIZE, SIZE)),
    }[kind]
    found = widths(rate, (lambda own: own) if kind == "noise" else (lambda _: rate))
    assert not found.is_unsharp
    assert kind in ("smooth", "white") or found == NO_EDGES


@pytest.mark.parametrize("shape", [(1, 1), (1, 40), (5, 40), (12, 12)])
def test_few_pixels_tell_nothing_wrong(shape):
    rate = np.full(shape, 10.0)
    rate[:, shape[1] // 2 :] = 100
    found = widths(rate, lambda _: gaussian_filter(rate, 2))
    assert found == NO_EDGES


def test_edges_that_only_the_result_has_are_none():
    rate = np.full((SIZE, SIZE), 20.0)
    assert widths(rate, lambda _: 20 * (0.5 + disc())) == NO_EDGES


def image_of(shape, **fields):
    return xrf.SpectrumImage(np.zeros((1, *shape, 1), dtype=np.uint8), **fields)


def tally(rate, predict, bands, **fields):
    """What is found for one line whose map comes in bands."""
    parts = np.random.default_rng(0).poisson(rate / FOLDS, (FOLDS, *rate.shape))[..., None]
    own = EdgeTally(image_of(rate.shape, **fields), 1, [1 / FOLDS] * FOLDS)
    for rows in np.array_split(np.arange(len(rate)), bands):
        band = slice(rows[0], rows[-1] + 1)
        own.add(band, list(parts[:, band]), [predict[band, :, None]] * FOLDS)
    return own.finish()


def test_bands_make_no_difference():
    rate = 20 * (0.1 + disc())
    one, other = (tally(rate, gaussian_filter(rate, 1.0), bands) for bands in (1, 7))
    assert one == other
    assert one.lines[0].is_unsharp


def test_of_a_large_map_the_middle_rows_are_used(monkeypatch):
    rate = 20 * (0.1 + disc())
    half = np.concatenate([np.zeros((32, SIZE)), rate, np.zeros((32, SIZE))])
    monkeypatch.setattr(
        "napari_xrf_denoise.denoising.quality.edges.MOST_BYTES", 8 * SIZE * SIZE * FOLDS
    )
    found = tally(half, gaussian_filter(half, 1.0), 5).lines[0]
    alone = tally(rate, gaussian_filter(half, 1.0)[32:-32], 1).lines[0]
    assert found.result == pytest.approx(alone.result)


def test_a_warning_names_lines_with_both_widths():
    wide, fine = EdgeWidths(3.1, 1.4, 0.2, 0.3, 0.3), EdgeWidths(1.1, 1.0, 0.1, 0.1, 0.1)
    (told,) = Edges((fine, wide, NO_EDGES)).warnings(["Ca", "Fe", "Zn"])
    assert told.endswith("in pixels: Fe 3.10 ± 0.20 instead of 1.40 ± 0.30")
    (told,) = Edges((wide,), 2.0, "µm").warnings(["Fe"])
    assert told.endswith("Fe 3.10 ± 0.20 instead of 1.40 ± 0.30 (6.2 instead of 2.8 µm)")
    assert list(Edges((fine, NO_EDGES)).warnings(["Ca", "Zn"])) == []


def test_physical_units_need_square_pixels():
    rate = 20 * (0.1 + disc())
    square = tally(rate, rate, 1, pixel_size=(2.0, 2.0), pixel_unit="µm")
    assert (square.pixel, square.unit) == (2.0, "µm")
    assert tally(rate, rate, 1, pixel_size=(2.0, 3.0), pixel_unit="µm").unit == "pixel"


def test_a_report_holds_the_widths_of_each_line_and_its_file_does_too():
    """A filter of 1.5 pixels makes the edges of the demo's grains 3.9 pixels wide."""
    image, _ = xrf.simulate_map((48, 48), n_channels=256, counts_per_pixel=300, seed=0)

    def blur(counts):
        return gaussian_filter(counts.astype(np.float32), (1.5, 1.5, 0))

    report = xrf.score(image, blur, folds=2, checks=False)
    edge = report.lines["Fe Ka"].edge
    assert edge.result == pytest.approx(WIDTH * 1.5, rel=0.1)
    assert edge.raw < 1.5
    assert any("edges are wider" in warning for warning in report.warnings)
    saved = xrf.denoising.result.report_from_dict(report.as_dict())
    assert saved.lines["Fe Ka"].edge == edge
