"""Computes, renews and saves element maps for the dock "Element maps", without Qt."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from napari_xrf_denoise.core.errors import Cancelled, DataError, SettingsError
from napari_xrf_denoise.core.progress import Watch
from napari_xrf_denoise.layers.convert import image_from_layer_data, layer_attributes
from napari_xrf_denoise.plugin.common.jobs import BackgroundJob, Work
from napari_xrf_denoise.processing.line_overlaps import lines_between
from napari_xrf_denoise.spectroscopy.element_symbols import ELEMENTS

from .map_layers import KEY, map_layer_data, renew, share_contrast, source_of
from .model import ElementModel
from .recipe import MapRecipe, overlap_words

AddLayer = Callable[[Any, dict[str, Any]], object]


@dataclass
class Order:
    """A map to compute: of what layer, as it was when ordered, and into which layer.

    Parameters
    ----------
    source : layer
    recipe : MapRecipe
    target : layer, optional
        Map to renew; a new one is added when left out.
    """

    source: Any
    recipe: MapRecipe
    target: Any = None
    data: Any = field(init=False)
    attributes: dict[str, Any] = field(init=False)

    def __post_init__(self) -> None:
        # Taken on the main thread: the thread that computes may not touch a layer.
        self.data, self.attributes = self.source.data, layer_attributes(self.source)


@dataclass
class Made:
    """What came of an order: a map, or why there is none."""

    order: Order
    recipe: MapRecipe
    image: Any = None
    values: Any = None
    problem: str = ""


class ElementSession:
    """Does one thing at a time in a thread.

    Parameters
    ----------
    model : ElementModel
    add_layer : callable
        ``add_layer(data, attributes)``, called on the thread that polls.
    """

    def __init__(self, model: ElementModel, add_layer: AddLayer) -> None:
        self._model = model
        self._add_layer = add_layer
        self._job: BackgroundJob | None = None
        self._finish: Callable[[Any], str] = lambda result: ""
        self._learning: BackgroundJob | None = None

    def learn_lines(self) -> None:
        """Load the tables of lines, once, beside the window."""
        if self._learning is None and not self._model.knows_lines:
            self._learning = BackgroundJob(
                lambda *_: lines_between(0.0, 1.0, among=ELEMENTS), "xrf-line-tables"
            )
            self._learning.start()

    def add(self, recipes: Sequence[MapRecipe]) -> None:
        """Compute these maps of the chosen layer, and of its partner if that is wanted."""
        model = self._model
        if model.source is None:
            return
        sources = [model.source]
        if model.with_partner and model.partner is not None:
            sources.append(model.partner)
        orders = [Order(source, recipe) for recipe in recipes for source in sources]
        self._run(_computing(orders), self._add, "Adding up the counts")

    def update(self) -> None:
        """Compute the maps of the chosen layer again, as it is now."""
        model = self._model
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
        """Write these maps into one file.

        Parameters
        ----------
        path : str
            OME-TIFF or NeXus HDF5, by its ending. A file of this program is replaced.
        layers : sequence of layers
        """
        from napari_xrf_denoise.plugin.opening.writer import write_pictures

        content = [layer.as_layer_data_tuple() for layer in layers]

        def written(paths: list[str]) -> str:
            return f"{_numbered(len(content), 'map')} saved in {paths[0]}"

        self._run(lambda *_: write_pictures(path, content), written, "Saving", can_stop=False)

    def stop(self) -> None:
        """Ask what is being done to end, and forget it."""
        if self._job is not None:
            self._job.stop()
            self._model.outcome = "Stopped. No layer was added or changed."
        self._job = None
        self._model.doing, self._model.fraction = "", 0.0

    def close(self) -> None:
        """Stop, and let go of the tables of lines that are being loaded, too."""
        self.stop()
        if self._learning is not None:
            self._learning.stop()
        self._learning = None

    def poll(self) -> bool:
        """Take over what is done; return whether nothing is waited for."""
        model = self._model
        if self._learning is not None and self._learning.is_done:
            self._learning = None
            model.knows_lines = True
            model.aim()
        job = self._job
        if job is not None and not job.is_done and job.progress is not None:
            model.fraction = job.progress.fraction
            model.doing = job.progress.stage
        if job is not None and job.is_done:
            self._job = None
            outcome = self._outcome(job)
            model.doing, model.fraction = "", 0.0
            model.outcome = outcome
        return self._job is None and self._learning is None

    def _run(
        self, work: Work, finish: Callable[[Any], str], doing: str, *, can_stop: bool = True
    ) -> None:
        if self._job is not None:
            return
        self._finish = finish
        self._job = BackgroundJob(work, "xrf-element-map")
        self._model.outcome, self._model.can_stop = "", can_stop
        self._model.doing = doing
        self._job.start()

    def _outcome(self, job: BackgroundJob) -> str:
        if job.error is None:
            return self._finish(job.result)
        if isinstance(job.error, MemoryError):
            return f"Not enough memory ({job.error}). Close other layers, or crop."
        if isinstance(job.error, (ValueError, RuntimeError, OSError)):
            return str(job.error)
        return f"{type(job.error).__name__}: {job.error}. Please report this as a bug."

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
            names = ", ".join(dict.fromkeys(made.recipe.name(axis.unit) for made in done))
            sources = " and ".join(dict.fromkeys(f"“{made.image.name}”" for made in done))
            words.insert(0, f"Added {names} of {sources}. Values are counts in the window.")
            own_window = [made.recipe for made in done if not made.recipe.element]
            words.append(overlap_words(own_window[:1], axis))
        return "\n".join(line for line in words if line)

    def _renew(self, results: list[Made]) -> str:
        done = [made for made in results if not made.problem and made.order.target is not None]
        present = [made for made in done if made.order.target in self._model.maps]
        renewed: list[tuple[Any, Any, dict[str, Any]]] = []
        for made in present:
            data, own = map_layer_data(made.image, made.values, made.recipe, made.order.source)
            renewed.append((made.order.target, data, own))
        _keep_shared_contrast(renewed)
        for target, data, own in renewed:
            renew(target, data, own)
        words = _problems(results)
        words.insert(0, f"{_numbered(len(present), 'map')} computed again from the layer as it is.")
        return "\n".join(words)


def _computing(orders: Sequence[Order]) -> Work:
    """Return the work that computes the maps of all orders, one after the other."""

    def work(on_progress: Any, should_stop: Callable[[], bool]) -> list[Made]:
        watch = Watch(on_progress, should_stop)
        made = []
        for number, order in enumerate(orders):
            recipe = order.recipe
            what = f"{recipe.element or 'the window'} of {order.attributes['name']}"
            watch.step(f"Adding up {what}, {number + 1} of {len(orders)}", number / len(orders))
            try:
                image = image_from_layer_data(order.data, order.attributes)
                recipe = recipe.resolved(image.energy)
                values = recipe.compute(image, should_stop)
                made.append(Made(order, recipe, image, values))
            except Cancelled:
                raise
            except (DataError, SettingsError) as error:
                made.append(Made(order, recipe, problem=str(error)))
        return made

    return work


def _keep_shared_contrast(renewed: Sequence[tuple[Any, Any, dict[str, Any]]]) -> None:
    """Maps of one line that had the same contrast limits get the same new ones."""
    groups: dict[Any, list[dict[str, Any]]] = {}
    for target, _, own in renewed:
        record = own["metadata"][KEY]
        line = (record.get("element"), record.get("line"), record["background"])
        groups.setdefault((tuple(target.contrast_limits), line), []).append(own)
    for group in groups.values():
        share_contrast(group)


def _problems(results: Sequence[Made]) -> list[str]:
    return list(dict.fromkeys(made.problem for made in results if made.problem))


def _numbered(number: int, word: str) -> str:
    return f"{number} {word}" if number == 1 else f"{number} {word}s"
