"""The library and its file. This module does not load PyTorch."""

from __future__ import annotations

import dataclasses
import functools
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from classifier.errors import CheckpointError
from classifier.flattening import Floats
from classifier.names import name_key
from classifier.resampling import PreprocessConfig

# The grid of every library, whatever the network's is.
GRID = PreprocessConfig().for_templates


@dataclasses.dataclass(frozen=True)
class LibraryObject:
    """An object of the library.

    name: its usual name.
    type: type as its source gives it, with the subtype where there is one, such as "Ia-91bg".
    class_name: class of the taxonomy, or "" if there is none for its type.
    source: where its spectra come from.
    licence: licence of the source, or "".
    """

    name: str
    type: str
    class_name: str
    source: str
    licence: str = ""


@dataclasses.dataclass(frozen=True, eq=False)
class Library:
    """Named spectra, flattened, in the rest frame on GRID.

    flux: (spectra, samples) float32 flattened flux.
    weight: (spectra, samples) float32, 1 where there is data, falling off towards the ends; else 0.
    contrast: (spectra,) mean size of flux over continuum, less 1.
    owner: (spectra,) index of each spectrum's object.
    phase: (spectra,) rest-frame days from maximum light, NaN if unknown.
    objects: the objects.
    trust: figures that ``classifier.library.measure`` measured, or {}.
    """

    flux: Floats
    weight: Floats
    contrast: Floats
    owner: NDArray[np.int64]
    phase: Floats
    objects: tuple[LibraryObject, ...]
    trust: dict[str, Any] = dataclasses.field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.flux)

    @functools.cached_property
    def classes(self) -> NDArray[np.str_]:
        """Return the class of each spectrum, (spectra,); "" if it has none."""
        return np.array([entry.class_name for entry in self.objects])[self.owner]

    @functools.cached_property
    def _numbers(self) -> dict[str, int]:
        return {name_key(entry.name): number for number, entry in enumerate(self.objects)}

    def called(self, names: Iterable[str]) -> list[int]:
        """Return the objects that have one of these names, in any spelling."""
        found = (self._numbers.get(name_key(name)) for name in names)
        return sorted({number for number in found if number is not None})

    def joined(self, other: Self) -> Self:
        """Return this library with the spectra of another behind its own. Objects that share a name are one."""
        numbers = dict(self._numbers)
        objects = list(self.objects)
        for entry in other.objects:
            if numbers.setdefault(name_key(entry.name), len(objects)) == len(objects):
                objects.append(entry)
        owner = np.array([numbers[name_key(entry.name)] for entry in other.objects])[other.owner]
        return dataclasses.replace(
            self,
            flux=np.concatenate([self.flux, other.flux]),
            weight=np.concatenate([self.weight, other.weight]),
            contrast=np.concatenate([self.contrast, other.contrast]),
            owner=np.concatenate([self.owner, owner]),
            phase=np.concatenate([self.phase, other.phase]),
            objects=tuple(objects),
        )

    def save(self, path: Path) -> None:
        """Write one safetensors file, with the flux as float16; the file is replaced as a whole."""
        arrays: dict[str, NDArray[Any]] = {
            "flux": self.flux.astype(np.float16),
            "weight": np.round(self.weight * 255).astype(np.uint8),
            "contrast": self.contrast,
            "owner": self.owner,
            "phase": self.phase,
        }
        objects = json.dumps([dataclasses.asdict(entry) for entry in self.objects])
        partial = path.with_name(path.name + ".partial")
        metadata = {"objects": objects, "trust": json.dumps(self.trust), "grid": _grid()}
        partial.write_bytes(save(arrays, metadata))
        partial.replace(path)

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read the file that ``save`` wrote. Raises CheckpointError if it cannot be read."""
        try:
            with safe_open(path, framework="numpy") as file:
                metadata, stored = file.metadata(), file.keys()
                if "objects" in metadata and "contrast" not in stored:
                    raise CheckpointError(f"{path} was made by an earlier version; run `make library` again")
                arrays = {name: file.get_tensor(name) for name in ("flux", "weight", "contrast", "owner", "phase")}
            objects = tuple(LibraryObject(**entry) for entry in json.loads(metadata["objects"]))
            trust = json.loads(metadata["trust"])
        except (OSError, SafetensorError, KeyError, TypeError, ValueError) as error:
            raise CheckpointError(f"{path} is no library of spectra: {error}") from error
        samples = arrays["flux"].shape[1:]
        if metadata.get("grid") != _grid() or samples != (GRID.samples,) or (arrays["owner"] >= len(objects)).any():
            raise CheckpointError(f"{path} was made on another grid or is damaged; import the library again")
        flux, weight = arrays["flux"].astype(np.float32), arrays["weight"].astype(np.float32) / 255
        return cls(flux, weight, arrays["contrast"], arrays["owner"], arrays["phase"], objects, trust)


def _grid() -> str:
    return json.dumps(dataclasses.asdict(GRID), sort_keys=True)
