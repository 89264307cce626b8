"""The pages for users: their Python runs, and nothing that they point at is missing."""

import re
from pathlib import Path

import numpy as np
import pytest

import napari_xrf_denoise as xrf

ROOT = Path(__file__).resolve().parents[1]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")])
BLOCK = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\(([^)#]+)[^)]*\)")


def run_blocks(page, names):
    text = (ROOT / page).read_text("utf-8")
    blocks = list(BLOCK.finditer(text))
    assert blocks
    for block in blocks:
        line = text[: block.start(1)].count("\n")
        # The lines of an error are those of the page.
        exec(compile("\n" * line + block.group(1), page, "exec"), names)
    return names


@pytest.fixture
def viewer_names(tmp_path, monkeypatch):
    """What napari's console has, in a folder of its own."""
    components = pytest.importorskip("napari.components")
    monkeypatch.chdir(tmp_path)
    return {"viewer": components.ViewerModel()}


@pytest.mark.slow
def test_the_console_page_runs(viewer_names):
    names = run_blocks("docs/console.md", viewer_names)
    # The peaks that the page calibrates by are those of the simulated axis.
    np.testing.assert_allclose(names["axis"].centers, names["image"].energy.centers, atol=1e-6)
    error = np.sum((np.asarray(names["result"].counts) - names["truth"]) ** 2)
    assert error < names["truth"].sum() / 4  # a dose gain of 4
    assert [layer.name for layer in viewer_names["viewer"].layers] == ["map", "map denoised"]
    assert names["tasks"][0].target.is_file()


@pytest.mark.slow
def test_the_first_page_runs(viewer_names):
    image, _ = xrf.simulate_map(shape=(24, 24), n_channels=512, seed=1)
    xrf.write("your_map.h5", image)
    names = run_blocks("README.md", viewer_names)
    assert names["iron"].shape == (24, 24)
    assert Path("your_map_denoised.h5").is_file()


@pytest.mark.slow
def test_the_tutorial_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    spectra, _ = xrf.simulate_spectra(n_channels=512, seed=1)
    xrf.write("05_xrf_spectra.csv", spectra)
    names = run_blocks("docs/tutorial.md", {})
    assert names["published"].model.n_parameters == 256
    assert names["result"].report.dose_gain > 1


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_what_a_page_points_at_is_there(page):
    targets = LINK.findall(page.read_text("utf-8"))
    paths = [target for target in targets if not target.startswith(("http:", "https:", "mailto:"))]
    missing = [target for target in paths if not (page.parent / target).exists()]
    assert not missing


def test_each_picture_is_shown_and_small():
    text = "".join(page.read_text("utf-8") for page in PAGES)
    for picture in (ROOT / "docs" / "images").iterdir():
        assert f"images/{picture.name}" in text, f"{picture.name} is on no page"
        assert picture.stat().st_size < 250_000, picture.name
