"""Parsers that may crash do so in a process of their own."""

import numpy as np
import pytest

from napari_xrf_denoise.core.errors import FormatError
from napari_xrf_denoise.io.instruments import _subprocess as _vendor_process
from napari_xrf_denoise.io.instruments._subprocess import ParserError, load_apart

READER = """
import ctypes, time
import numpy as np

def file_reader(path, **arguments):
    text = open(path).read()
    if text == "crash":
        ctypes.string_at(0)
    if text == "endless":
        time.sleep(60)
    if text == "raise":
        raise KeyError("no header")
    axes = [{"name": "z", "units": "keV", "scale": np.float64(0.01), "size": 3}]
    return [{"data": np.arange(3), "axes": axes, "metadata": dict(arguments)}]
"""


@pytest.fixture
def fake(tmp_path, monkeypatch):
    """A package rsciio whose reader does what its file says; returns how to read such a file."""
    folder = tmp_path / "packages" / "rsciio"
    folder.mkdir(parents=True)
    (folder / "__init__.py").write_text("")
    (folder / "fake.py").write_text(READER)
    monkeypatch.setenv("PYTHONPATH", str(folder.parent))

    def load(text, **arguments):
        path = tmp_path / "mäp.bcf"
        path.write_text(text)
        return load_apart("fake", path, arguments)

    return load


def test_signals_come_back_with_their_axes_and_metadata(fake):
    (found,) = fake("good", downsample=1)
    np.testing.assert_array_equal(found["data"], [0, 1, 2])
    assert found["axes"] == [{"name": "z", "units": "keV", "scale": 0.01, "size": 3}]
    assert found["metadata"] == {"downsample": 1}


def test_a_crash_is_an_error_that_names_the_file(fake):
    with pytest.raises(FormatError, match=r"mäp\.bcf: expected a complete \.bcf file.*crashed"):
        fake("crash")


def test_an_error_of_the_reader_is_told(fake):
    with pytest.raises(ParserError, match="KeyError: 'no header'"):
        fake("raise")


def test_a_reader_that_does_not_end_is_ended(fake, monkeypatch):
    monkeypatch.setattr(_vendor_process, "LEAST_SECONDS", 3.0)
    with pytest.raises(FormatError, match="did not end within 3 s"):
        fake("endless")


@pytest.mark.parametrize("module", ["json", "numpy", "rsciio"])
def test_no_code_beside_the_data_is_run(fake, tmp_path, monkeypatch, module):
    (tmp_path / f"{module}.py").write_text("open('was_run', 'w').close()\nraise SystemExit(3)\n")
    monkeypatch.chdir(tmp_path)
    (found,) = fake("good")
    np.testing.assert_array_equal(found["data"], [0, 1, 2])
    assert not (tmp_path / "was_run").exists()
