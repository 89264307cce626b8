"""Every setting that a user can change is explained where it is changed."""

from dataclasses import fields

import pytest

from napari_xrf_denoise.denoising.settings import (
    PcaSettings,
    SpectrumSettings,
    StackSettings,
    TutorialSettings,
)
from napari_xrf_denoise.plugin.common.settings_form import explain_settings


@pytest.mark.parametrize("kind", [PcaSettings, SpectrumSettings, StackSettings, TutorialSettings])
def test_each_setting_has_words_that_end_a_sentence(kind):
    words = explain_settings(kind)
    for entry in fields(kind):
        assert words[entry.name].endswith("."), entry.name


def test_a_name_that_shares_its_entry_has_the_same_words():
    words = explain_settings(TutorialSettings)
    assert words["features"] == words["layers"]
    assert "convolutions" in words["features"]
