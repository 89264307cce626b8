"""Computes, renews and saves element maps for the dock "Element maps", without Qt."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from napari_xrf_denoise.core.errors import Cancelled, DataError, SettingsError
from napari_xrf_denoise.core.progress import Watch
from napari_xrf_denoise.layers.convert import image_from_layer_data, layer_attributes
from napari_xrf_denoise.plugin.common.jobs import Latest, RunSession, Work
from napari_xrf_denoise.processing.line_overlaps import lines_between
from napari_xrf_denoise.spectroscopy.element_symbols import ELEMENTS, in_greek

from .map_layers import KEY, map_layer_data, renew, share_contrast, source_of
from .model import ElementModel
from .recipe import MapRecipe, overlap_words

AddLayer = Callable[[Any, dict[str, Any]], object]


@dataclass
class Order:
    """A map to compute."""

    source: Any
    """Layer to map, as it is when ordered."""
    recipe: MapRecipe
    target: Any = None
    """Map to renew; a new one is added when left out."""
    data: Any = field(init=False)
    attributes: dict[str, Any] = field(init=False)

    def __post_init__(self) -> None:
        # Taken on the main thread: the thread that computes may not touch a layer.
        self.data, self.attributes = self.source.data, layer_attributes(self.source)


@dataclass
class Made:
    """The result of an order: a map, or why there is none."""

    order: Order
    recipe: MapRecipe
    image: Any = None
    values: Any = None
    problem: str = ""


class ElementSession(RunSession):
    """Computes, renews or saves maps, one at a time."""

    model: ElementModel
    STOPPED = "Stopped. No layer was added or changed."
    HINT = "Close other layers, or crop."

    def __init__(self, model: ElementModel, add_layer: AddLayer) -> None:
        super().__init__(model)
        self._add_layer = add_layer
        self._tables = Latest("xrf-line-tables")

    def learn_lines(self) -> None:
        """Load the tables of lines, once, beside the window."""
        if not self.model.knows_lines:
            self._tables.want("lines", lambda *_: lines_between(0.0, 1.0, among=ELEMENTS))

    def add(self, recipes: Sequence[MapRecipe]) -> None:
        """Compute maps of the chosen layer, and of its partner if that is wanted."""
        model = self.model
        if model.source is None:
            return
        sources = [model.source]
        if model.with_partner and model.partner is not None:
            sources.append(model.partner)
        wanted = list(recipes)
        if model.with_errors:
            wanted = [own for recipe in recipes for own in (recipe, replace(recipe, error=True))]
        orders = [Order(source, recipe) for recipe in wanted for source in sources]
        self._run(_computing(orders), self._add, "Adding up the counts")

    def update(self) -> None:
        """Compute the maps of the chosen layer again, as it is now."""
        model = self.model
        sources = [source for source in (model.source, model.partner) if source is not None]
        try:
            orders = [
                Order(source, MapRecipe.from_record(layer.metadata[KEY]), layer)
                for layer in model.maps
                if (source := source_of(layer, model.available)) in sources
            ]
        except DataError as error:
            model.outcome = str(error)
            return
        if orders:
            self._run(_computing(orders), self._renew, "Adding up the counts")
        else:
            model.outcome = "There is no map of this layer yet."

    def save(self, path: str, layers: Sequence[Any]) -> None:
        """Write maps into one file, OME-TIFF or NeXus HDF5; one of this program is replaced."""
        from napari_xrf_denoise.plugin.opening.writer import write_pictures

        content = [layer.as_layer_data_tuple() for layer in layers]

        def written(paths: list[str]) -> str:
            return f"{_numbered(len(content), 'map')} saved in {paths[0]}"

        self._run(lambda *_: write_pictures(path, content), written, "Saving", can_stop=False)

    def close(self) -> None:
        """Stop, and let go of the tables of lines."""
        self.stop()
        self._tables.forget()

    def poll(self) -> bool:
        """Take over what is done; return whether nothing is waited for."""
        if self._tables.is_waiting and self._tables.poll():
            self.model.knows_lines = True
            self.model.aim()
        return super().poll() and not self._tables.is_waiting

    def _run(
        self, work: Work, finish: Callable[[Any], str], stage: str, *, can_stop: bool = True
    ) -> None:
        if self.job is None:
            self.model.can_stop = can_stop
            self.run(work, finish, "xrf-element-map", stage)

    def _add(self, results: list[Made]) -> str:
        done = [made for made in results if not made.problem]
        attributes = []
        for made in done:
            _, own = map_layer_data(made.image, made.values, made.recipe, made.order.source)
            attributes.append(own)
        for recipe in dict.fromkeys(made.recipe for made in done):
            share_contrast(
                [own for made, own in zip(done, attributes, strict=True) if made.recipe == recipe]
            )
        for made, own in zip(done, attributes, strict=True):
            self._add_layer(made.values, own)
        words = _problems(results)
        if done:
            axis = done[0].image.energy
            names = in_greek(", ".join(dict.fromkeys(made.recipe.name(axis.unit) for made in done)))
            sources = " and ".join(dict.fromkeys(f"“{made.image.name}”" for made in done))
            words.insert(0, f"Added {names} of {sources}. Values are counts in the window.")
            own_window = [made.recipe for made in done if not made.recipe.element]
            words.append(overlap_words(own_window[:1], axis))
        return "\n".join(line for line in words if line)

    def _renew(self, results: list[Made]) -> str:
        done = [made for made in results if not made.problem and made.order.target is not None]
        present = [made for made in done if made.order.target in self.model.maps]
        renewed: list[tuple[Any, Any, dict[str, Any]]] = []
        for made in present:
            data, own = map_layer_data(made.image, made.values, made.recipe, made.order.source)
            renewed.append((made.order.target, data, own))
        _keep_shared_contrast(renewed)
        for target, data, own in renewed:
            renew(target, data, own)
        words = _problems(results)
        words.insert(0, f"{_numbered(len(present), 'map')} updated from the layer.")
        return "\n".join(words)


def _computing(orders: Sequence[Order]) -> Work:
    """Return the work that computes the maps of all orders, one after the other."""
    # A map of errors first: what it reads gives that of the counts as well.
    turns = sorted(range(len(orders)), key=lambda place: not orders[place].recipe.error)

    def work(on_progress: Any, should_stop: Callable[[], bool]) -> list[Made]:
        watch = Watch(on_progress, should_stop)
        made: dict[int, Made] = {}
        known: dict[int, dict[MapRecipe, Any]] = {}
        for number, place in enumerate(turns):
            order = orders[place]
            what = f"{order.recipe.element or 'the window'} of {order.attributes['name']}"
            watch.step(f"Adding up {what}, {number + 1} of {len(orders)}", number / len(orders))
            made[place] = _make(order, known.setdefault(id(order.source), {}), should_stop)
        return [made[place] for place in range(len(orders))]

    return work


def _make(order: Order, known: dict[MapRecipe, Any], should_stop: Callable[[], bool]) -> Made:
    """Return the map of an order; maps of its source that are made on the way become known."""
    recipe = order.recipe
    try:
        image = image_from_layer_data(order.data, order.attributes)
        recipe = recipe.resolved(image.energy)
        if recipe not in known:
            known.update(recipe.compute(image, should_stop))
        # Each layer has numbers of its own: people paint in them.
        return Made(order, recipe, image, known.pop(recipe))
    except Cancelled:
        raise
    except (DataError, SettingsError) as error:
        return Made(order, recipe, problem=str(error))


def _keep_shared_contrast(renewed: Sequence[tuple[Any, Any, dict[str, Any]]]) -> None:
    """Maps of one line that had the same contrast limits get the same new ones."""
    groups: dict[Any, list[dict[str, Any]]] = {}
    for target, _, own in renewed:
        record = own["metadata"][KEY]
        line = (
            record.get("element"),
            record.get("line"),
            record["background"],
            record.get("error"),
        )
        groups.setdefault((tuple(target.contrast_limits), line), []).append(own)
    for group in groups.values():
        share_contrast(group)


def _problems(results: Sequence[Made]) -> list[str]:
    return list(dict.fromkeys(made.problem for made in results if made.problem))


def _numbered(number: int, word: str) -> str:
    return f"{number} {word}" if number == 1 else f"{number} {word}s"
