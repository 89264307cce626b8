"""Several files on the command line: one batch, as in napari, and what came of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from napari_xrf_denoise.batch.results import result_name
from napari_xrf_denoise.batch.runner import Task, check_settings, outcome_words, plan, run
from napari_xrf_denoise.batch.sources import READABLE, Sources
from napari_xrf_denoise.core.errors import SettingsError
from napari_xrf_denoise.io import writable_suffixes

from .figures import figures_of
from .messages import end_with, warn
from .progress_table import batch_view

if TYPE_CHECKING:
    from napari_xrf_denoise.core.spectrum_image import SpectrumImage
    from napari_xrf_denoise.denoising import Denoised, Model

    from .inputs import Input


@dataclass(frozen=True)
class Order:
    """What is asked for, for one file or for many.

    Parameters
    ----------
    given : Input
        How files are read, and which part of each is used.
    how : mapping or Model
        Settings to learn with, or the trained model to apply.
    device : str
        Where networks are computed.
    figures : Path, optional
        Folder for pictures.
    """

    given: Input
    how: Mapping[str, Any] | Model
    device: str = "auto"
    figures: Path | None = None

    def check(self) -> None:
        """Refuse settings that no file could be denoised with.

        Raises
        ------
        SettingsError
        """
        if isinstance(self.how, Mapping):
            check_settings(self.how)
        elif self.given.repeats is not None:
            warn("--repeats: a trained model was judged before; other repeats do not score it")

    def check_pictures(self, files: list[Path]) -> None:
        """Refuse pictures that would replace others.

        Raises
        ------
        FileExistsError
        """
        if self.figures is None:
            return
        for path in files:
            for picture in figures_of(self.figures, path.stem):
                if picture.exists():
                    raise FileExistsError(
                        f"{picture}: exists already; add --overwrite to replace it, or choose "
                        "another folder for --figures"
                    )

    def denoise(self, image: SpectrumImage, rest: SpectrumImage | None, **watch: Any) -> Denoised:
        """Return the result of a part of a file; the repeats that are left over score it."""
        from napari_xrf_denoise import denoising

        if isinstance(self.how, denoising.Model):
            return denoising.apply(self.how, image, device=self.device, **watch)
        if self.given.repeats is not None and image.repeat_kind != "scan":
            warn(
                f"{image.name}: --repeats: the repeats are {image.repeat_kind}s, of which others "
                "do not score a result; only scans do"
            )
        return denoising.denoise(image, reference=rest, device=self.device, **self.how, **watch)

    def draw(
        self, path: Path, image: SpectrumImage, rest: SpectrumImage | None, result: Denoised
    ) -> list[Path]:
        """Draw the pictures that are asked for, and return them."""
        if self.figures is None:
            return []
        from .figures import save_run_figures

        return save_run_figures(self.figures, path.stem, image, result, unseen=rest)


def run_batch(
    order: Order,
    files: list[Path],
    output: Path | None,
    *,
    suffix: str = ".h5",
    overwrite: bool = False,
    resume: bool = False,
) -> None:
    """Denoise files one after the other; one that fails does not take the others with it.

    Parameters
    ----------
    order : Order
    files : list of Path
    output : Path, optional
        Folder for the results; the present one when left out.
    suffix : str
        Ending of the results' names, which says their format.
    overwrite, resume : bool
        What may become of results that are there: `resume` keeps those of the same file with the
        same settings, `overwrite` replaces others.

    Raises
    ------
    SettingsError, OSError
        What would fail after hours of work.
    typer.Exit
        With the status 1 if a file failed.
    """
    from napari_xrf_denoise.denoising.device import find_device

    tasks = _plan(files, output, suffix, overwrite, resume)
    if not overwrite:
        order.check_pictures([task.source for task in tasks if not task.target.exists()])
    find_device(order.device)
    work = _BatchWork(order)
    view = batch_view(tasks)

    def show(index: int, task: Task) -> None:
        view.show(index, task)
        if task.state == "done":
            work.draw(task)

    try:
        with view:
            tasks = run(
                tasks, order.how, show, resume=resume or not overwrite, sources=work, make=work.make
            )
    except KeyboardInterrupt:
        typer.secho("Run the command again with --resume to go on with the rest.", err=True)
        raise
    typer.echo(outcome_words(tasks))
    end_with(sum(not task.has_result for task in tasks), len(tasks))


def _plan(
    files: list[Path], output: Path | None, suffix: str, overwrite: bool, resume: bool
) -> list[Task]:
    endings = (*READABLE, *writable_suffixes())
    if output is not None and not output.is_dir() and output.name.lower().endswith(endings):
        raise SettingsError(
            f"--output: a batch (several files, or --resume) needs a folder, found {output}"
        )
    folder = output or Path()
    if resume:
        # A shell's pattern finds the results of last time, too.
        results = {(folder / result_name(path, suffix)).resolve() for path in files}
        files = [path for path in files if path.resolve() not in results]
    tasks = plan(files, folder, suffix, overwrite)
    there = [task.target for task in tasks if task.target.exists()]
    if there and not (overwrite or resume):
        more = f" (and {len(there) - 1} more)" if len(there) > 1 else ""
        raise FileExistsError(
            f"{there[0]}: exists already{more}; add --resume to keep what is done and go on, or "
            "--overwrite to make everything anew"
        )
    return tasks


class _BatchWork(Sources):
    """Reads the part of each file that is asked for, and keeps what is needed to draw it."""

    def __init__(self, order: Order) -> None:
        self._order = order
        self._last: tuple[SpectrumImage, SpectrumImage | None, Denoised] | None = None

    def stated(self, path: Path) -> Mapping[str, Any]:
        return self._order.given.stated()

    def make(self, path: Path, **watch: Any) -> Denoised:
        """Read a file and denoise it; its warnings are told with the result's."""
        self._last = None  # one file at a time in memory
        image, rest = self._order.given.read_part(path, tell=lambda text: None)
        result = self._order.denoise(image, rest, **watch)
        if self._order.figures is not None:
            self._last = image, rest, result
        return result

    def draw(self, task: Task) -> None:
        """Draw the file that was denoised last, whose result is safe."""
        if self._last is None:
            return
        image, rest, result = self._last
        try:
            self._order.draw(task.source, image, rest, result)
        except OSError as error:
            warn(f"no pictures: {error.strerror or error}", task.source)
