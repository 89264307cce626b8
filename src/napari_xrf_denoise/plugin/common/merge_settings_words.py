"""What a setting means, taken from where it is documented: the docstring of its settings."""

from __future__ import annotations

import inspect
import re

from napari_xrf_denoise.denoising.settings import Settings

_ENTRY = re.compile(r"^(?P<names>\w+(?:, \w+)*) : (?P<kind>.+)$")


def explain_settings(kind: type[Settings]) -> dict[str, str]:
    """Return the meaning of every setting of a method, by name.

    Parameters
    ----------
    kind : type
        A class of `napari_xrf_denoise.denoising.settings`.

    Examples
    --------
    >>> from napari_xrf_denoise.denoising.settings import PcaSettings
    >>> explain_settings(PcaSettings)["rank"]
    'Number of components; None finds it from the data by held-out counts.'
    """
    found: dict[str, str] = {}
    for base in reversed(kind.__mro__):
        if issubclass(base, Settings):
            found.update(_entries(inspect.getdoc(base) or ""))
    return found


def _entries(docstring: str) -> dict[str, str]:
    _, _, section = docstring.partition("Parameters\n----------\n")
    section = section.partition("\n\n")[0]
    found: dict[str, str] = {}
    names: list[str] = []
    for line in section.splitlines():
        entry = _ENTRY.match(line)
        if entry:
            names = entry["names"].split(", ")
            continue
        for name in names:
            found[name] = f"{found.get(name, '')} {line.strip()}".strip()
    return found
