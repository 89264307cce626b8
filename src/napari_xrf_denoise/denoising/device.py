"""Where torch computes, and with how many threads."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from napari_xrf_denoise.core.errors import SettingsError

if TYPE_CHECKING:
    import torch


def find_device(name: str) -> torch.device:
    """Return the torch device of this name; ``"auto"`` takes CUDA, then MPS, then the CPU.

    Raises
    ------
    SettingsError
        If the device does not exist here.
    """
    import torch

    if name == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda")
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    try:
        device = torch.device(name)
        # A copy back finds devices that exist in name only.
        torch.zeros(1, device=device).cpu().numpy()
    except (RuntimeError, AssertionError, NotImplementedError, TypeError) as error:
        raise SettingsError(
            f"device {name!r} cannot be used here ({str(error).splitlines()[0]}); "
            "expected auto, cpu, cuda or mps"
        ) from error
    return device


@contextmanager
def threads(number: int) -> Iterator[None]:
    """Compute with this many threads for a while; 0 leaves the number to torch.

    Tiny networks are bound by the overhead of each operation: a second thread slows them.
    """
    if number == 0:
        yield
        return
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(number)
    try:
        yield
    finally:
        torch.set_num_threads(before)
