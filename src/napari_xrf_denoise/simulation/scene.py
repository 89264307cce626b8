"""The elements of a simulated map: grains, gradients, veins, minor elements, hot spots.

Each component of the spectrum has a field over (y, x). The difficulties of real maps are included
on purpose: sharp borders and thin veins that smoothing blurs, correlated elements (so that one
helps to denoise the other), elements far below one count a pixel, and single pixels of an element
found nowhere else, which a denoiser must not mistake for noise.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["SCATTER", "HotSpot", "Scene", "compose_scene"]

SCATTER = ("compton", "rayleigh", "continuum")
"""Components that are not elements: scattered excitation and the background under all lines."""

ASSEMBLAGES: tuple[dict[str, float], ...] = (
    {"Ca": 1.0, "Sr": 0.12, "Mg": 0.01},
    {"Fe": 1.0, "Mn": 0.08, "Cr": 0.03},
    {"K": 0.6, "Si": 0.3, "Rb": 0.12, "Al": 0.05},
    {"Ti": 1.0, "Fe": 0.5, "V": 0.06},
    {"Zn": 1.0, "S": 0.15, "Cd": 0.03, "Fe": 0.1},
    {"Cu": 0.7, "Fe": 0.6, "S": 0.2},
    {"Ni": 0.8, "Fe": 0.4, "Co": 0.08, "S": 0.15},
    {"Ca": 0.8, "P": 0.08, "Y": 0.06, "Ce": 0.08},
    {"Cl": 0.4, "K": 0.3, "Br": 0.3},
    {"Ba": 0.9, "S": 0.2, "Sr": 0.2},
)
"""Elements that occur together (calcite, iron oxide, feldspar, ilmenite, sphalerite, chalcopyrite,
pentlandite, apatite, salts, baryte), with shares of detected photons, not of mass."""

MINOR = ("Ti", "V", "Cr", "Mn", "Co", "Ni", "Cu", "Zn", "Ga", "Ge", "Se", "Br", "Rb", "Sr", "La")
MINOR_SHARES = (0.03, 0.012, 0.006, 0.003, 0.0015, 0.0007)
"""Shares of all counts: at 300 counts a pixel, from nine counts a pixel down to a fifth of one."""

RARE = ("Pb", "Au", "As", "Hg", "Se", "Pt", "W", "U", "Bi", "Ag", "Sn", "Ta")
"""Elements of the hot spots: lines of K, L and M below 18 keV."""
PIXELS_PER_HOT_SPOT = 300
MOST_HOT_SPOTS = 500


@dataclass(frozen=True)
class HotSpot:
    """One pixel with an element that its neighbours do not have."""

    element: str
    y: int
    x: int
    counts: float
    """Expected counts of the element in that pixel."""


@dataclass(frozen=True, eq=False)
class Scene:
    """Expected counts of each component in each pixel."""

    components: tuple[str, ...]
    """Elements and `SCATTER`."""
    abundances: NDArray[np.float64]
    """Expected counts, all channels together, shape (components, y, x)."""
    hot_spots: tuple[HotSpot, ...]
    """The single pixels, which are part of `abundances`."""


def compose_scene(
    shape: tuple[int, int], counts_per_pixel: float, rng: np.random.Generator
) -> Scene:
    """Return the fields of a random map of this shape (y, x) and mean of expected counts."""
    fields: dict[str, NDArray[np.float64]] = {}
    thickness = _thickness(shape, rng)
    _add_grains(fields, thickness, rng)
    _add_veins(fields, thickness, rng)
    _share_out(fields, 0.72)
    _add_scatter(fields, thickness, rng)
    _add_minor(fields, thickness, rng)
    spots = _add_hot_spots(fields, shape, rng)
    scale = counts_per_pixel / sum(float(field.mean()) for field in fields.values())
    return Scene(
        tuple(fields),
        np.stack([scale * field for field in fields.values()]),
        tuple(HotSpot(spot.element, spot.y, spot.x, scale * spot.counts) for spot in spots),
    )


def smooth_field(
    shape: tuple[int, int], length: float, rng: np.random.Generator
) -> NDArray[np.float64]:
    """Return a Gaussian random field (y, x) of mean 0, variance about 1, and correlation `length`.

    The length is in pixels.
    """
    from scipy.ndimage import gaussian_filter

    # A coarse grid suffices for a smooth field, and is fast on large maps.
    step = max(1, int(length / 4))
    margin = int(3 * length / step) + 1
    coarse = tuple(-(-size // step) + 2 * margin + 1 for size in shape)
    field = gaussian_filter(rng.standard_normal(coarse), length / step, mode="wrap")
    field = field * (2 * np.sqrt(np.pi) * length / step)
    places = [margin + np.arange(size) / step for size in shape]
    return _interpolate(field, places[0], places[1])


def _interpolate(
    field: NDArray[np.float64], y: NDArray[np.float64], x: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return bilinear values of a field at rows `y` and columns `x`."""
    top, left = y.astype(int), x.astype(int)
    down, right = (y - top)[:, None], (x - left)[None, :]
    rows = field[top] * (1 - down) + field[top + 1] * down
    return np.asarray(rows[:, left] * (1 - right) + rows[:, left + 1] * right)


