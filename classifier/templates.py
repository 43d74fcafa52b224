"""Templates of the cross-check and their file. This module does not load PyTorch."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load, save_file

from classifier.flattening import Floats


@dataclasses.dataclass(frozen=True, eq=False)
class Templates:
    """Averages of alike training spectra, flattened, in the rest frame on the network's grid.

    Attributes:
        flux: (templates, samples) flattened flux.
        weight: (templates, samples) 1 where a template is defined, which is one stretch, else 0.
        labels: (templates,) index into the checkpoint's classes.
        age: (templates,) median rest-frame days since the first spectrum of each transient in it; NaN if unknown.
        spectra: (templates,) number of spectra in the average.
    """

    flux: Floats
    weight: Floats
    labels: NDArray[np.int64]
    age: Floats
    spectra: NDArray[np.int64]

    def save(self, path: Path) -> None:
        """Write a safetensors file with the flux as float16."""
        arrays: dict[str, NDArray[Any]] = {
            field.name: np.ascontiguousarray(getattr(self, field.name)) for field in dataclasses.fields(self)
        }
        save_file(arrays | {"flux": self.flux.astype(np.float16), "weight": self.weight.astype(np.uint8)}, path)

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read the file that ``save`` wrote. Raises OSError or SafetensorError if it cannot be read."""
        return cls.from_bytes(path.read_bytes())

    @classmethod
    def from_bytes(cls, content: bytes) -> Self:
        """Read the content of a file that ``save`` wrote. Raises SafetensorError if it is damaged."""
        arrays = load(content)
        arrays |= {name: arrays[name].astype(np.float32) for name in ("flux", "weight")}
        # Older checkpoints may have templates with holes.
        return cls(**(arrays | {"weight": np.stack([longest_stretch(weight) for weight in arrays["weight"]])}))


def longest_stretch(weight: Floats) -> Floats:
    """Return a weight of zeros and ones with its longest stretch of ones alone, (samples,)."""
    edges = np.diff(weight, prepend=0, append=0)
    starts, stops = np.flatnonzero(edges > 0), np.flatnonzero(edges < 0)
    kept = np.zeros_like(weight)
    if starts.size:
        longest = (stops - starts).argmax()
        kept[starts[longest] : stops[longest]] = 1
    return kept
