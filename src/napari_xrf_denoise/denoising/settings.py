"""Settings of every method: their defaults, their presets and their limits, in one place."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, fields
from difflib import get_close_matches
from math import isfinite
from typing import Any, ClassVar, Literal

from napari_xrf_denoise.core.errors import SettingsError

Method = Literal["auto", "spectrum", "stack", "pca"]
Pairs = Literal["auto", "repeats", "thinning"]
METHODS: tuple[Method, ...] = ("auto", "spectrum", "stack", "pca")
PAIRS: tuple[Pairs, ...] = ("auto", "repeats", "thinning")
DEVICES = ("auto", "cpu", "cuda", "mps")
"""Where networks are computed; torch's names of single ones, such as ``"cuda:1"``, do as well."""
Preset = Literal["fast", "balanced", "best", "tutorial"]
PRESETS: tuple[Preset, ...] = ("fast", "balanced", "best", "tutorial")


METHOD_TIPS = {
    "auto": "spectrum for single spectra, stack for maps, pca where held-out counts prefer it",
    "spectrum": "each spectrum by itself, with a small network",
    "stack": "components of the spectra, their pictures denoised by networks",
    "pca": "components that the spectra of a map share",
}
PRESET_TIPS = {
    "fast": "a first look",
    "balanced": "a good result in little time",
    "best": "more training, several times slower",
    "tutorial": "the published job for spectra, 10,000 epochs: minutes",
}
DEVICE_TIPS = {
    "auto": "a graphics card where torch finds one",
    "cpu": "the processor",
    "cuda": "an NVIDIA graphics card",
    "mps": "the graphics of an Apple processor",
}


@dataclass(frozen=True)
class Settings:
    """What every method needs to know.

    Parameters
    ----------
    seed : int
        Seed of every random draw: the same seed on the same machine gives the same result.
    pairs : {"auto", "repeats", "thinning"}
        Where pairs of independent noisy halves come from.
    folds : int
        In how many parts the counts are split for the score: each part scores a result that
        was made without it. 0 leaves the score out.
    """

    method: ClassVar[str]
    most_folds: ClassVar[int] = 20

    seed: int = 0
    pairs: Pairs = "auto"
    folds: int = 4

    def __post_init__(self) -> None:
        check_setting(self.pairs in PAIRS, "pairs", f"one of {', '.join(PAIRS)}", self.pairs)
        _whole(self, "seed", 0)
        check_setting(self.seed < 2**63, "seed", "a number below 2**63", self.seed)
        check_setting(
            isinstance(self.folds, int) and (self.folds == 0 or 2 <= self.folds <= self.most_folds),
            "folds",
            f"0 (no score) or a whole number from 2 to {self.most_folds}",
            self.folds,
        )

    def as_dict(self) -> dict[str, Any]:
        """Return the settings as plain values, the method among them."""
        return {"method": self.method, **asdict(self)}


@dataclass(frozen=True)
class TutorialSettings(Settings):
    """The published job: a tiny 1D DnCNN trained on repeats of a spectrum.

    Parameters
    ----------
    features, layers : int
        Channels of the hidden layers and number of convolutions.
    epochs : int
        Training steps, each over all training spectra.
    learning_rate, weight_decay : float
        Of the optimiser AdamW.
    restarts : int
        Cycles of the cosine annealing of the learning rate.
    lower_limit : float or None
        Counts below which a prediction is penalised; None switches the penalty off.
    held_out : float
        Share of the channels that choose the best epoch instead of training.
    strategy : {"1:X", "X:1"}
        One repeat predicts the mean of the others, or the other way round.
    pixels : int
        Most pixels of a map to learn from; they are drawn at random.

    Notes
    -----
    N. Viganò et al., auto-denoise, tutorial "Denoising Spectra using Noise2Noise";
    K. Zhang et al., IEEE Trans. Image Process. 26 (2017) 3142; J. Lehtinen et al., ICML 2018.
    """

    method: ClassVar[str] = "spectrum"

    features: int = 4
    layers: int = 6
    epochs: int = 10_000
    learning_rate: float = 1e-2
    weight_decay: float = 1e-2
    restarts: int = 1
    lower_limit: float | None = 0.0
    held_out: float = 0.2
    strategy: Literal["1:X", "X:1"] = "1:X"
    pixels: int = 64

    def __post_init__(self) -> None:
        super().__post_init__()
        for name, least in {
            "features": 1,
            "layers": 2,
            "epochs": 1,
            "restarts": 1,
            "pixels": 1,
        }.items():
            _whole(self, name, least)
        check_setting(self.restarts <= self.epochs, "restarts", "at most epochs", self.restarts)
        for name in ("learning_rate", "held_out"):
            value = getattr(self, name)
            check_setting(_is_real(value) and 0 < value < 1, name, "between 0 and 1", value)
        check_setting(
            _is_real(self.weight_decay) and self.weight_decay >= 0,
            "weight_decay",
            "a number of 0 or more",
            self.weight_decay,
        )
        check_setting(
            self.lower_limit is None or _is_real(self.lower_limit),
            "lower_limit",
            "a number of counts, or None",
            self.lower_limit,
        )
        check_setting(self.strategy in ("1:X", "X:1"), "strategy", "1:X or X:1", self.strategy)


