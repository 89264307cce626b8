"""Settings of every method: their defaults, their presets and their limits, in one place."""

# ruff: noqa: RUF009 - setting() returns a field
from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from difflib import get_close_matches
from math import inf, isfinite
from typing import Annotated, Any, ClassVar, Literal, get_args, get_type_hints

from napari_xrf_denoise.core.errors import SettingsError

Method = Literal["auto", "spectrum", "stack", "pca"]
METHODS: tuple[Method, ...] = get_args(Method)
METHOD_TIPS = {
    "auto": "spectrum for single spectra, stack for maps, or pca if held-out counts prefer it",
    "spectrum": "each spectrum separately, with a small network",
    "stack": "spectral components whose images are denoised by neural networks",
    "pca": "spectral components shared by all pixels of a map",
}

Preset = Literal["fast", "balanced", "best", "tutorial"]
PRESETS: tuple[Preset, ...] = get_args(Preset)
PRESET_TIPS = {
    "fast": "quick first look",
    "balanced": "good result in little time",
    "best": "longer training, several times slower",
    "tutorial": "published procedure for single spectra: 10,000 epochs, takes minutes",
}

Device = Literal["auto", "cpu", "cuda", "mps"]
"""Where networks are computed; PyTorch's names of single ones, such as ``"cuda:1"``, work too."""
DEVICES: tuple[Device, ...] = get_args(Device)
DEVICE_TIPS = {
    "auto": "graphics card if PyTorch finds one, otherwise the processor",
    "cpu": "processor",
    "cuda": "NVIDIA graphics card",
    "mps": "graphics of an Apple processor",
}

Pairs = Literal["auto", "repeats", "thinning"]


@dataclass(frozen=True)
class Limits:
    """The numbers that a setting can have: from `least` to `most`, between `low` and `high`."""

    words: str
    whole: bool = False
    least: float = -inf
    low: float = -inf
    high: float = inf
    most: float = inf
    never: float | None = None
    """A number that is impossible although it lies within the limits."""

    def allow(self, value: object) -> bool:
        """Whether a value is within the limits."""
        if isinstance(value, bool) or not isinstance(value, int if self.whole else int | float):
            return False
        return (
            isfinite(value)
            and self.least <= value <= self.most
            and self.low < value < self.high
            and value != self.never
        )


def _folds(most: int) -> Limits:
    words = f"0 (no score) or a whole number from 2 to {most}"
    return Limits(words, whole=True, least=0, most=most, never=1)


Count = Annotated[int, Limits("a whole number of at least 1", whole=True, least=1)]
TwoOrMore = Annotated[int, Limits("a whole number of at least 2", whole=True, least=2)]
Seed = Annotated[
    int,
    Limits("a whole number of at least 0 and below 2**63", whole=True, least=0, most=2**63 - 1),
]
Share = Annotated[float, Limits("a number between 0 and 1", low=0, high=1)]
Positive = Annotated[float, Limits("a number of counts above 0", low=0)]
NotNegative = Annotated[float, Limits("a number of at least 0", least=0)]
Counts = Annotated[float, Limits("a number of counts, or None")]
Width = Annotated[float, Limits("a width above 0 and up to 100, or None", low=0, most=100)]

FOLDS = "Number of parts held out in turn to measure the dose gain; 0: not measured."
LEARNING_RATE = "Highest learning rate of the schedule."
LINE_WIDTH = (
    "Width of the lines, relative to a good silicon detector (calibrated axis) or as a standard "
    "deviation in channels (uncalibrated axis); auto: found from the data."
)
PIXELS = "Maximum number of pixels of a map to train on, drawn at random."


def setting(default: Any, explained: str, *, none: str = "auto") -> Any:
    """Return a field of settings with its explanation, and a word for None."""
    return field(default=default, metadata={"explained": explained, "none": none})


