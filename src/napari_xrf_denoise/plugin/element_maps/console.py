"""The Python that adds the maps which "Add map" adds, without Qt."""

from __future__ import annotations

from collections.abc import Sequence

from napari_xrf_denoise.plugin.common.console import layer_line, snippet

from .recipe import MapRecipe


def python_of(layer: str, recipes: Sequence[MapRecipe], with_errors: bool = False) -> str:
    """Return lines that add maps of lines of the layer of this name; none without recipes.

    With errors there is a map of the standard deviation behind each of them.
    """
    if not recipes:
        return ""
    lines = [(recipe.element, recipe.line) for recipe in recipes]
    if with_errors:
        return snippet(
            layer_line(layer),
            "image = xrf.layers.image_from_layer(layer)",
            f"how = dict(background={recipes[0].background}, error=True)",
            f"for element, line in {lines!r}:",
            "    counts, error = xrf.element_map(image, element, line, **how)",
            "    place = xrf.layers.layer_transform(layer)",
            '    name = f"{element} {line} of {image.name}"',
            "    viewer.add_image(counts, name=name, **place)",
            '    viewer.add_image(error, name=f"error of {name}", **place)',
        )
    return snippet(
        layer_line(layer),
        "image = xrf.layers.image_from_layer(layer)",
        f"for element, line in {lines!r}:",
        "    viewer.add_image(",
        f"        xrf.element_map(image, element, line, background={recipes[0].background}),",
        '        name=f"{element} {line} of {image.name}",',
        "        **xrf.layers.layer_transform(layer),",
        "    )",
    )
