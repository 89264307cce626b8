"""Ranges as they are typed on the command line."""

import pytest

from napari_xrf_denoise.cli.values import parse_factors, parse_slice, parse_window, slice_within
from napari_xrf_denoise.core.errors import SettingsError

ROWS = list(range(32))


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        ("0:4", [0, 1, 2, 3]),
        ("7", [7]),
        ("-1", [31]),
        ("30:", [30, 31]),
        (":2", [0, 1]),
        ("-2:", [30, 31]),
        ("29:-1", [29, 30]),
        (":", ROWS),
        ("0:32", ROWS),
    ],
)
def test_a_range_is_what_it_is_in_python(text, rows):
    assert ROWS[slice_within(text, "--y", 32, "rows")] == rows


@pytest.mark.parametrize("text", ["0:33", "32", "100:200", "-33:", "-33", "40:", "20:-20"])
def test_what_the_file_does_not_have_is_refused_with_what_it_has(text):
    with pytest.raises(SettingsError, match=r"the file has rows 0 to 31, such as 0:32") as error:
        slice_within(text, "--y", 32, "rows")
    assert str(error.value).startswith(f"--y {text}: ")


def test_a_range_that_ends_before_it_begins_is_refused_before_there_is_a_file():
    for text in ("9:3", "-3:-9"):
        with pytest.raises(SettingsError, match=f"--y {text}: first is after last"):
            parse_slice(text, "--y")
    with pytest.raises(SettingsError, match="--y 4:4: nothing is left"):
        parse_slice("4:4", "--y")


@pytest.mark.parametrize("text", ["", "a:b", "1:2:3", "1.5:3"])
def test_what_is_no_range_is_refused(text):
    with pytest.raises(SettingsError, match="expected first:last\\+1 such as 0:4, found"):
        parse_slice(text, "--y")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("5:2", "5:2: low is above high"),
        ("5:5", "5:5: no energy lies between"),
        ("nan:5", "nan:5: no energy lies between"),
        ("5", "expected low:high in keV, found '5'"),
        ("a:5", "expected low:high in keV, found 'a:5'"),
    ],
)
def test_energies_that_are_no_window_are_refused(text, words):
    with pytest.raises(SettingsError, match=words):
        parse_window(text, "--energy")


@pytest.mark.parametrize("text", ["0,1,1", "1,1,0", "2²,1,1", "1,1", "-1,1,1", "1.5,1,1", "a,1,1"])
def test_factors_are_whole_numbers_of_at_least_1(text):
    with pytest.raises(SettingsError, match="--rebin: expected three whole numbers of at least 1"):
        parse_factors(text, "--rebin")
