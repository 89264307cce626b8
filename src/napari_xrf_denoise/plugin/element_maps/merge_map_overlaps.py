"""Words of warning where other lines lie in the windows of maps, without Qt."""

from __future__ import annotations

from collections.abc import Sequence

from napari_xrf_denoise.core.energy_axis import EnergyAxis
from napari_xrf_denoise.core.errors import DataError, SettingsError
from napari_xrf_denoise.processing.line_overlaps import (
    COMMON_ELEMENTS,
    lines_between,
    overlapping_lines,
)
from napari_xrf_denoise.spectroscopy.xray_lines import XrayLine

from .recipe import MapRecipe

MOST_NAMED = 4
"""Lines that are named for one map; the strongest ones."""


def overlap_words(recipes: Sequence[MapRecipe], axis: EnergyAxis | None) -> str:
    """Return a line of text for each map whose window holds lines of other elements.

    Looked for among common elements and those that are mapped themselves. For a window of one's
    own it says which lines are in it.
    """
    if axis is None or not axis.calibrated:
        return ""
    chosen = {recipe.element for recipe in recipes if recipe.element}
    words = [_of_one(recipe, axis, chosen) for recipe in recipes]
    return "\n".join(line for line in words if line)


def _of_one(recipe: MapRecipe, axis: EnergyAxis, chosen: set[str]) -> str:
    among = (*COMMON_ELEMENTS, *sorted(chosen))
    try:
        resolved = recipe.resolved(axis)
        if not resolved.element:
            found = lines_between(resolved.low, resolved.high, among=among)
            return f"Lines in the window: {_named(found)}." if found else ""
        found = overlapping_lines(resolved.element, resolved.line, axis, among=among)
    except (DataError, SettingsError):
        return ""  # that there is no such line is said where the map is made
    if not found:
        return ""
    also = [group for group in found if group.element in chosen]
    others = [group for group in found if group.element not in chosen]
    name = resolved.name(axis.unit)
    sentences = []
    if also:
        sentences.append(f"{name} cannot be told from {_named(also)}, also chosen.")
    if others:
        sentences.append(f"{name} also counts {_named(others)}, if present.")
    return " ".join(sentences)


def _named(groups: Sequence[XrayLine]) -> str:
    names = [f"{group.element} {group.name} ({group.energy:.2f} keV)" for group in groups]
    more = len(names) - MOST_NAMED
    shown = ", ".join(names[:MOST_NAMED])
    return f"{shown} and {more} more" if more > 0 else shown
