"""Colours of the plots for napari's themes."""

from __future__ import annotations

from dataclasses import dataclass

# After Okabe & Ito's palette for all kinds of colour vision, lighter on dark and darker on light.
_ON_DARK = ("#f0a830", "#4cc3ff", "#ff8fb8", "#6fdc8c", "#c9a6ff", "#f7f06d")
_ON_LIGHT = ("#b85c00", "#0060a8", "#b0125f", "#177a3c", "#6a3db8", "#6e6200")


@dataclass(frozen=True)
class PlotColors:
    """Colours of one theme.

    Parameters
    ----------
    background, text, slice : str
        Of the plot, of axes and words, and of the line at the energy that is shown.
    curves : tuple of str
        One after the other.
    """

    background: str
    text: str
    slice: str
    curves: tuple[str, ...]


def colors_of(theme_id: str) -> PlotColors:
    """Return the colours that go with a theme of napari.

    Parameters
    ----------
    theme_id : str
        As in ``viewer.theme``.
    """
    from napari.utils.theme import get_theme

    theme = get_theme(theme_id)
    dark = theme.type == "dark"
    return PlotColors(
        background=theme.background.as_hex(),
        text=theme.text.as_hex(),
        slice="#ff5c5c" if dark else "#c00000",
        curves=_ON_DARK if dark else _ON_LIGHT,
    )
