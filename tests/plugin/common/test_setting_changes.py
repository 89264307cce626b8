"""Settings that the user changed."""

from napari_xrf_denoise.denoising.settings import PcaSettings, SpectrumSettings, StackSettings
from napari_xrf_denoise.plugin.common.setting_changes import Changes


def test_a_setting_belongs_to_its_method_also_where_another_has_one_of_that_name():
    changes = Changes().changed(StackSettings(), "steps", 900)
    assert changes.of(StackSettings(steps=150)) == {"steps": 900}
    assert changes.of(SpectrumSettings()) == {}


def test_seed_and_pairs_are_shared():
    changes = Changes().changed(StackSettings(), "seed", 7)
    changes = changes.changed(PcaSettings(), "pairs", "repeats")
    for preset in (StackSettings(), SpectrumSettings(), PcaSettings()):
        assert changes.of(preset) == {"seed": 7, "pairs": "repeats"}


def test_a_value_as_in_the_preset_is_no_change():
    changes = Changes().changed(PcaSettings(), "rank", 5).changed(PcaSettings(), "rank", None)
    assert changes == Changes()