def _thickness(shape: tuple[int, int], rng: np.random.Generator) -> NDArray[np.float64]:
    """Return the mass in the beam: slow variations and a slope."""
    y, x = (np.linspace(-0.5, 0.5, size) for size in shape)
    slope = rng.uniform(-0.5, 0.5, 2)
    slow = 0.2 * smooth_field(shape, max(shape) / 4, rng)
    return np.asarray(np.exp(slow + slope[0] * y[:, None] + slope[1] * x[None, :]))


def _add_grains(
    fields: dict[str, NDArray[np.float64]],
    thickness: NDArray[np.float64],
    rng: np.random.Generator,
) -> None:
    """Add grains of a few phases, with sharp, curved borders."""
    shape = thickness.shape
    n_phases = int(rng.integers(3, 5))
    phases = rng.choice(len(ASSEMBLAGES), n_phases, replace=False)
    n_grains = int(rng.integers(12, 40))
    phase_of_grain = np.concatenate(
        [np.arange(n_phases), rng.integers(0, n_phases, n_grains - n_phases)]
    )
    phase = phase_of_grain[_grains(shape, n_grains, rng)]
    for index, assemblage in enumerate(phases):
        # Composition varies within a phase, but its elements vary together.
        coarse, fine = (smooth_field(shape, max(shape) / part, rng) for part in (10, 48))
        density = thickness * np.exp(0.25 * coarse + 0.1 * fine)
        density = density * np.where(phase == index, rng.uniform(0.6, 1.4), 0.02)
        for element, share in ASSEMBLAGES[assemblage].items():
            _add(fields, element, share * rng.uniform(0.6, 1.4) * density)


