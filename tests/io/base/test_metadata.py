import datetime
import json
from pathlib import PurePosixPath

import numpy as np
import pytest

from napari_xrf_denoise import DataError, FormatError
from napari_xrf_denoise.io.base.metadata import decode, encode, plain_or_text


def test_plain_values_come_back_as_they_were():
    content = {"a": 1, "b": [1.5, None, True, "µ\x00"], "c": {"d": []}}
    assert decode(encode(content), "file") == content


@pytest.mark.parametrize(
    ("value", "plain"),
    [
        (np.float64(0.1), 0.1),
        (np.uint8(200), 200),
        (np.bool_(True), True),
        (np.arange(3), [0, 1, 2]),
        ((1, (2, 3)), [1, [2, 3]]),
        (PurePosixPath("a/b"), "a/b"),
        (datetime.date(2024, 5, 17), "2024-05-17"),
        ({1: "one"}, {"1": "one"}),
    ],
)
def test_values_with_a_plain_meaning_become_plain(value, plain):
    found = decode(encode({"value": value}), "file")["value"]
    assert found == plain
    assert type(found) is type(plain)


def test_a_figure_that_cannot_be_known_stays_nan():
    assert np.isnan(decode(encode({"dose_gain": float("nan")}), "file")["dose_gain"])


def test_what_has_no_plain_meaning_is_named():
    with pytest.raises(DataError, match=r"metadata\['model'\]\[1\] is a object"):
        encode({"model": [1, object()]})


@pytest.mark.parametrize("text", ["{", "[1, 2]", "", b"\xff\xfe", "[" * 100_000])
def test_damaged_text_names_the_file(text):
    with pytest.raises(FormatError, match=r"map\.h5: expected provenance"):
        decode(text, "map.h5")


def test_foreign_metadata_never_fail():
    foreign = {"date": datetime.date(2020, 1, 2), "noise": np.zeros(20_000), "x": {"y": object}}
    found = plain_or_text(foreign)
    json.dumps(found)
    assert found["date"] == "2020-01-02"
    assert found["noise"] == "array of shape (20000,), left out"
    assert "object" in found["x"]["y"]
