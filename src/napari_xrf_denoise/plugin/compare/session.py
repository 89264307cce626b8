"""Computes residuals for the Compare dock: no widget in here, only the model and a thread."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from napari_xrf_denoise.layers.convert import image_from_layer_data, layer_attributes
from napari_xrf_denoise.layers.geometry import layer_transform
from napari_xrf_denoise.plugin.common.jobs import RunSession
from napari_xrf_denoise.processing.residuals import StandardResiduals, standard_residuals

from .model import CompareModel


class CompareSession(RunSession):
    """Computes the residuals of the chosen pair and window."""

    model: CompareModel
    HINT = "Close other layers, or crop."

    def __init__(
        self, model: CompareModel, add_layer: Callable[[Any, dict[str, Any]], object]
    ) -> None:
        super().__init__(model)
        self._add_layer = add_layer

    def start(self) -> None:
        """Begin; what happens to the layers from here on does not matter any more."""
        model = self.model
        if self.job is not None or model.problem():
            return
        if problem := model.window_problem():
            self.end(problem, "error")
            return
        window, pair = model.window(), model.pair
        is_map = bool({"y", "x"} & set(model.before.axis_labels))
        place = layer_transform(model.before) if is_map else {}
        # Taken on the main thread: the thread that computes may not touch a layer.
        counts = [(layer.data, layer_attributes(layer)) for layer in pair]

        def work(on_progress: Any, should_stop: Callable[[], bool]) -> StandardResiduals:
            before, after = (image_from_layer_data(*one) for one in counts)
            return standard_residuals(
                before, after, window=window, on_progress=on_progress, should_stop=should_stop
            )

        def finish(found: StandardResiduals) -> str:
            if found.raw.is_map:
                data, attributes, _ = found.layer_data()
                self._add_layer(data, attributes | place)
                done = "Residual map added."
            else:
                done = "Residual spectrum drawn; a single spectrum has no map."
            if model.pair == pair:
                model.residuals = found
            return f"{done} {found.summary()}".rstrip()

        self.run(work, finish, "xrf-compare")
