"""Models and their files."""

import json
import struct
from dataclasses import replace

import numpy as np
import pytest

import napari_xrf_denoise as xrf
from napari_xrf_denoise.core.energy_axis import EnergyAxis
from napari_xrf_denoise.core.errors import DataError, FormatError
from napari_xrf_denoise.core.spectrum_image import SpectrumImage


@pytest.fixture(scope="module")
def trained(small_map):
    return xrf.denoise(small_map[0], method="pca", folds=0)


@pytest.mark.parametrize(
    "options",
    [
        {"method": "pca"},
        {"method": "spectrum", "steps": 3},
        {"method": "stack", "steps": 3, "features": 8},
        {"method": "spectrum", "preset": "tutorial", "epochs": 5},
    ],
)
def test_a_loaded_model_predicts_what_the_saved_one_did(tmp_path, small_map, options):
    image = small_map[0].select(y=slice(0, 6), x=slice(0, 6))
    result = xrf.denoise(image, **options)
    loaded = xrf.Model.load(result.model.save(tmp_path / "m.safetensors"))
    again = xrf.apply(loaded, image)
    np.testing.assert_allclose(again.counts, result.counts, rtol=1e-5, atol=1e-6)
    assert loaded.settings == result.model.settings
    assert loaded.n_parameters == result.model.n_parameters


def test_the_tutorial_model_has_256_weights(short_spectra):
    result = xrf.denoise(short_spectra[0], preset="tutorial", epochs=2)
    assert result.model.n_parameters == 256


def test_a_file_is_replaced_only_when_asked(tmp_path, trained):
    path = trained.model.save(tmp_path / "m.safetensors")
    before = path.read_bytes()
    with pytest.raises(FileExistsError, match="overwrite"):
        trained.model.save(path)
    assert path.read_bytes() == before
    trained.model.save(path, overwrite=True)
    with pytest.raises(FormatError, match="safetensors"):
        trained.model.save(tmp_path / "m.pt")


@pytest.mark.parametrize("keep", [0, 1, 7, 8, 9, 60, 0.2, 0.5, 0.99])
def test_a_cut_file_is_refused(tmp_path, trained, keep):
    content = trained.model.save(tmp_path / "m.safetensors").read_bytes()
    cut = tmp_path / "cut.safetensors"
    cut.write_bytes(content[: int(keep * len(content)) if 0 < keep < 1 else keep])
    with pytest.raises(FormatError, match=r"cut.safetensors"):
        xrf.Model.load(cut)


def test_changed_bytes_of_the_header_are_refused_or_harmless(tmp_path, trained):
    content = bytearray(trained.model.save(tmp_path / "m.safetensors").read_bytes())
    size = struct.unpack("<Q", content[:8])[0]
    rng = np.random.default_rng(0)
    refused = 0
    for _ in range(60):
        broken = bytearray(content)
        broken[int(rng.integers(0, 8 + size))] = int(rng.integers(0, 256))
        path = tmp_path / "b.safetensors"
        path.write_bytes(broken)
        try:
            xrf.Model.load(path)
        except FormatError:
            refused += 1
    assert refused > 30


@pytest.fixture(scope="module")
def trained_stack(small_map):
    image = small_map[0].select(y=slice(0, 6), x=slice(0, 6))
    return xrf.denoise(image, method="stack", steps=2, features=8, folds=2)


def without(name):
    return lambda tensors: {key: value for key, value in tensors.items() if name not in key}


def changed(name, change):
    return lambda tensors: {k: change(v) if name in k else v for k, v in tensors.items()}


