"""Images of one sample as the repeats of one image."""

import numpy as np
import pytest

from napari_xrf_denoise.core.energy_axis import EnergyAxis
from napari_xrf_denoise.core.errors import DataError
from napari_xrf_denoise.core.repeats import stack_repeats
from napari_xrf_denoise.core.spectrum_image import SpectrumImage

BEAM = np.arange(12, dtype=float).reshape(3, 4)
AXES = (EnergyAxis(0.0, 0.01, 5), EnergyAxis(0.1, 0.011, 5))


def test_repeats_of_different_shape_or_energy_are_refused():
    first = SpectrumImage(np.ones((1, 2, 2, 4)), name="a")
    with pytest.raises(DataError, match=r"a is \(2, 2, 4\).*b is \(2, 3, 4\)"):
        stack_repeats([first, SpectrumImage(np.ones((1, 2, 3, 4)), name="b")])
    with pytest.raises(DataError, match="same energy axis"):
        stack_repeats([first, SpectrumImage(np.ones((1, 2, 2, 4)), EnergyAxis(0, 0.01, 4))])


def test_stacked_images_are_repeats():
    images = [SpectrumImage(np.full((1, 2, 2, 4), n)) for n in (1, 2)]
    assert stack_repeats(images).counts[:, 0, 0, 0].tolist() == [1, 2]


def test_stacked_images_keep_the_scalers_that_all_have():
    first = SpectrumImage(
        np.ones((2, 3, 4, 5)),
        AXES[0],
        scalers={"I0": BEAM, "live_time": np.ones((2, 3, 4))},
        repeat_energies=AXES,
    )
    other = first.replace(scalers={"I0": 2 * BEAM}, repeat_energies=None)
    joined = stack_repeats([first, other])
    assert list(joined.scalers) == ["I0"]
    np.testing.assert_array_equal(joined.scalers["I0"], np.stack([BEAM, BEAM, 2 * BEAM, 2 * BEAM]))
    assert joined.repeat_energies == (*AXES, AXES[0], AXES[0])


def test_repeats_of_two_kinds_are_not_joined():
    scans = SpectrumImage(np.ones((2, 1, 1, 4)))
    with pytest.raises(DataError, match="repeats must be of one kind"):
        stack_repeats([scans, scans.replace(repeat_kind="frame")])
