"""The demo: the main job from end to end on simulated data."""

from functools import partial

import numpy as np
import pytest
from typer.testing import CliRunner

import napari_xrf_denoise as xrf
from napari_xrf_denoise.cli import demo
from napari_xrf_denoise.cli.app import app
from napari_xrf_denoise.cli.demo import check_demo_folder
from napari_xrf_denoise.simulation.measurements import simulate_map, simulate_spectra

PICTURES = {
    *(f"spectra{job}_{kind}.png" for job in ("", "_tutorial")
      for kind in ("data", "losses", "result", "details")),
    *(f"map_{kind}.png" for kind in ("sum_spectrum", "strongest_line", "losses", "element")),
}  # fmt: skip


@pytest.fixture
def short_demo(monkeypatch):
    """Make the demo's measurements small and its trainings short: return the two of them.

    The whole demo is the first of the README's commands.
    """
    spectra = partial(simulate_spectra, n_channels=512)
    small_map = partial(simulate_map, shape=(24, 24), n_channels=512)
    denoise = demo.denoise

    def shorter(image, **options):
        steps = {"epochs": 300} if options.get("preset") == "tutorial" else {}
        preset = {} if "preset" in options else {"preset": "fast"}
        return denoise(image, **options, **steps, **preset)

    for name, stand_in in (
        ("simulate_spectra", spectra),
        ("simulate_map", small_map),
        ("denoise", shorter),
    ):
        monkeypatch.setattr(demo, name, stand_in)
    return spectra, small_map


def test_the_demo_leaves_data_figures_and_true_dose_gains(tmp_path, short_demo):
    done = CliRunner().invoke(app, ["demo", "--output", str(tmp_path / "demo")])
    assert done.exit_code == 0
    folder = tmp_path / "demo"
    data = {"spectra.h5", "spectra_denoised.h5", "map.h5", "map_denoised.h5"}
    assert {path.name for path in folder.iterdir()} == PICTURES | data

    lines = [line for line in done.stdout.splitlines() if line.startswith("dose gain: ")]
    printed = [float(line.removeprefix("dose gain: ")) for line in lines]
    assert len(printed) == 4
    spectra_of, map_of = short_demo
    _, rate = spectra_of(seed=0)
    spectra = np.asarray(xrf.read(folder / "spectra_denoised.h5").counts[0], dtype=float)
    assert printed[0] == pytest.approx(rate.sum() / 4 / ((spectra - rate) ** 2).sum(), abs=0.051)
    _, rate = map_of(seed=0)
    cube = np.asarray(xrf.read(folder / "map_denoised.h5").counts[0], dtype=float)
    assert printed[3] == pytest.approx(rate.sum() / ((cube - rate) ** 2).sum(), abs=0.051)
    # The published job, the second one, is cut short here.
    assert min(printed[0], *printed[2:]) > 2


@pytest.mark.parametrize("name", ["map.h5", "map_denoised.h5", "map_element.png", "map_losses.png"])
def test_a_file_of_the_user_is_never_replaced(tmp_path, name):
    own = tmp_path / name
    if own.suffix == ".h5":
        xrf.write(own, xrf.SpectrumImage(np.ones((1, 2, 3, 16), np.uint16)))
    else:
        own.write_bytes(b"a picture")
    before = own.read_bytes()
    done = CliRunner().invoke(app, ["demo", "--output", str(tmp_path)])
    assert isinstance(done.exception, FileExistsError)
    assert f"{name}: expected a file of an earlier demo" in str(done.exception)
    assert list(tmp_path.iterdir()) == [own]
    assert own.read_bytes() == before


def test_the_files_of_an_earlier_demo_may_be_replaced(tmp_path):
    image, _ = simulate_map(shape=(8, 8), n_channels=128, seed=0)
    xrf.write(tmp_path / "map.h5", image)
    result = xrf.denoise(image, method="pca", preset="fast")
    xrf.write(tmp_path / "map_denoised.h5", result.image)
    (tmp_path / "map_element.png").write_bytes(b"a picture")
    (tmp_path / "notes.txt").write_text("mine")
    check_demo_folder(tmp_path)
