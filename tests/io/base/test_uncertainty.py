import numpy as np
import pytest

import napari_xrf_denoise as xrf
from napari_xrf_denoise.io.base.uncertainty import from_arrays, from_bytes, to_arrays, to_bytes


@pytest.fixture(scope="module")
def result():
    image, _ = xrf.simulate_map((24, 16), n_channels=96, counts_per_pixel=200, seed=1)
    return xrf.denoise(image, method="pca", rank=3).image


@pytest.mark.parametrize("suffix", [".h5", ".hspy", ".ome.tif", ".zarr"])
def test_a_result_keeps_its_errors_in_files(tmp_path, result, suffix):
    found = xrf.read(xrf.write(tmp_path / f"map{suffix}", result))
    expected = xrf.element_map(result, "Fe", background=True, error=True)
    for part, own in zip(
        xrf.element_map(found, "Fe", background=True, error=True), expected, strict=True
    ):
        np.testing.assert_allclose(part, own, rtol=1e-4)


@pytest.mark.parametrize("suffix", [".h5", ".hspy", ".ome.tif", ".zarr"])
def test_errors_of_repeats_that_are_no_photons_are_kept(tmp_path, suffix):
    image, rate = xrf.simulate_map((24, 16), n_channels=96, counts_per_pixel=200, seed=1)
    values = np.random.default_rng(0).normal(rate / 3 + 4, 1.0, (3, *rate.shape))
    repeats = xrf.SpectrumImage(values.clip(0), image.energy, repeat_kind="frame")
    result = xrf.denoise(repeats, method="pca", rank=3).image
    found = xrf.read(xrf.write(tmp_path / f"map{suffix}", result))
    _, expected = xrf.element_map(result, "Fe", error=True)
    np.testing.assert_allclose(xrf.element_map(found, "Fe", error=True)[1], expected, rtol=1e-4)


def test_files_from_before_repeats_had_errors_are_of_photons(result):
    arrays = to_arrays(result.uncertainty)
    old = {name: own for name, own in arrays.items() if name != "noise"}
    found = from_arrays(old, "old.h5").mean
    np.testing.assert_allclose(found.variance, result.uncertainty.mean.mean)


@pytest.mark.parametrize("suffix", [".h5", ".ome.tif"])
def test_a_part_keeps_its_errors_in_files(tmp_path, result, suffix):
    part = result.select(y=slice(4, 20), energy=(4.0, 9.0))
    found = xrf.read(xrf.write(tmp_path / f"part{suffix}", part))
    _, expected = xrf.element_map(part, "Fe", error=True)
    np.testing.assert_allclose(xrf.element_map(found, "Fe", error=True)[1], expected, rtol=1e-4)


def test_a_result_without_errors_is_read_without(tmp_path, result):
    path = xrf.write(tmp_path / "old.h5", result.replace(uncertainty=None))
    with pytest.raises(xrf.DataError, match="carries no uncertainty"):
        xrf.element_map(xrf.read(path), "Fe", error=True)


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("squares", lambda own: own[:, 1:]),
        ("spectra", lambda own: own * np.nan),
        ("edges", lambda own: own[::-1]),
        ("facts", lambda own: -own),
        ("mean", lambda own: own[:-1]),
    ],
)
def test_damaged_arrays_are_refused(result, name, change):
    arrays = to_arrays(result.uncertainty)
    with pytest.raises(xrf.FormatError, match=r"a.h5: expected the uncertainty .* damaged"):
        from_arrays({**arrays, name: change(arrays[name])}, "a.h5")
    with pytest.raises(xrf.FormatError, match="damaged"):
        from_arrays({key: own for key, own in arrays.items() if key != name}, "a.h5")


@pytest.mark.parametrize("change", [lambda own: -own, lambda own: own[:, 1:]])
def test_damaged_noise_is_refused(result, change):
    arrays = to_arrays(result.uncertainty)
    with pytest.raises(xrf.FormatError, match="noise"):
        from_arrays({**arrays, "noise": change(arrays["noise"])}, "a.h5")


def test_damaged_bytes_are_refused(result):
    content = to_bytes(result.uncertainty)
    with pytest.raises(xrf.FormatError, match="damaged"):
        from_bytes(content[: len(content) // 2], "a.tif")
