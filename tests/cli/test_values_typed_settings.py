import pytest

from napari_xrf_denoise.cli.values import parse_settings
from napari_xrf_denoise.core.errors import SettingsError


def test_values_are_what_they_look_like():
    given = parse_settings(["steps=50", "learning_rate = 0.01", "rank=None", "strategy=X:1"], {})
    assert given == {"steps": 50, "learning_rate": 0.01, "rank": None, "strategy": "X:1"}


@pytest.mark.parametrize("entry", ["steps", "=5", ""])
def test_what_is_no_setting_is_refused(entry):
    with pytest.raises(SettingsError, match="expected name=value"):
        parse_settings([entry], {})


def test_a_name_with_a_place_of_its_own_says_where():
    with pytest.raises(SettingsError, match="'seed' is given by the box above"):
        parse_settings(["seed=3"], {"seed": "the box above"})
