"""A trained model and its file, which holds all that prediction needs and no code."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_xrf_denoise.core.energy_axis import EnergyAxis
from napari_xrf_denoise.core.errors import DataError, FormatError
from napari_xrf_denoise.core.version import __version__

from .settings import Settings, settings_from_dict

FORMAT = "napari-xrf-denoise model 1"
MAX_BYTES = 2**31
"""No model is larger; a file that claims more is refused before memory is allocated."""


@dataclass(frozen=True)
class Model:
    """A trained model, to be applied to other data of the same energy axis.

    Examples
    --------
    >>> import napari_xrf_denoise as xrf
    >>> image, _ = xrf.simulate_map(shape=(16, 16), n_channels=256, seed=1)
    >>> model = xrf.denoise(image, method="pca", rank=3).model
    >>> model.members[0]["synthesis"].shape
    (3, 256)
    """

    settings: Settings
    """Of the run that made it."""
    energy: EnergyAxis
    """Of the counts that it was trained on."""
    members: tuple[Mapping[str, NDArray[np.float32]], ...]
    """Tensors of each network; one entry for PCA."""
    facts: Mapping[str, Any] = field(default_factory=dict)
    """Plain values: scaling, mean counts a pixel, fingerprint of the data."""

    @property
    def n_parameters(self) -> int:
        """Number of trained weights of one network; of the factors for PCA."""
        learned = [tensor.size for name, tensor in self.members[0].items() if "running" not in name]
        return int(sum(learned))

    def save(self, path: str | Path, *, overwrite: bool = False) -> Path:
        """Write the model to a file, complete or not at all.

        Parameters
        ----------
        path : str or Path
            Ends in ``.safetensors``.
        overwrite : bool
            Whether an existing file may be replaced.

        Returns
        -------
        Path

        Raises
        ------
        FormatError
            If the name ends otherwise.
        FileExistsError
            If the file exists and `overwrite` is False.

        Notes
        -----
        The format is safetensors: a JSON header, then plain numbers.
        https://huggingface.co/docs/safetensors
        """
        from safetensors.numpy import save

        from napari_xrf_denoise.core.atomic_write import replacing

        path = Path(path)
        if path.suffix != ".safetensors":
            raise FormatError(
                f"{path}: a model's file name ends in .safetensors; choose such a name"
            )
        header = {
            "format": FORMAT,
            "version": __version__,
            "settings": json.dumps(self.settings.as_dict()),
            "energy": json.dumps(self.energy.as_dict()),
            "facts": json.dumps(dict(self.facts)),
        }
        tensors = {
            f"{index}.{name}": np.ascontiguousarray(tensor)
            for index, member in enumerate(self.members)
            for name, tensor in member.items()
        }
        with replacing(path, overwrite=overwrite) as temporary:
            temporary.write_bytes(save(tensors, metadata=header))
        return path

    @classmethod
    def load(cls, path: str | Path) -> Model:
        """Read a model that `save` wrote; no code of the file is run.

        Raises
        ------
        FormatError
            If the file is missing, damaged or not such a model.
        """
        from safetensors import SafetensorError, safe_open

        path = Path(path)
        if not path.is_file():
            raise FormatError(f"{path}: no such model file")
        if path.stat().st_size > MAX_BYTES:
            raise FormatError(f"{path}: larger than any model ({MAX_BYTES} bytes)")
        try:
            with safe_open(path, framework="numpy") as file:
                header = file.metadata() or {}
                if header.get("format") != FORMAT:
                    raise FormatError(
                        f"{path}: expected {FORMAT!r} in the header, found "
                        f"{header.get('format')!r}; give a file that Model.save wrote"
                    )
                tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            settings = settings_from_dict(json.loads(header["settings"]))
            energy = EnergyAxis.from_dict(json.loads(header["energy"]))
            model = cls(settings, energy, _members(tensors), json.loads(header["facts"]))
            from .methods.prediction import check_members

            if not float(model.facts["counts_per_pixel"]) > 0:
                raise ValueError("counts_per_pixel must be above 0")
            str(model.facts["fingerprint"])
            check_members(model)
        except FormatError:
            raise
        except (SafetensorError, OSError, ValueError, KeyError, TypeError, IndexError) as error:
            raise FormatError(
                f"{path}: damaged, or not a model of this program ({error}); save it again"
            ) from error
        return model

    def check_energy(self, energy: EnergyAxis, name: str) -> None:
        """Refuse data whose channels mean other energies than those the model learned.

        Raises
        ------
        DataError
        """
        if not energy.is_close(self.energy, tolerance=0.5):
            mine, other = self.energy, energy
            raise DataError(
                f"{name}: axis 'energy' has {other.size} channels from {other.offset:g} with "
                f"{other.gain:g} {other.unit} each; the model expects {mine.size} from "
                f"{mine.offset:g} with {mine.gain:g} {mine.unit}; train on this data, or select "
                "and rebin its energies to the model's"
            )


def _members(
    tensors: Mapping[str, NDArray[np.float32]],
) -> tuple[dict[str, NDArray[np.float32]], ...]:
    members: dict[int, dict[str, NDArray[np.float32]]] = {}
    for name, tensor in tensors.items():
        index, _, rest = name.partition(".")
        if not np.all(np.isfinite(tensor)):
            raise ValueError(f"tensor {name} holds values that are not finite")
        members.setdefault(int(index), {})[rest] = tensor
    return tuple(members[index] for index in range(len(members)))
