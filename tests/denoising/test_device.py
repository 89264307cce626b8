"""Devices and threads."""

import pytest
import torch

from napari_xrf_denoise.core.errors import SettingsError
from napari_xrf_denoise.denoising.device import find_device, threads


def test_auto_finds_a_device_that_computes():
    device = find_device("auto")
    assert torch.ones(2, device=device).sum().item() == 2


@pytest.mark.parametrize("name", ["toaster", "cuda:99"])
def test_a_device_that_is_not_there_is_refused_in_words(name):
    with pytest.raises(SettingsError, match=f"device '{name}' cannot be used here"):
        find_device(name)


def test_threads_are_given_back_also_after_an_error():
    before = torch.get_num_threads()
    with pytest.raises(ZeroDivisionError), threads(1):
        assert torch.get_num_threads() == 1
        _ = 1 / 0
    assert torch.get_num_threads() == before
