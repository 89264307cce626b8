"""The honest score for any denoiser: `score`, by photons that are held out of each of its results.

What `denoise` tells of its own methods is measured here for a function that somebody else wrote.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_xrf_denoise.core.cores import blas_on_one_core
from napari_xrf_denoise.core.errors import DataError, SettingsError
from napari_xrf_denoise.core.progress import OnProgress, ShouldStop, Watch
from napari_xrf_denoise.core.spectrum_image import SpectrumImage
from napari_xrf_denoise.layers.inputs import as_input
from napari_xrf_denoise.spectroscopy.line_windows import WindowPartition

from .diagnostics.checks import find_faults, statistics_faults
from .diagnostics.statistics import CountStatistics
from .engine import look
from .methods import dispatch as methods
from .pairs import FOLD_STREAM, Counts, Photons, Source, choose_pairs
from .quality.dose_gain import DoseGainEstimate, within_limits
from .quality.held_out import Fewer, HeldOut, Predict, cross_score
from .quality.report import QualityReport, make_report
from .quality.user_denoiser import (
    HELD_ERRORS,
    HELD_SHARE,
    SAME,
    Denoiser,
    Result,
    UserDenoiser,
    are_equal,
    distance,
    held_contrast,
    uniform_counts,
)
from .settings import Settings

IMPOSSIBLE = 5.0
"""Standard errors below zero from which an estimated squared error proves that the denoiser has
seen the counts it is judged by: chance does this once in three million times."""
UNSEEN_SQUARES = 30.0
"""The sum of λ² over voxels that leaves no voxel with two counts as rarely: exp(-30 / 2). The
estimate of this sum, and of its noise, is then zero."""


def score(
    data: Any,
    denoiser: Denoiser,
    /,
    *,
    folds: int = 4,
    seed: int = 0,
    checks: bool = True,
    energy_axis: int = -1,
    repeat_axis: int | None = None,
    on_progress: OnProgress | None = None,
    should_stop: ShouldStop | None = None,
) -> QualityReport:
    """Measure the dose gain of any denoiser by photons that are held out of its results.

    The photons are split at random into as many parts as there are `folds`. The denoiser is called
    once without each part, and its result is compared with the part that it never saw. The squared
    error found in this way is unbiased, whatever the truth and the denoiser are. Two more calls on
    half of the counts tell how it falls with the dose, and so what it is for all counts; see
    ``docs/score.md``.

    Parameters
    ----------
    data : SpectrumImage, array_like, napari layer, or list of SpectrumImage or layers
        Counts, as for `denoise`. Several repeats are added up if they are Poisson counts; otherwise
        whole repeats are held out in place of photons.
    denoiser : callable
        Takes whole counts of shape (y, x, energy), independent Poisson counts of a share
        ``(folds - 1) / folds`` of the dose, or of about half, and returns the counts expected in
        the same exposure: an array of the same shape, of real numbers, which may be negative. It
        gets a copy of its own. All that it learns from data must happen inside it: a network that
        was trained, or components that were found, on all of these counts have seen the photons
        that were held out.
    folds : int
        Parts, 2 to 20. With more of them the denoiser works on nearly all counts; each part takes
        one call. With 2, how the error falls is not measured, and the interval is wide.
    seed : int
        Of the random split.
    checks : bool
        Whether to try the denoiser, with two more calls (four if its results differ from call to
        call), and to refuse it where what it does shows that it knows more than the counts it is
        given. Without, it is taken at its word.
    energy_axis, repeat_axis : int, optional
        Axes of a plain array, as for `denoise`.
    on_progress : callable, optional
        Called with a `Progress`, between the calls of the denoiser.
    should_stop : callable, optional
        Returns True to stop, between the calls of the denoiser.

    Returns
    -------
    QualityReport
        The same as that of a result of `denoise`, for what the denoiser makes of all counts: dose
        gain and interval, the dose gain of each line, and warnings. A denoiser that writes into its
        input, or whose results differ from call to call, is told there.

    Raises
    ------
    SettingsError
        If `folds`, `seed` or `denoiser` are impossible.
    DataError
        If no honest score exists: counts that are negative, of which one measurement is not whole
        or not Poisson; a denoiser whose result has another shape, is no array or is not finite,
        does not depend on the counts, depends on earlier calls, or knows the map.
    Cancelled
        If `should_stop` returned True.
    Exception
        Whatever the denoiser raises, with a note of what it was given.

    Notes
    -----
    The checks find a denoiser that ignores the counts; one that gives something else after it has
    seen other counts; one that finds the contrast of this map in counts of a uniform sample, which
    are its first call; and an error so far below zero that chance cannot explain it. They cannot
    find knowledge of the held-out photons that does not show in these: spectra or networks learned
    from all counts and used wherever a pixel resembles them, less than 5 % of the map's contrast,
    and, in a single spectrum, anything that still follows the counts.

    Results are kept until all are compared: 4 bytes for each voxel, fold and half.

    References
    ----------
    J. Batson and L. Royer, Noise2Self: blind denoising by self-supervision, Proc. 36th Int. Conf.
    on Machine Learning, PMLR 97 (2019) 524.

    Examples
    --------
    >>> import napari_xrf_denoise as xrf
    >>> from scipy.ndimage import gaussian_filter
    >>> image, truth = xrf.simulate_map((24, 24), n_channels=256, counts_per_pixel=30, seed=1)
    >>> def blur(counts):
    ...     return gaussian_filter(counts.astype("float32"), (0.7, 0.7, 0))
    >>> report = xrf.score(image, blur)
    >>> report.measured_by
    '4 held-out photon subsets'

    The truth of a simulation, which the score did not see, is within its interval:

    >>> low, high = report.dose_gain_interval
    >>> true_gain = truth.sum() / ((blur(image.counts[0]) - truth) ** 2).sum()
    >>> bool(1 < low < true_gain < high)
    True
    """
    settings = _settings(denoiser, folds, seed)
    watch = Watch(on_progress, should_stop)
    given = as_input(data, energy_axis, repeat_axis)
    image = given.image
    found = look(image, watch.part(0, 0.05))
    source = _source(image, found)
    calls = _Calls(source, found, settings, UserDenoiser(denoiser), watch.part(0.05, 0.9), checks)
    if checks:
        # First of all: what fits itself to the counts of its first call learns nothing here.
        calls.try_uniform_sample()
    results = [calls.without(part) for part in range(calls.folds)]
    fewer = calls.from_fewer()
    told = calls.try_again(results) if checks else []
    if calls.user.changes_input:
        told.append(
            "the denoiser writes into the counts it is given, here a copy; elsewhere give it a copy"
        )
    held_out = HeldOut.of(source, seed, [_stored(result) for result in results])
    with blas_on_one_core():
        estimate = cross_score(held_out, watch.part(0.9, 1), windows=found.windows, fewer=fewer)
    _check_possible(estimate, source, calls.user)
    faults = [*map(str, image.metadata.get("warnings", ())), *find_faults(found, image)]
    report = make_report(
        within_limits(estimate, calls.share),
        calls.count_ratio(results),
        methods.measured_by(source, calls.folds),
        [*given.warnings, *faults, *told],
        losses={},
        choices={"method": calls.user.name, "why": "chosen by you", "folds": calls.folds},
    )
    watch.step("done", 1)
    return report


def _settings(denoiser: Denoiser, folds: int, seed: int) -> Settings:
    """Return the settings of the split, which must be possible."""
    if not callable(denoiser):
        raise SettingsError(
            "denoiser: expected a function of counts (y, x, energy), found "
            f"{type(denoiser).__name__}; give the function that computes the result, not the result"
        )
    settings = Settings(seed=seed, folds=folds)
    if folds < 2:
        raise SettingsError(f"folds: a score needs at least 2 parts of the counts, found {folds}")
    return settings


def _source(image: SpectrumImage, found: CountStatistics) -> Source:
    """Return the counts to split: those of a single measurement must be Poisson.

    Raises
    ------
    DataError
    """
    pairs = choose_pairs(image, "auto", found)
    if pairs == "thinning" and not found.is_poisson:
        reasons = "; ".join(statistics_faults(found))
        raise DataError(
            f"{image.name}: no photons can be held out of one measurement for an honest score: "
            f"{reasons}"
        )
    return methods.source_of(image, found, pairs)


class _Calls:
    """The denoiser, called on counts of which one part is held out, with progress."""

    def __init__(
        self,
        source: Source,
        found: CountStatistics,
        settings: Settings,
        user: UserDenoiser,
        watch: Watch,
        checks: bool,
    ) -> None:
        self.folds = methods.possible_folds(source, settings.folds, 1)
        self.user = user
        self._source, self._found, self._seed = source, found, settings.seed
        self._shares = source.part_shares(self.folds)
        # The last two calls are of denoisers only whose results differ from call to call.
        self._watches = iter(watch.parts(self.folds + 2 + 4 * checks))
        most = source.image.n_repeats * float(found.spectrum.max())
        self._kind = np.int32 if most < 2**31 else np.int64

    def try_uniform_sample(self) -> None:
        """Refuse a denoiser that finds this map in counts that do not hold it."""
        image, share = self._source.image, self._share([0])
        if image.shape[1] * image.shape[2] < 2:
            return
        like = np.empty(self._source.shape, self._kind)
        uniform = uniform_counts(share * self._found.spectrum, like, self._seed)
        result = self._call(uniform, "denoising counts of a uniform sample")
        partition = WindowPartition(image.energy, self._found.windows)
        contrast, errors = held_contrast(result, self._source, share, partition)
        if contrast > HELD_SHARE and errors > HELD_ERRORS:
            self.user.refuse(
                f"for counts of a uniform sample, its result has {contrast:.0%} of the contrast of "
                f"{image.name}: it knows this map, from before or from earlier calls, and with it "
                "photons that were held out; it must learn from the counts it is given alone "
                "(checks=False scores it if its knowledge comes from another measurement)"
            )

    @property
    def share(self) -> float:
        """Share of the counts that a result without one part is made of, on average."""
        return 1 - 1 / self.folds

    def without(self, part: int) -> Result:
        """Return the result for the counts without one part."""
        return self._call(self._rest([part]), f"denoising without part {part + 1} of {self.folds}")

    def from_fewer(self) -> Fewer | None:
        """Return results without the first and without the last half of the parts, if there are.

        Of an odd number, both leave out the part in the middle.
        """
        parts = range(self.folds)
        held = [parts[: -(-self.folds // 2)], parts[self.folds // 2 :]]
        if len(held[0]) == 1:
            return None
        halves = []
        for number, group in enumerate(held):
            result = self._call(self._rest(group), f"denoising half {number + 1} of 2")
            halves.append(_in_all_exposure(result, self._share(group)))
        predictions = [halves[part not in held[0]] for part in parts]
        used = float(np.mean([self._share(group) for group in held]))
        return Fewer(predictions, (used, self.share, 1.0))

    def try_again(self, results: Sequence[Result]) -> list[str]:
        """Refuse a denoiser that ignores the counts, or remembers others; return warnings."""
        if all(are_equal(results[0], result) for result in results[1:]):
            self._check_equal_counts()
        again = self._call(self._rest([0]), "denoising the same counts again")
        total = self._share([0]) * self._found.total
        later = distance(results[0], again, total)
        if later <= SAME:
            return []
        at_once = distance(again, self._call(self._rest([0]), "denoising them once more"), total)
        if at_once <= SAME:
            self.user.refuse(
                "after it has seen other counts, it gives another result for the same ones (they "
                f"differ by {later:.2g} times the noise of the counts): it remembers earlier "
                "calls, and with them photons that were held out; start it afresh in each call, "
                "for example by making a new network"
            )
        self.try_uniform_sample()
        return [
            "the denoiser gives another result each time: two for the same counts differ by "
            f"{at_once:.2g} times the noise of the counts (root mean square), and by {later:.2g} "
            "with other counts in between; random draws leave the score right, but memory of "
            "earlier calls makes it too good: fix the seed, and start afresh in each call"
        ]

    def count_ratio(self, results: Sequence[Result]) -> float:
        """Return the counts of the results over those of the raw counts."""
        sums = [
            sum(float(np.asarray(result[y]).sum(dtype=np.float64)) for y in range(result.shape[0]))
            for result in results
        ]
        expected = [self._share([part]) * self._found.total for part in range(self.folds)]
        return float(np.mean(np.divide(sums, expected)))

    def _check_equal_counts(self) -> None:
        """Refuse results that are all the same, unless the counts were."""
        first = self._rest([0])
        if all(np.array_equal(first, self._rest([part])) for part in range(1, self.folds)):
            return
        self.user.refuse(
            f"gives the same result for {self.folds} different sets of counts; it must compute the "
            "result from the counts it is given: one that was computed before has seen the photons "
            "that were held out (checks=False scores it if it comes from another measurement)"
        )

    def _call(self, counts: Counts, stage: str) -> Result:
        watch = next(self._watches)
        watch.step(stage, 0)
        return self.user(counts)

    def _rest(self, held: Sequence[int]) -> Counts:
        """Return the counts without some parts, newly computed, as a denoiser may change them."""
        kind = self._kind if self._found.whole else np.float32
        counts = np.zeros(self._source.shape, kind)
        for rows, parts in self._source.parts(self.folds, self._seed, FOLD_STREAM):
            for part in set(range(self.folds)).difference(held):
                np.add(counts[rows], parts[part], out=counts[rows], casting="unsafe")
        return counts

    def _share(self, held: Sequence[int]) -> float:
        """Return the share of the counts that is left without some parts."""
        return 1 - sum(self._shares[part] for part in held)


def _stored(result: Result) -> Predict:
    return lambda _, rows: np.asarray(result[rows])


def _in_all_exposure(result: Result, share: float) -> Callable[[slice], NDArray[np.float32]]:
    """Return a result for a share of the counts, scaled to all of them, by rows."""
    return lambda rows: np.asarray(result[rows]) * np.float32(1 / share)


def _check_possible(estimate: DoseGainEstimate, source: Source, user: UserDenoiser) -> None:
    """Refuse a score that only knowledge of the held-out photons explains."""
    if not isinstance(source, Photons):
        return
    for name, own in _with_windows(estimate):
        error, spread = float(own.error.sum()), own.variance**0.5
        if error + IMPOSSIBLE * spread + UNSEEN_SQUARES < 0:
            user.refuse(
                f"the squared error of its results{name} would be below zero by more than "
                f"{IMPOSSIBLE:.0f} standard errors, which chance cannot explain: it knows photons "
                "that were held out; it must learn from the counts it is given alone"
            )


def _with_windows(estimate: DoseGainEstimate) -> Iterator[tuple[str, DoseGainEstimate]]:
    yield "", estimate
    for window, own in estimate.windows:
        yield f" near {window.name}", own
