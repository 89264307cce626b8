"""What a click runs, and the Python that does the same."""

import numpy as np
import pytest

import napari_xrf_denoise as xrf
from napari_xrf_denoise.denoising import plan_run
from napari_xrf_denoise.layers.convert import to_layer
from napari_xrf_denoise.plugin.denoise.call import Call, Trained
from napari_xrf_denoise.plugin.denoise.console import python_of


@pytest.fixture
def layers(small_map):
    return {"map": to_layer(small_map)}


class Viewer:
    """As much of a viewer as the lines ask of it."""

    def __init__(self, layers):
        self.layers = layers
        self.added = []

    def add_layer(self, layer):
        self.added.append(layer)


def run_lines(lines, layers):
    viewer = Viewer(layers)
    exec(lines, {"viewer": viewer})
    return viewer.added


def test_the_lines_do_what_the_click_does(layers):
    call = Call(plan_run(method="pca", preset="fast", seed=3, rank=2))
    (added,) = run_lines(python_of(call, ["map"]), layers)
    result = call.run(layers["map"])
    np.testing.assert_array_equal(added.data, result.to_layer().data)
    assert added.metadata["denoising"]["settings"]["rank"] == 2
    assert added.metadata["denoising"]["settings"]["seed"] == 3


def test_the_lines_show_only_settings_that_differ_from_the_preset():
    lines = python_of(Call(plan_run(method="pca", preset="fast", rank=2)), ["map"])
    assert "method='pca',\n    preset='fast',\n    seed=0,\n    rank=2,\n" in lines
    assert "weight_floor" not in lines


def test_several_layers_are_a_list_of_repeats(layers, small_map):
    layers["second"] = to_layer(
        small_map.replace(counts=np.random.default_rng(1).poisson(small_map.counts))
    )
    call = Call(plan_run(method="pca", preset="fast"))
    (added,) = run_lines(python_of(call, ["map", "second"]), layers)
    assert added.metadata["denoising"]["repeats"] == 2


def test_a_model_is_opened_from_its_file(layers, small_map, tmp_path):
    model = xrf.denoise(small_map, method="pca", preset="fast").model
    path = model.save(tmp_path / "my model.safetensors")
    call = Call(plan_run(), trained=Trained(path.name, model, path))
    (added,) = run_lines(python_of(call, ["map"]), layers)
    # How torch or NumPy rounds sums depends on how the weights lie in memory.
    made = call.run(layers["map"]).to_layer().data
    np.testing.assert_allclose(added.data, made, rtol=1e-3, atol=1e-4)


def test_the_lines_name_device_and_threads_unless_they_are_automatic():
    lines = python_of(Call(plan_run(method="pca"), device="cpu", threads=2), ["map"])
    assert "device='cpu'" in lines
    assert "torch.set_num_threads(2)" in lines
    assert "device" not in python_of(Call(plan_run(method="pca")), ["map"])


def test_the_lines_name_the_cluster_that_does_the_work():
    call = Call(plan_run(method="pca"), scheduler="tcp://host:8786")
    assert "client='tcp://host:8786'" in python_of(call, ["map"])
    assert "client" not in python_of(Call(plan_run(method="pca")), ["map"])


def test_names_with_quotes_are_written_so_that_python_reads_them(layers):
    layers['the "old" map\'s'] = layers["map"]
    call = Call(plan_run(method="pca", preset="fast"))
    assert len(run_lines(python_of(call, ['the "old" map\'s']), layers)) == 1


def test_a_model_without_a_file_is_to_be_saved_first(layers, small_map, tmp_path, monkeypatch):
    model = xrf.denoise(small_map, method="pca", preset="fast").model
    call = Call(plan_run(), trained=Trained("that of map denoised", model))
    lines = python_of(call, ["map"])
    assert "after Save model" in lines
    monkeypatch.chdir(tmp_path)
    model.save("model.safetensors")
    assert len(run_lines(lines, layers)) == 1