@pytest.mark.parametrize(
    "damage",
    [
        lambda tensors: {},
        without("1.network"),
        without("1.analysis"),
        without("synthesis"),
        without("running_var"),
        without("down.0.0.weight"),
        changed("analysis", lambda v: v[:, :-1]),
        changed("analysis", lambda v: v[:-1]),
        changed("analysis", np.ravel),
        changed("synthesis", lambda v: v[:-1]),
        changed("down.0.0.weight", lambda v: v[:, :1]),
        changed("down.1.0.weight", lambda v: v[:2]),
        changed("down.0.1.bias", lambda v: v[:2]),
        changed("down.0.1.weight", lambda v: v * np.float32("nan")),
        changed("network.signal", lambda v: v - 10),
        changed("network.left_noise", lambda v: v - 10),
        changed("running_var", lambda v: v - 10),
    ],
)
def test_tensors_of_a_stack_that_do_not_fit_together_are_refused(tmp_path, trained_stack, damage):
    model = trained_stack.model
    tensors = {f"{i}.{name}": v for i, own in enumerate(model.members) for name, v in own.items()}
    members = {}
    for name, tensor in damage(tensors).items():
        index, _, rest = name.partition(".")
        members.setdefault(index, {})[rest] = tensor
    broken = replace(model, members=tuple(members.values()))
    with pytest.raises(FormatError, match=r"x.safetensors: damaged"):
        xrf.Model.load(broken.save(tmp_path / "x.safetensors"))


@pytest.mark.parametrize("facts", [{}, {"exposure": 0}, {"exposure": 1.5}, {"line_width": -1}])
def test_facts_of_a_stack_that_cannot_be_are_refused(tmp_path, trained_stack, facts):
    model = trained_stack.model
    complete = {name: model.facts[name] for name in ("counts_per_pixel", "fingerprint")}
    if facts:
        complete = {**model.facts, **facts}
    path = replace(model, facts=complete).save(tmp_path / "x.safetensors")
    with pytest.raises(FormatError, match=r"x.safetensors: damaged"):
        xrf.Model.load(path)


def rewritten(path, target, **changes):
    """Write a copy of a model file with other header entries."""
    content = path.read_bytes()
    size = struct.unpack("<Q", content[:8])[0]
    header = json.loads(content[8 : 8 + size])
    header["__metadata__"].update(changes)
    text = json.dumps(header).encode()
    target.write_bytes(struct.pack("<Q", len(text)) + text + content[8 + size :])
    return target


@pytest.mark.parametrize(
    "changes",
    [
        {"format": "somebody else's"},
        {"settings": "{}"},
        {"settings": json.dumps({"method": "pca", "rank": -1})},
        {"settings": "not json"},
        {"energy": json.dumps({"offset": 0, "gain": 1, "size": 3, "calibrated": True})},
        {"facts": "["},
    ],
)
def test_a_header_that_does_not_fit_is_refused(tmp_path, trained, changes):
    path = trained.model.save(tmp_path / "m.safetensors")
    with pytest.raises(FormatError, match=r"x.safetensors"):
        xrf.Model.load(rewritten(path, tmp_path / "x.safetensors", **changes))


def test_missing_and_foreign_files_are_refused(tmp_path):
    with pytest.raises(FormatError, match="no such model file"):
        xrf.Model.load(tmp_path / "none.safetensors")
    (tmp_path / "a.safetensors").write_text("hello")
    with pytest.raises(FormatError, match="damaged"):
        xrf.Model.load(tmp_path / "a.safetensors")


def test_data_of_another_energy_axis_is_refused(trained):
    other = SpectrumImage(np.ones((1, 2, 2, 256)), EnergyAxis(0.5, 0.08, 256), name="other")
    with pytest.raises(DataError, match=r"other: axis 'energy'.*the model expects 256"):
        xrf.apply(trained.model, other)


def test_another_noise_level_is_said(trained, small_map):
    dim = xrf.simulate_map(shape=(24, 20), n_channels=256, counts_per_pixel=20, seed=5)[0]
    report = xrf.apply(trained.model, dim).report
    assert any("times the counts" in warning for warning in report.warnings)


def test_a_model_is_scored_on_data_that_it_never_saw(small_map, dose_gain):
    image, truth = small_map
    model = xrf.denoise(image, method="pca").model
    rng = np.random.default_rng(99)
    fresh = image.replace(counts=rng.poisson(truth)[None].astype(np.uint16))
    result = xrf.apply(model, fresh)
    assert result.report.dose_gain == pytest.approx(dose_gain(result.counts, truth), rel=0.45)
    own = xrf.apply(model, image).report
    assert np.isnan(own.dose_gain)
    assert "own data" in own.measured_by