@dataclass(frozen=True)
class Settings:
    """Settings of all methods."""

    method: ClassVar[str]

    seed: Seed = setting(
        0, "Seed of all random numbers: the same seed on the same machine gives the same result."
    )
    pairs: Pairs = setting(
        "auto",
        "Source of the pairs of independent noisy counts: the repeats, random photon splitting "
        "(thinning), or whichever suits the data (auto).",
    )
    folds: Annotated[int, _folds(20)] = setting(4, FOLDS)

    def __post_init__(self) -> None:
        for name, hint in hints_of(type(self)).items():
            _check(name, hint, getattr(self, name))

    def as_dict(self) -> dict[str, Any]:
        """Return the settings as plain values, including the method."""
        return {"method": self.method, **asdict(self)}


@dataclass(frozen=True)
class TutorialSettings(Settings):
    """The published procedure: a tiny 1D DnCNN trained on repeats of a spectrum.

    N. Viganò et al., auto-denoise, tutorial "Denoising Spectra using Noise2Noise";
    K. Zhang et al., IEEE Trans. Image Process. 26 (2017) 3142; J. Lehtinen et al., ICML 2018.
    """

    method: ClassVar[str] = "spectrum"

    features: Count = setting(4, "Number of channels in the hidden layers.")
    layers: TwoOrMore = setting(6, "Number of convolutions.")
    epochs: Count = setting(10_000, "Number of training steps, each over all training spectra.")
    learning_rate: Share = setting(1e-2, "Learning rate of the AdamW optimiser.")
    weight_decay: NotNegative = setting(1e-2, "Weight decay of the AdamW optimiser.")
    restarts: Count = setting(1, "Number of cosine annealing cycles of the learning rate.")
    lower_limit: Counts | None = setting(
        0.0, "Predictions below this number of counts are penalised; off: no penalty.", none="off"
    )
    held_out: Share = setting(0.2, "Share of the channels held out to choose the best epoch.")
    strategy: Literal["1:X", "X:1"] = setting(
        "1:X", "1:X predicts the mean of the other repeats from one, X:1 one from the others' mean."
    )
    pixels: Count = setting(64, PIXELS)

    def __post_init__(self) -> None:
        super().__post_init__()
        check_setting(self.restarts <= self.epochs, "restarts", "at most epochs", self.restarts)


@dataclass(frozen=True)
class SpectrumSettings(Settings):
    """Each spectrum separately: lines of the detector's width, mixed by a small network."""

    method: ClassVar[str] = "spectrum"

    folds: Annotated[int, _folds(20)] = setting(2, FOLDS)
    line_width: Width | None = setting(None, LINE_WIDTH)
    steps: Count = setting(100, "Number of training steps.")
    thinnings: TwoOrMore = setting(
        8, "Number of random photon splits of each spectrum to train on."
    )
    features: Count = setting(
        8, "Number of channels in the hidden layer that weights the candidates."
    )
    share: Share = setting(
        0.75, "Share of the counts that the network sees in training; the rest is the target."
    )
    learning_rate: Share = setting(1e-2, LEARNING_RATE)
    batch: Count = setting(
        16, "Maximum number of spectra per training step, drawn at random if there are more."
    )
    pixels: Count = setting(256, PIXELS)


@dataclass(frozen=True)
class SubspaceSettings(Settings):
    """Settings of the methods that work on spectral components."""

    # The counts are split into 16 parts.
    folds: Annotated[int, _folds(16)] = setting(4, FOLDS)
    rank: Count | None = setting(None, "Number of components; auto: found from held-out counts.")
    max_rank: Count = setting(48, "Maximum number of components to try when rank is auto.")
    # Nearly empty channels would otherwise use up the components.
    weight_floor: Positive = setting(
        1e-2, "Mean counts per pixel and channel below which channels get no more weight."
    )


@dataclass(frozen=True)
class PcaSettings(SubspaceSettings):
    """Poisson-weighted principal component analysis of the spectra.

    M. R. Keenan and P. G. Kotula, Surf. Interface Anal. 36 (2004) 203.
    """

    method: ClassVar[str] = "pca"


