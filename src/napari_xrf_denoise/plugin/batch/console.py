"""The Python that does what "Start" does in the dock "Batch denoise", without Qt."""

from __future__ import annotations

from napari_xrf_denoise.plugin.common.console import snippet
from napari_xrf_denoise.plugin.common.preferences import Preferences

from .model import BatchModel

SOURCES = (
    "# For files that do not describe themselves, the options that xrf.read would need:",
    "# sources=xrf.batch.Sources(energy_axis=0)",
)


def python_of(model: BatchModel, user_preferences: Preferences) -> str:
    """Return lines that denoise the same files in the same way; none while that cannot start."""
    if model.problem:
        return ""
    if model.way == "settings" and model.plan.problem:
        return ""  # of several fields that change, one after the other
    if model.way == "model":
        how = f"xrf.Model.load({str(model.model_file)!r})"
    else:
        how = repr(dict(model.plan.request))
    files = "".join(f"    {str(path)!r},\n" for path in model.sources)
    overwrite = ", overwrite=True" if model.overwrite else ""
    device, address = user_preferences.device, user_preferences.scheduler
    where = "" if device == "auto" else f", device={device!r}"
    where += f", client={address!r}" if address else ""
    plan = f"xrf.batch.plan(files, {str(model.folder)!r}, suffix={model.suffix!r}{overwrite})"
    return snippet(
        f"files = [\n{files}]",
        f"tasks = {plan}",
        *SOURCES,
        f"tasks = xrf.batch.run(tasks, {how}{where})",
        "for task in tasks:",
        "    print(task.source.name, task.state, task.gain_words, task.short_message)",
        threads=user_preferences.threads,
    )