def _grains(shape: tuple[int, int], n_grains: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Return the grain of each pixel: the nearest of random centres, on a warped grid."""
    length = max(shape) / 12
    y = np.arange(shape[0])[:, None] + 0.6 * length * smooth_field(shape, length, rng)
    x = np.arange(shape[1])[None, :] + 0.6 * length * smooth_field(shape, length, rng)
    centers = rng.uniform(0, 1, (n_grains, 2)) * shape
    nearest = np.full(shape, np.inf)
    grain = np.zeros(shape, dtype=np.int64)
    for number, (row, column) in enumerate(centers):
        distance = (y - row) ** 2 + (x - column) ** 2
        closer = distance < nearest
        nearest[closer] = distance[closer]
        grain[closer] = number
    return grain


def _add_veins(
    fields: dict[str, NDArray[np.float64]],
    thickness: NDArray[np.float64],
    rng: np.random.Generator,
) -> None:
    """Add filled cracks one to three pixels wide: level lines of smooth fields."""
    shape = thickness.shape
    for _ in range(int(rng.integers(2, 4))):
        field = smooth_field(shape, max(shape) / 5, rng)
        field = field - np.quantile(field, rng.uniform(0.25, 0.75))
        steepness = np.hypot(*(_slope(field, axis) for axis in (0, 1)))
        distance = np.abs(field) / np.maximum(steepness, 1e-3 / max(shape))
        vein = thickness * np.exp(-((distance / rng.uniform(0.5, 1.3)) ** 2))
        filling = ASSEMBLAGES[int(rng.integers(len(ASSEMBLAGES)))]
        strength = rng.uniform(0.4, 1.2)
        for element, share in filling.items():
            _add(fields, element, strength * share * vein)


def _slope(field: NDArray[np.float64], axis: int) -> NDArray[np.float64]:
    """Return the gradient along an axis; 0 for an axis of one pixel."""
    if field.shape[axis] < 2:
        return np.zeros_like(field)
    return np.asarray(np.gradient(field, axis=axis))


def _add_scatter(
    fields: dict[str, NDArray[np.float64]],
    thickness: NDArray[np.float64],
    rng: np.random.Generator,
) -> None:
    """Add scatter, which follows the mass and the substrate; light phases scatter more."""
    light = np.exp(0.2 * smooth_field(thickness.shape, max(thickness.shape) / 8, rng))
    for name, share in zip(SCATTER, rng.uniform(0.7, 1.3, 3) * (0.14, 0.05, 0.05), strict=True):
        field = 0.4 + 0.6 * thickness * (light if name == "compton" else 1.0)
        fields[name] = share * field / field.mean()


def _add_minor(
    fields: dict[str, NDArray[np.float64]],
    thickness: NDArray[np.float64],
    rng: np.random.Generator,
) -> None:
    """Add minor elements, in soft patches or along with a major element."""
    shape = thickness.shape
    majors = [name for name in fields if name not in SCATTER]
    free = [element for element in MINOR if element not in fields]
    elements = rng.permutation(free)[: len(MINOR_SHARES)]
    for element, share in zip(elements, MINOR_SHARES, strict=False):
        if rng.random() < 0.4:
            field = fields[majors[int(rng.integers(len(majors)))]] + 1e-3
        else:
            field = thickness * np.exp(1.2 * smooth_field(shape, max(shape) / 9, rng))
        _add(fields, str(element), share * field / field.mean())


def _add_hot_spots(
    fields: dict[str, NDArray[np.float64]], shape: tuple[int, int], rng: np.random.Generator
) -> list[HotSpot]:
    """Add rare elements in single pixels, at least three pixels apart."""
    cell = 5
    cells = [max(1, size // cell) for size in shape]
    number = min(-(-shape[0] * shape[1] // PIXELS_PER_HOT_SPOT), MOST_HOT_SPOTS)
    if shape[0] * shape[1] < cell**2:
        return []  # too few pixels for a single one to stand out
    free = [element for element in RARE if element not in fields]
    elements = rng.choice(free, size=3, replace=False)
    spots = []
    for place in rng.choice(
        cells[0] * cells[1], size=min(number, cells[0] * cells[1]), replace=False
    ):
        corner = np.multiply(np.divmod(int(place), cells[1]), cell)
        y, x = (int(c + rng.integers(min(3, size))) for c, size in zip(corner, shape, strict=True))
        spot = HotSpot(str(rng.choice(elements)), y, x, float(rng.uniform(0.12, 0.5)))
        if spot.element not in fields:
            fields[spot.element] = np.zeros(shape)
        fields[spot.element][y, x] += spot.counts
        spots.append(spot)
    return spots


def _share_out(fields: dict[str, NDArray[np.float64]], total: float) -> None:
    """Scale all fields to `total` counts a pixel together."""
    scale = total / sum(float(field.mean()) for field in fields.values())
    for name in fields:
        fields[name] = scale * fields[name]


def _add(fields: dict[str, NDArray[np.float64]], element: str, field: NDArray[np.float64]) -> None:
    fields[element] = fields[element] + field if element in fields else field
