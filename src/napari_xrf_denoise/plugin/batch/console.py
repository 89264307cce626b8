"""The Python that does what "Start" does in the dock "Batch denoise", without Qt."""

from __future__ import annotations

from napari_xrf_denoise.plugin.common.preferences import Preferences

from .model import BatchModel


def python_of(model: BatchModel, user_preferences: Preferences) -> str:
    """Return lines for napari's console that denoise the same files in the same way.

    Parameters
    ----------
    model : BatchModel
    wishes : Preferences
        Where to compute, and with how many threads.

    Returns
    -------
    str
        Nothing as long as the batch cannot be started.
    """
    if model.problem:
        return ""
    if model.way == "settings" and model.plan.problem:
        return ""  # of several fields that change, one after the other
    imports = [
        "from napari_xrf_denoise.batch.runner import plan, run",
        "from napari_xrf_denoise.plugin.opening.answers import RememberedAnswers",
    ]
    if model.way == "model":
        imports.insert(0, "import napari_xrf_denoise as xrf")
        how = f"xrf.Model.load({str(model.model_file)!r})"
    else:
        how = repr(dict(model.plan.request))
    lines = [*imports, ""]
    if user_preferences.threads:
        lines = ["import torch", *lines, f"torch.set_num_threads({user_preferences.threads})"]
    files = "".join(f"    {str(path)!r},\n" for path in model.sources)
    overwrite = ", overwrite=True" if model.overwrite else ""
    device = "" if user_preferences.device == "auto" else f", device={user_preferences.device!r}"
    lines += [
        f"files = [\n{files}]",
        f"tasks = plan(files, {str(model.folder)!r}, suffix={model.suffix!r}{overwrite})",
        # Files that do not say enough are read as was answered in the read dialog.
        f"tasks = run(tasks, {how}, sources=RememberedAnswers(){device})",
        "for task in tasks:",
        "    print(task.source.name, task.state, task.gain_words, task.short_message)",
    ]
    return "\n".join(lines)
