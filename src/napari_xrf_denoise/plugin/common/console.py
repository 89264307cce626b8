"""Lines of Python for napari's console: the same as a dock does, from public names alone."""

from __future__ import annotations

from typing import Any

IMPORT = "import napari_xrf_denoise as xrf"


def layer_line(layer: Any, variable: str = "layer") -> str:
    """Return the line that takes a layer, or one of that name, from the viewer."""
    return f"{variable} = {layer_of(layer)}"


def layer_of(layer: Any) -> str:
    """Return what stands for a layer, or for one of that name."""
    return f"viewer.layers[{layer if isinstance(layer, str) else layer.name!r}]"


def call(function: str, *given: str, **named: Any) -> str:
    """Return a call: `given` as they are written, `named` as values; None leaves one out."""
    arguments = [
        *given,
        *(f"{name}={value!r}" for name, value in named.items() if value is not None),
    ]
    if len(arguments) <= 2:
        return f"{function}({', '.join(arguments)})"
    return f"{function}(\n    " + ",\n    ".join(arguments) + ",\n)"


def snippet(*lines: str, threads: int = 0) -> str:
    """Return lines as text, behind what they import; `threads` limits torch, 0 does not."""
    torch = ["import torch", f"torch.set_num_threads({threads})"]
    head = [torch[0], IMPORT, "", torch[1]] if threads else [IMPORT, ""]
    return "\n".join([*head, *lines])
