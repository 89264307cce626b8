"""Several files on the command line: one batch, as in napari."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
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
    from .options import Results


@dataclass(frozen=True)
class Request:
    """What to do with one file or with many."""

    given: Input
    how: Mapping[str, Any] | Model
    """Settings for training, or the trained model to apply."""
    device: str = "auto"
    figures: Path | None = None
    """Folder for figures."""
    client: Any = None
    """Of the workers of a cluster."""

    def anywhere(self) -> Request:
        """Return the request of a worker, whose current folder is another one."""
        mask, figures = self.given.mask, self.figures
        given = replace(self.given, mask=mask and mask.absolute())
        return replace(self, given=given, figures=figures and figures.absolute(), client=None)

    def check(self) -> None:
        """Refuse settings that no file could be denoised with."""
        if isinstance(self.how, Mapping):
            check_settings(self.how)
        elif self.given.repeats is not None:
            warn("--repeats: the other repeats do not score the result of a trained model")

    def check_figures(self, files: list[Path]) -> None:
        """Refuse figures that would replace existing ones."""
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
        """Return the result for a part of a file, scored by the remaining repeats."""
        from napari_xrf_denoise import denoising

        if isinstance(self.how, denoising.Model):
            return denoising.apply(self.how, image, device=self.device, client=self.client, **watch)
        if self.given.repeats is not None and image.repeat_kind != "scan":
            warn(
                f"{image.name}: --repeats: the repeats are {image.repeat_kind}s; only scans that "
                "are left out can score a result"
            )
        how = {**self.how, "device": self.device, "client": self.client}
        return denoising.denoise(image, reference=rest, **how, **watch)

    def draw(
        self, path: Path, image: SpectrumImage, rest: SpectrumImage | None, result: Denoised
    ) -> list[Path]:
        """Draw the requested figures, and return their files."""
        if self.figures is None:
            return []
        from .figures import save_run_figures

        return save_run_figures(self.figures, path.stem, image, result, unseen=rest)


def run_batch(request: Request, files: list[Path], output: Path | None, results: Results) -> None:
    """Denoise files one after the other; one that fails does not stop the others."""
    from napari_xrf_denoise.denoising.device import find_device

    tasks = _plan(files, output, results)
    if not results.overwrite:
        request.check_figures([task.source for task in tasks if not task.target.exists()])
    find_device(request.device)
    # Each worker of a cluster does a file alone.
    work = _BatchSources(request if request.client is None else request.anywhere())
    view = batch_view(tasks)
    try:
        with view:
            tasks = run(
                tasks,
                request.how,
                on_change=view.show,
                resume=results.resume or not results.overwrite,
                sources=work,
                make=work.make,
                client=request.client,
                after=work.draw,
            )
    except KeyboardInterrupt:
        typer.secho("Run the command again with --resume to continue with the rest.", err=True)
        raise
    typer.echo(outcome_words(tasks))
    end_with(sum(not task.has_result for task in tasks), len(tasks))


def _plan(files: list[Path], output: Path | None, results: Results) -> list[Task]:
    endings = (*READABLE, *writable_suffixes())
    if output is not None and not output.is_dir() and output.name.lower().endswith(endings):
        raise SettingsError(
            f"--output: a batch (several files, or --resume) needs a folder, found {output}"
        )
    folder = output or Path()
    if results.resume:
        # A shell's pattern also finds the results of the last run.
        earlier = {(folder / result_name(path, results.suffix)).resolve() for path in files}
        files = [path for path in files if path.resolve() not in earlier]
    tasks = plan(files, folder, suffix=results.suffix, overwrite=results.overwrite)
    there = [task.target for task in tasks if task.target.exists()]
    if there and not (results.overwrite or results.resume):
        more = f" (and {len(there) - 1} more)" if len(there) > 1 else ""
        raise FileExistsError(
            f"{there[0]}: exists already{more}; add --resume to keep what is done and continue, "
            "or --overwrite to denoise all files again"
        )
    return tasks


class _BatchSources(Sources):
    """Reads the selected part of each file, and keeps what is needed to draw it."""

    def __init__(self, request: Request) -> None:
        self._request = request
        self._last: tuple[SpectrumImage, SpectrumImage | None, Denoised] | None = None

    def read_options(self, path: Path) -> Mapping[str, Any]:
        return self._request.given.as_record()

    def make(self, path: Path, **watch: Any) -> Denoised:
        """Read a file and denoise it; its warnings are reported with those of the result."""
        self._last = None  # one file at a time in memory
        image, rest = self._request.given.read_part(path, report=lambda text: None)
        result = self._request.denoise(image, rest, **watch)
        if self._request.figures is not None:
            self._last = image, rest, result
        return result

    def draw(self, task: Task) -> None:
        """Draw the file that was denoised last, once its result is saved."""
        if self._last is None:
            return
        image, rest, result = self._last
        try:
            self._request.draw(task.source, image, rest, result)
        except OSError as error:
            warn(f"no figures: {error.strerror or error}", task.source)
