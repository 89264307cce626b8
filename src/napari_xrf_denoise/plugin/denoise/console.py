"""The Python that does what a click on Denoise does, without Qt."""

from __future__ import annotations

from collections.abc import Sequence

from napari_xrf_denoise.plugin.common.console import call, layer_of, snippet

from .call import Call

UNSAVED = "model.safetensors"
"""Placeholder for the file of a model that has none yet."""


def python_of(run: Call, layers: Sequence[str]) -> str:
    """Return lines that do the same to the layers of these names."""
    named = [layer_of(name) for name in layers]
    data = named[0] if len(named) == 1 else f"[{', '.join(named)}]"
    where = {name: value for name, value in run.where.items() if value != "auto"}
    lines = []
    if run.trained is None:
        asked = dict(run.plan.request)
        first = {name: asked.pop(name) for name in ("method", "preset")}
        settings = first | {"seed": run.plan.settings.seed} | asked
        made = call("xrf.denoise", data, **settings, **where)
    else:
        path = run.trained.path
        lines += ["# after Save model…"] if path is None else []
        lines.append(f"model = xrf.Model.load({str(path or UNSAVED)!r})")
        made = call("xrf.apply", "model", data, **where)
    return snippet(
        *lines,
        f"result = {made}",
        f"viewer.add_layer(result.to_layer(like={named[0]}))",
        "print(result.report.summary())",
        threads=run.threads,
    )
