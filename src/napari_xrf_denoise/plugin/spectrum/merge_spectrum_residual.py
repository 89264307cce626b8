"""What denoising took away from a spectrum, channel by channel, without Qt."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from napari_xrf_denoise.plugin.compare.model import CompareModel, find_pair

from .layer_spectra import Curve


def residual_pair(layers: Sequence[Any]) -> tuple[Any, Any] | None:
    """Return the raw and the denoised layer that belong together, as the dock Compare pairs them.

    Parameters
    ----------
    layers : sequence of layers
        Spectral ones that are shown, the topmost last.

    Returns
    -------
    tuple of layers or None
        None where no denoised layer has a raw one of the same shape.
    """
    raw, denoised, _ = find_pair(CompareModel(available=tuple(layers)))
    return None if raw is None or denoised is None else (raw, denoised)


def residual(raw: Curve, denoised: Curve) -> Curve:
    """Return raw minus denoised counts, in counts per channel.

    Parameters
    ----------
    raw, denoised : Curve
        Of the same pixels, with as many channels.

    Raises
    ------
    ValueError
        If the numbers of channels differ.
    """
    return Curve(
        label=f"{raw.label} − {denoised.label}",
        key=(denoised.key[0], f"residual {denoised.key[1]}".rstrip()),
        axis=raw.axis,
        counts=raw.counts - denoised.counts,
        least=raw.least,
        kind="residual",
        divisor=None,
        parts=(raw.label, denoised.label),
    )
