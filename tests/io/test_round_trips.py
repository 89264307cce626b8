"""What every format that keeps everything gives back, whatever was put in."""

import numpy as np
import pytest

import napari_xrf_denoise as xrf
from napari_xrf_denoise.core.errors import CalibrationWarning

RNG = np.random.default_rng(2)
AXES = (xrf.EnergyAxis(-0.1, 0.01, 40), xrf.EnergyAxis(-0.09, 0.0101, 40))
SUFFIXES = (".h5", ".nxs", ".hspy", ".ome.tif", ".zarr")


@pytest.fixture(scope="module")
def image():
    return xrf.SpectrumImage(
        RNG.poisson(3, (2, 5, 6, 40)).astype(np.uint16),
        AXES[0],
        repeat_kind="detector",
        pixel_size=(2.0, 3.5),
        pixel_unit="µm",
        name="Gemälde",
        metadata={"source": "scan_7.h5", "warnings": ["one row is empty"], "sample": {"id": 4}},
        scalers={"I0": RNG.uniform(1, 2, (5, 6)), "live_time": RNG.uniform(0, 1, (2, 5, 6))},
        repeat_energies=AXES,
    )


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_counts_axes_and_all_that_is_beside_them_come_back(tmp_path, image, assert_same, suffix):
    found = xrf.read(xrf.write(tmp_path / f"map{suffix}", image))
    assert_same(found, image)
    assert sorted(found.scalers) == ["I0", "live_time"]
    for name, values in image.scalers.items():
        np.testing.assert_array_equal(found.scalers[name], values)
    assert [axis.as_dict() for axis in found.repeat_energies] == [axis.as_dict() for axis in AXES]
    for key in ("source", "warnings", "sample"):
        assert found.metadata[key] == image.metadata[key]


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_denoised_file_says_how_it_was_made(tmp_path, suffix):
    image, _ = xrf.simulate_map((6, 7), n_channels=64, counts_per_pixel=100, seed=1)
    result = xrf.denoise(image, method="pca", rank=2, seed=5)
    found = xrf.read(xrf.write(tmp_path / f"map{suffix}", result.image))
    record = found.metadata["denoising"]
    assert record["settings"]["method"] == "pca"
    assert record["settings"]["seed"] == 5
    assert record["report"]["dose_gain"] == pytest.approx(result.report.dose_gain, nan_ok=True)
    assert record["source"] == image.name
    np.testing.assert_allclose(found.counts, np.asarray(result.image.counts), rtol=1e-6)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_one_format_becomes_another_without_loss(tmp_path, image, assert_same, suffix):
    first = xrf.read(xrf.write(tmp_path / f"a{suffix}", image))
    again = xrf.read(xrf.write(tmp_path / "b.h5", first))
    assert_same(again, image)
    assert sorted(again.scalers) == sorted(image.scalers)


def plain_image(**fields):
    """Counts with three axes of different lengths, so that a swapped axis cannot pass."""
    counts = np.random.default_rng(21).poisson(3.0, (2, 3, 5, 40)).astype(np.uint16)
    fields = {"energy": xrf.EnergyAxis(-0.02, 0.01, 40), **fields}
    return xrf.SpectrumImage(
        counts, pixel_size=(0.5, 0.25), pixel_unit="µm", name="Körner / 7", **fields
    )


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_calibrations_of_detector_elements_survive(tmp_path, suffix):
    energies = (xrf.EnergyAxis(-0.02, 0.01, 40), xrf.EnergyAxis(0.03, 0.011, 40))
    image = plain_image(repeat_kind="detector", repeat_energies=energies)
    found = xrf.read(xrf.write(tmp_path / f"a{suffix}", image))
    assert [axis.as_dict() for axis in found.repeat_energies] == [
        axis.as_dict() for axis in energies
    ]


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_irregular_energies_survive_exactly(tmp_path, assert_same, suffix):
    channels = np.arange(40)
    bent = xrf.EnergyAxis.from_centers(0.1 + 0.01 * channels + 1e-3 * channels**2)
    assert not bent.is_linear
    image = plain_image(energy=bent)
    assert_same(xrf.read(xrf.write(tmp_path / f"a{suffix}", image)), image)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_missing_calibration_stays_missing(tmp_path, suffix):
    path = xrf.write(tmp_path / f"a{suffix}", plain_image(energy=None))
    with pytest.warns(CalibrationWarning, match="energy_offset"):
        found = xrf.read(path)
    assert not found.energy.calibrated
