"""The call that a click on Denoise makes, and the Python that does the same."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from napari_xrf_denoise.denoising import Denoised, Model, apply, denoise

UNSAVED = "model.safetensors"
"""Stands for the file of a model that has none yet."""


@dataclass(frozen=True, eq=False)
class Trained:
    """A model that was trained before, to be applied instead of learning anew.

    Parameters
    ----------
    name : str
        As shown to the user.
    model : Model
    path : pathlib.Path, optional
        Its file, where it has one.
    """

    name: str
    model: Model
    path: Path | None = None


@dataclass(frozen=True)
class Call:
    """A run of `denoise`, or of `apply` where there is a trained model.

    Parameters
    ----------
    settings : mapping of str to value
        Keyword arguments of `denoise`: method, preset, seed and those that differ from the preset.
    device : str
    trained : Trained, optional
    threads : int
        Most processor cores to use; 0 leaves that to torch.
    """

    settings: Mapping[str, Any] = field(default_factory=dict)
    device: str = "auto"
    trained: Trained | None = None
    threads: int = 0

    def run(
        self, data: Any, engine: Callable[..., Denoised] = denoise, **watching: Any
    ) -> Denoised:
        """Run the engine on data, in the thread that calls."""
        if self.trained is None:
            return engine(data, device=self.device, **self.settings, **watching)
        return apply(self.trained.model, data, device=self.device, **watching)

    def as_python(self, layers: Sequence[str]) -> str:
        """Return lines for napari's console that do the same to the layers of these names.

        Parameters
        ----------
        layers : sequence of str
        """
        named = [f"viewer.layers[{name!r}]" for name in layers]
        data = named[0] if len(named) == 1 else f"[{', '.join(named)}]"
        arguments = {} if self.device == "auto" else {"device": self.device}
        lines = ["import napari_xrf_denoise as xrf", ""]
        if self.threads:
            lines[1:1] = ["import torch", "", f"torch.set_num_threads({self.threads})"]
        if self.trained is None:
            call = _call("xrf.denoise", [data], {**self.settings, **arguments})
        else:
            path = self.trained.path
            lines += ["# after Save model…"] if path is None else []
            lines.append(f"model = xrf.Model.load({str(path or UNSAVED)!r})")
            call = _call("xrf.apply", ["model", data], arguments)
        lines += [
            f"result = {call}",
            f"viewer.add_layer(result.to_layer(like={named[0]}))",
            "print(result.report.summary())",
        ]
        return "\n".join(lines)


def _call(function: str, given: Sequence[str], named: Mapping[str, Any]) -> str:
    arguments = [*given, *(f"{name}={value!r}" for name, value in named.items())]
    return f"{function}(\n    " + ",\n    ".join(arguments) + ",\n)"
