"""The Python that adds the maps which "Add map" adds, without Qt."""

from __future__ import annotations

from collections.abc import Sequence

from .recipe import MapRecipe


def python_of(layer: str, recipes: Sequence[MapRecipe]) -> str:
    """Return lines for napari's console that add maps of lines.

    Parameters
    ----------
    layer : str
        Name of the layer with the spectra.
    recipes : sequence of MapRecipe
        Of lines; nothing is returned where there are none.

    Returns
    -------
    str
    """
    if not recipes:
        return ""
    lines = [(recipe.element, recipe.line) for recipe in recipes]
    return "\n".join(
        [
            "import napari_xrf_denoise as xrf",
            "",
            f"layer = viewer.layers[{layer!r}]",
            "image = xrf.layers.image_from_layer(layer)",
            f"for element, line in {lines!r}:",
            "    viewer.add_image(",
            f"        xrf.element_map(image, element, line, background={recipes[0].background}),",
            '        name=f"{element} {line} of {image.name}",',
            "        **xrf.layers.layer_transform(layer),",
            "    )",
        ]
    )
