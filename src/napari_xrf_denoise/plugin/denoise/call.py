"""The call that a click on Denoise makes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from napari_xrf_denoise.denoising import Denoised, Model, RunPlan, apply, denoise


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
    scheduler: str = ""
    """Address of a scheduler whose workers do the work; empty for this computer."""

    @property
    def where(self) -> dict[str, Any]:
        """Keyword arguments that say where to compute."""
        return {"device": self.device} | ({"client": self.scheduler} if self.scheduler else {})

    def run(
        self, data: Any, engine: Callable[..., Denoised] = denoise, **watching: Any
    ) -> Denoised:
        """Run the engine on data, in the thread that calls."""
        if self.trained is not None:
            return apply(self.trained.model, data, **self.where, **watching)
        method = self.plan.request["method"]
        return engine(data, method=method, settings=self.plan.settings, **self.where, **watching)