@dataclass(frozen=True)
class SpectrumSettings(Settings):
    """Each spectrum by itself: lines of the detector's width, mixed by a small network.

    Parameters
    ----------
    line_width : float or None
        Width of a line over that of a good silicon detector; in channels (standard deviation)
        where the axis is not calibrated. None finds it from the data.
    steps : int
        Training steps.
    thinnings : int
        How many random splits of one spectrum the network learns from.
    features : int
        Channels of the hidden layer that chooses among the candidates.
    share : float
        Share of the counts that the network sees in training; the rest is the target.
    learning_rate : float
        Highest learning rate of the one-cycle schedule.
    batch : int
        Most spectra in one step; from more, they are drawn at random at every step.
    pixels : int
        Most pixels of a map to learn from; they are drawn at random.
    """

    method: ClassVar[str] = "spectrum"

    folds: int = 2
    line_width: float | None = None
    steps: int = 100
    thinnings: int = 8
    features: int = 8
    share: float = 0.75
    learning_rate: float = 1e-2
    batch: int = 16
    pixels: int = 256

    def __post_init__(self) -> None:
        super().__post_init__()
        least = {"steps": 1, "thinnings": 2, "features": 1, "batch": 1, "pixels": 1}
        for name, value in least.items():
            _whole(self, name, value)
        for name in ("share", "learning_rate"):
            value = getattr(self, name)
            check_setting(_is_real(value) and 0 < value < 1, name, "between 0 and 1", value)
        _check_line_width(self.line_width)


@dataclass(frozen=True)
class PcaSettings(Settings):
    """Poisson-weighted principal component analysis of the spectra.

    Parameters
    ----------
    rank : int or None
        Number of components; None finds it from the data by held-out counts.
    max_rank : int
        Most components that are tried when the rank is found from the data.
    weight_floor : float
        Mean counts a pixel and channel below which a channel gets no more weight; nearly empty
        channels would otherwise use up the components.

    Notes
    -----
    M. R. Keenan and P. G. Kotula, Surf. Interface Anal. 36 (2004) 203.
    """

    method: ClassVar[str] = "pca"

    rank: int | None = None
    max_rank: int = 48
    weight_floor: float = 1e-2

    def __post_init__(self) -> None:
        super().__post_init__()
        _check_subspace(self)


@dataclass(frozen=True)
class StackSettings(Settings):
    """1D + 2D: a 2D network on the score images of a spectral subspace.

    Parameters
    ----------
    rank : int or None
        Number of components; None finds it from the data.
    max_rank : int
        Most components that are tried when the rank is found from the data.
    weight_floor : float
        Mean counts a pixel and channel below which a channel gets no more weight.
    line_width : float or None
        Width of a line over that of a good silicon detector; in channels (standard deviation)
        where the axis is not calibrated. None finds it from the data.
    steps : int
        Most training steps of each network; it stops before where held-out counts say so.
    features, middle : int
        Channels of the hidden layers, and convolutions from features to features.
    learning_rate : float
        Highest learning rate.
    thinnings : int
        Halves of the counts whose predictions are averaged.
    """

    method: ClassVar[str] = "stack"
    most_folds: ClassVar[int] = 16  # the parts into which the counts are dealt

    rank: int | None = None
    max_rank: int = 48
    weight_floor: float = 1e-2
    line_width: float | None = None
    steps: int = 300
    features: int = 48
    middle: int = 2
    learning_rate: float = 2e-2
    thinnings: int = 8

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("steps", "features", "middle", "thinnings"):
            _whole(self, name, 1)
        _check_subspace(self)
        _check_line_width(self.line_width)
        rate = self.learning_rate
        check_setting(_is_real(rate) and 0 < rate < 1, "learning_rate", "between 0 and 1", rate)


