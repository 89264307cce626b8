import pytest

from napari_xrf_denoise.core.quantities import about_bytes, about_seconds


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.2, "about 1 s"),
        (7.4, "about 7 s"),
        (23, "about 25 s"),
        (89, "about 90 s"),
        (125, "about 2 min"),
        (7200, "about 2.0 h"),
    ],
)
def test_times_are_no_more_exact_than_an_estimate(seconds, words):
    assert about_seconds(seconds) == words


@pytest.mark.parametrize(
    ("n_bytes", "words"),
    [
        (1e6, "about 0.1 GB"),
        (4.2e8, "about 0.4 GB"),
        (1.24e9, "about 1.2 GB"),
        (31e9, "about 31 GB"),
    ],
)
def test_sizes_too(n_bytes, words):
    assert about_bytes(n_bytes) == words
