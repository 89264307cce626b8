"""The call that a click on Denoise makes, and the Python that does the same."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from napari_xrf_denoise.denoising import Denoised, Model, RunPlan, apply, denoise

UNSAVED = "model.safetensors"
"""Placeholder for the file of a model that has none yet."""


@dataclass(frozen=True, eq=False)
class Trained:
    """A model that was trained before, to be applied instead of training a new one."""

    name: str
    """As shown to the user."""
    model: Model
    path: Path | None = None
    """Its file, where it has one."""


@dataclass(frozen=True)
class Call:
    """A run of `denoise`, or of `apply` if there is a trained model."""

    plan: RunPlan
    device: str = "auto"
    trained: Trained | None = None
    threads: int = 0
    """Most processor cores to use; 0 leaves that to torch."""

    def run(
        self, data: Any, engine: Callable[..., Denoised] = denoise, **watching: Any
    ) -> Denoised:
        """Run the engine on data, in the thread that calls."""
        if self.trained is not None:
            return apply(self.trained.model, data, device=self.device, **watching)
        method = self.plan.request["method"]
        return engine(
            data, method=method, settings=self.plan.settings, device=self.device, **watching
        )

    def as_python(self, layers: Sequence[str]) -> str:
        """Return lines for napari's console that do the same to the layers of these names."""
        named = [f"viewer.layers[{name!r}]" for name in layers]
        data = named[0] if len(named) == 1 else f"[{', '.join(named)}]"
        arguments = {} if self.device == "auto" else {"device": self.device}
        lines = ["import napari_xrf_denoise as xrf", ""]
        if self.threads:
            lines[1:1] = ["import torch", "", f"torch.set_num_threads({self.threads})"]
        if self.trained is None:
            asked = dict(self.plan.request)
            first = {name: asked.pop(name) for name in ("method", "preset")}
            first["seed"] = self.plan.settings.seed
            call = _call("xrf.denoise", [data], {**first, **asked, **arguments})
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