_PRESETS: dict[str, dict[str, Callable[..., Settings]]] = {
    "spectrum": {
        "fast": lambda **s: SpectrumSettings(**{"steps": 50, "thinnings": 4, **s}),
        "balanced": SpectrumSettings,
        "best": lambda **s: SpectrumSettings(**{"steps": 200, "thinnings": 24, "folds": 4, **s}),
        "tutorial": TutorialSettings,
    },
    "stack": {
        "fast": lambda **s: StackSettings(**{"folds": 2, "steps": 150, **s}),
        "balanced": StackSettings,
        "best": lambda **s: StackSettings(**{"steps": 900, "features": 64, **s}),
    },
    "pca": {
        "fast": lambda **s: PcaSettings(**{"folds": 2, **s}),
        "balanced": PcaSettings,
        "best": lambda **s: PcaSettings(**{"folds": 8, **s}),
    },
}


def resolve_settings(method: str, preset: str, changes: Mapping[str, Any]) -> Settings:
    """Return the complete settings of a run, or say what is wrong before it begins.

    Parameters
    ----------
    method : {"spectrum", "stack", "pca"}
    preset : {"fast", "balanced", "best", "tutorial"}
        ``"tutorial"`` belongs to the method ``"spectrum"``.
    changes : mapping
        Single settings that differ from the preset's.

    Raises
    ------
    SettingsError
        If a name is not known, a value is impossible, or the preset does not go with the method.
    """
    check_setting(method in _PRESETS, "method", f"one of {', '.join(METHODS)}", method)
    presets = _PRESETS[method]
    check_setting(
        preset in presets, "preset", f"one of {', '.join(presets)} for method {method!r}", preset
    )
    known = {entry.name for entry in fields(presets[preset]())}
    for name in changes:
        if name not in known:
            near = get_close_matches(name, known, 1)
            hint = f"did you mean {near[0]!r}? " if near else ""
            raise SettingsError(
                f"unknown setting {name!r} for method {method!r} with preset {preset!r}; {hint}"
                f"there are {', '.join(sorted(known))}"
            )
    return presets[preset](**changes)


def settings_from_dict(content: Mapping[str, Any]) -> Settings:
    """Make the settings that `Settings.as_dict` described; used by saved models."""
    values = {name: value for name, value in content.items() if name != "method"}
    for kind in (TutorialSettings, SpectrumSettings, StackSettings, PcaSettings):
        if kind.method == content["method"] and set(values) == {f.name for f in fields(kind)}:
            return kind(**values)
    raise SettingsError(f"settings of no known method: {sorted(content)}")


def _check_subspace(settings: PcaSettings | StackSettings) -> None:
    if settings.rank is not None:
        _whole(settings, "rank", 1)
    _whole(settings, "max_rank", 1)
    floor = settings.weight_floor
    check_setting(
        _is_real(floor) and floor > 0, "weight_floor", "a number of counts above 0", floor
    )


def _check_line_width(width: float | None) -> None:
    check_setting(
        width is None or (_is_real(width) and 0 < width <= 100),
        "line_width",
        "None, or a width above 0 and up to 100",
        width,
    )


def _is_real(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and isfinite(value)


def _whole(settings: Settings, name: str, least: int) -> None:
    value = getattr(settings, name)
    good = isinstance(value, int) and not isinstance(value, bool) and value >= least
    check_setting(good, name, f"a whole number of at least {least}", value)


def check_setting(good: bool, name: str, expected: str, found: object) -> None:
    """Raise a `SettingsError` that says what was expected unless the setting is good."""
    if not good:
        raise SettingsError(f"setting {name!r}: expected {expected}, found {found!r}")
