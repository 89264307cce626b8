from dataclasses import replace

import numpy as np
import pytest

import napari_xrf_denoise as xrf
from napari_xrf_denoise.core.energy_axis import EnergyAxis
from napari_xrf_denoise.plugin.spectrum.curves import residual
from napari_xrf_denoise.plugin.spectrum.export import table_of
from napari_xrf_denoise.plugin.spectrum.layer_spectra import Curve

AXIS = EnergyAxis(0.1, 0.02, 5)


def curve(**fields):
    return Curve("map", (0, ""), AXIS, np.arange(5.0) ** 2, 0.5, **fields)


def test_errors_stand_beside_their_counts():
    spectra, energies = table_of([curve(error=np.full(5, 1.5), error_kind="Poisson")])
    assert list(spectra) == list(energies) == ["map", "map, standard deviation, Poisson"]
    np.testing.assert_array_equal(spectra["map"], [0, 1, 4, 9, 16])
    np.testing.assert_array_equal(spectra["map, standard deviation, Poisson"], [1.5] * 5)
    assert set(energies.values()) == {AXIS}


def test_curves_of_one_name_are_told_apart():
    assert list(table_of([curve(), curve()])[0]) == ["map", "map [2]"]


def test_what_is_saved_with_a_residual_is_read_again(tmp_path):
    raw = curve(error=np.arange(5.0), error_kind="Poisson")
    denoised = replace(curve(), label="map denoised", counts=np.full(5, 2.5), kind="denoised")
    curves = [raw, denoised, residual(raw, denoised)]
    path = xrf.io.write_spectra(tmp_path / "spectra.csv", *table_of(curves))
    with pytest.warns(UserWarning, match="skipped: map − map denoised"):
        image = xrf.read(path)
    np.testing.assert_array_equal(image.counts[:, 0, 0], [raw.counts, denoised.counts])
