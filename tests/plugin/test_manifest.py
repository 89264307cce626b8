import subprocess
import sys
from pathlib import Path

import pytest
from npe2 import PluginManifest

import napari_xrf_denoise
from napari_xrf_denoise.plugin.common.preferences import DEVICES, PAGE, PRESETS, Preferences
from napari_xrf_denoise.plugin.common.window_words import PLACES
from tests.helpers.patience import PATIENCE

NAME = "napari-xrf-denoise"


@pytest.fixture(scope="module")
def manifest():
    return PluginManifest.from_distribution(NAME)


def test_everything_in_the_manifest_can_be_imported(manifest):
    manifest.validate_imports()


def test_docks_samples_and_commands_have_their_public_names(manifest):
    contributions = manifest.contributions
    names = [widget.display_name for widget in contributions.widgets]
    assert names == [
        "Denoise",
        "Spectrum",
        "Element maps",
        "Calibrate energy",
        "Batch denoise",
        "Compare",
        "Align repeats",
        "Counts to photons",
        "Normalise",
        "Sum repeats",
        "Crop",
    ]
    assert [sample.key for sample in contributions.sample_data] == ["spectra", "map"]


def test_docks_are_in_the_menus_of_layers(manifest):
    menus = manifest.contributions.menus
    assert {menu: [entry.command for entry in menus[menu]] for menu in menus} == {
        "napari/layers/filter": [f"{NAME}.denoise"],
        "napari/layers/visualize": [f"{NAME}.spectrum", f"{NAME}.compare"],
        "napari/file/io_utilities": [f"{NAME}.batch"],
        "napari/layers/data": [f"{NAME}.calibrate", f"{NAME}.photon_counts", f"{NAME}.normalise"],
        "napari/layers/transform": [f"{NAME}.crop"],
        "napari/layers/register": [f"{NAME}.align_repeats"],
        "napari/layers/project": [f"{NAME}.sum_repeats"],
        "napari/layers/measure": [f"{NAME}.element_maps"],
    }


def test_every_place_that_a_warning_names_is_in_the_menus(manifest):
    contributions = manifest.contributions
    names = {widget.command: widget.display_name for widget in contributions.widgets}
    places = {
        f"Layers > {menu.rpartition('/')[2].title()} > {names[entry.command]}"
        for menu, entries in contributions.menus.items()
        for entry in entries
    }
    assert set(PLACES.values()) <= places


def test_the_page_of_preferences_offers_what_is_possible(manifest):
    configurations = getattr(manifest.contributions, "configurations", None)
    if not configurations:
        pytest.skip("this npe2 has no pages of preferences")
    properties = configurations[PAGE].properties
    defaults = {name: entry.default for name, entry in properties.items()}
    assert Preferences(**defaults) == Preferences()
    assert properties["device"].enum == list(DEVICES)
    assert properties["preset"].enum == list(PRESETS)
    assert all(entry.description for entry in properties.values())


def test_the_link_in_the_root_is_the_manifest():
    inside = Path(napari_xrf_denoise.__file__).parent / "napari.yaml"
    link = Path(__file__).resolve().parents[2] / "napari.yaml"
    if not link.exists():
        pytest.skip("not a checkout")
    assert link.read_text(encoding="utf-8") == inside.read_text(encoding="utf-8")


def test_importing_the_plugin_loads_no_torch():
    code = (
        "import sys\n"
        "from npe2 import PluginManifest\n"
        f"PluginManifest.from_distribution({NAME!r}).validate_imports()\n"
        "assert 'torch' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=PATIENCE)
