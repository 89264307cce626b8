"""Counts that predictions lack in places of several pixels, put back."""

import numpy as np
import pytest

from napari_xrf_denoise.core.factored_counts import FactoredCounts
from napari_xrf_denoise.core.progress import Watch
from napari_xrf_denoise.core.spectrum_image import SpectrumImage
from napari_xrf_denoise.denoising.methods.put_back import put_back
from napari_xrf_denoise.denoising.multifold_thinning import PhotonPartition
from napari_xrf_denoise.denoising.pairs import Photons
from napari_xrf_denoise.denoising.quality.losses.departures import Departure
from napari_xrf_denoise.denoising.quality.losses.places import Place

SIDE, CHANNELS = 24, 120
WIDTH = np.full(CHANNELS, 3.0)
AT = slice(52, 69)


def line(center=60.0):
    shape = np.exp(-0.5 * ((np.arange(CHANNELS) - center) / 3) ** 2)
    return shape / shape.sum()


def place(mask, missing):
    y, x = np.nonzero(mask)
    box = slice(y.min(), y.max() + 1), slice(x.min(), x.max() + 1)
    departure = Departure(60, "", None, 0, missing, *box, int(mask.sum()), "line", 1e-9)
    return Place(departure, mask, 6, AT)


def row(number=10):
    mask = np.zeros((SIDE, SIDE), bool)
    mask[number, 2:22] = True
    return mask


def flat(level=1.0, spots=None, rows=None):
    """A prediction of as many counts in each pixel and channel."""
    return FactoredCounts(np.full((SIDE, SIDE, 1), level), np.ones((1, CHANNELS)), spots, rows)


def partition(rate, seed=0):
    counts = np.random.default_rng(seed).poisson(rate).astype(np.uint16)
    return PhotonPartition.of(Photons(SpectrumImage(counts[None])), 0, 0)


def rate_with(mask, counts, center=60.0, level=1.0):
    rate = np.full((SIDE, SIDE, CHANNELS), level)
    rate[mask] += counts * line(center)
    return rate


def test_what_a_prediction_lacks_is_put_back_where_it_is_missing():
    mask = row()
    (found,) = put_back(
        partition(rate_with(mask, 15)), [list(range(16))], [flat()], [place(mask, 200)], WIDTH,
        Watch(),
    )  # fmt: skip
    added = np.asarray(found[0]) - 1
    assert np.abs(added[~mask]).max() == 0
    # 300 counts, over 17 channels of background in 20 pixels: 25 of noise.
    assert added[mask].sum() == pytest.approx(300, abs=75)
    np.testing.assert_allclose(added[10, 2:22], np.broadcast_to(added[10, 2], (20, CHANNELS)))


@pytest.mark.parametrize("center", [57.0, 60.0, 62.5])
def test_it_has_the_shape_of_a_line_at_its_energy(center):
    mask = row()
    (found,) = put_back(
        partition(rate_with(mask, 100, center)), [list(range(16))], [flat()],
        [place(mask, 2000)], WIDTH, Watch(),
    )  # fmt: skip
    added = np.asarray(found[0, 10, 5]) - 1
    channels = np.arange(CHANNELS)
    assert channels @ added / added.sum() == pytest.approx(center, abs=0.6)
    middle = channels @ added / added.sum()
    assert ((channels - middle) ** 2) @ added / added.sum() == pytest.approx(9, rel=0.05)


def test_what_a_prediction_has_too_much_of_is_taken_away():
    mask = row()
    (found,) = put_back(
        partition(np.ones((SIDE, SIDE, CHANNELS))), [list(range(16))],
        [flat().plus(10.0 * mask[..., None], line()[None])], [place(mask, -200)], WIDTH, Watch(),
    )  # fmt: skip
    left = np.asarray(found[0])[mask].sum() - mask.sum() * CHANNELS
    assert left == pytest.approx(0, abs=75)
    assert np.asarray(found[0]).min() >= 0


def test_each_prediction_is_mended_from_its_own_counts_alone():
    mask, parts = row(), partition(rate_with(row(), 15))
    groups = [list(range(16)), list(range(8)), list(range(8, 16))]
    lost = [place(mask, 200)]
    together = put_back(parts, groups, [flat()] * 3, lost, WIDTH, Watch())
    alone = [put_back(parts, [group], [flat()], lost, WIDTH, Watch())[0] for group in groups]
    sums = []
    for one, other in zip(together, alone, strict=True):
        np.testing.assert_allclose(np.asarray(one), np.asarray(other), rtol=1e-5)
        sums.append(float(np.asarray(one[0])[mask].sum()))
    assert len(set(np.round(sums, 3))) == 3
    # Each is scaled to all counts, so that the whole is the mean of the halves.
    assert sums[0] == pytest.approx((sums[1] + sums[2]) / 2, abs=30)


def test_where_the_counts_of_a_group_do_not_show_it_nothing_changes():
    mask, empty = row(), np.zeros((SIDE, SIDE, CHANNELS))
    prediction = flat()
    (found,) = put_back(
        partition(empty), [list(range(16))], [prediction], [place(mask, 200)], WIDTH, Watch()
    )
    assert found is prediction


def test_pixels_with_spectra_of_their_own_get_their_share():
    mask = row()
    spots = np.array([10 * SIDE + 4, 12 * SIDE + 4])
    prediction = flat(1.0, spots, np.full((2, CHANNELS), 3.0))
    (found,) = put_back(
        partition(rate_with(mask, 15)), [list(range(16))], [prediction], [place(mask, 200)],
        WIDTH, Watch(),
    )  # fmt: skip
    added = np.asarray(found[0, 10, 5]) - 1
    np.testing.assert_allclose(np.asarray(found[0, 10, 4]) - 3, added, atol=1e-5)
    np.testing.assert_array_equal(np.asarray(found[0, 12, 4]), 3)