@dataclass(frozen=True)
class StackSettings(SubspaceSettings):
    """1D + 2D: a 2D network on the component images of a spectral subspace."""

    method: ClassVar[str] = "stack"

    line_width: Width | None = setting(None, LINE_WIDTH)
    steps: Count = setting(300, "Number of training steps per network.")
    features: Count = setting(
        32, "Number of channels in the hidden layers at full size; coarser ones have more."
    )
    learning_rate: Share = setting(2e-2, LEARNING_RATE)
    thinnings: Count = setting(
        8, "Number of random halves of the counts whose predictions are averaged."
    )


_PRESETS: dict[str, dict[str, tuple[type[Settings], dict[str, Any]]]] = {
    "spectrum": {
        "fast": (SpectrumSettings, {"steps": 50, "thinnings": 4}),
        "balanced": (SpectrumSettings, {}),
        "best": (SpectrumSettings, {"steps": 200, "thinnings": 24, "folds": 4}),
        "tutorial": (TutorialSettings, {}),
    },
    "stack": {
        "fast": (StackSettings, {"folds": 2, "steps": 150}),
        "balanced": (StackSettings, {}),
        "best": (StackSettings, {"steps": 900, "features": 48}),
    },
    "pca": {
        "fast": (PcaSettings, {"folds": 2}),
        "balanced": (PcaSettings, {}),
        "best": (PcaSettings, {"folds": 8}),
    },
}


def resolve_settings(method: str, preset: str, changes: Mapping[str, Any]) -> Settings:
    """Return the complete settings of a run: those of a preset with single changes.

    Raises
    ------
    SettingsError
        If a name is unknown, a value is impossible, or the preset does not go with the method.
    """
    check_setting(method in _PRESETS, "method", f"one of {', '.join(METHODS)}", method)
    presets = _PRESETS[method]
    check_setting(
        preset in presets, "preset", f"one of {', '.join(presets)} for method {method!r}", preset
    )
    kind, own = presets[preset]
    known = hints_of(kind)
    for name in changes:
        if name not in known:
            near = get_close_matches(name, known, 1)
            hint = f"did you mean {near[0]!r}? " if near else ""
            raise SettingsError(
                f"unknown setting {name!r} for method {method!r} with preset {preset!r}; {hint}"
                f"there are {', '.join(sorted(known))}"
            )
    return kind(**{**own, **changes})


def settings_from_dict(content: Mapping[str, Any]) -> Settings:
    """Return the settings that `Settings.as_dict` described; saved models need it."""
    values = {name: value for name, value in content.items() if name != "method"}
    for kind in (TutorialSettings, SpectrumSettings, StackSettings, PcaSettings):
        if kind.method == content["method"] and set(values) == set(hints_of(kind)):
            return kind(**values)
    raise SettingsError(f"settings of no known method: {sorted(content)}")


def hints_of(kind: type[Settings]) -> dict[str, Any]:
    """Return the type of each setting, including its limits."""
    hints = get_type_hints(kind, include_extras=True)
    return {entry.name: hints[entry.name] for entry in fields(kind)}


def limits_of(hint: Any) -> Limits | None:
    """Return the limits in the type of a setting, which may be optional."""
    for part in (hint, *get_args(hint)):
        for entry in getattr(part, "__metadata__", ()):
            if isinstance(entry, Limits):
                return entry
    return None


def _check(name: str, hint: Any, value: object) -> None:
    limits = limits_of(hint)
    if limits is None:
        choices = get_args(hint)
        words = " or ".join(choices) if len(choices) == 2 else f"one of {', '.join(choices)}"
        check_setting(value in choices, name, words, value)
    elif value is not None or type(None) not in get_args(hint):
        check_setting(limits.allow(value), name, limits.words, value)


def check_setting(good: bool, name: str, expected: str, found: object) -> None:
    """Raise a `SettingsError` with the expected and the found value unless the setting is good."""
    if not good:
        raise SettingsError(f"setting {name!r}: expected {expected}, found {found!r}")
