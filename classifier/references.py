"""References: embeddings of training spectra. A spectrum far from all of them is unlike what the network knows."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Self

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file, save_file
from torch import Tensor

# The distance is that to so many references, the nearest ones.
NEIGHBOURS = 10


@dataclasses.dataclass(frozen=True, eq=False)
class References:
    """Embeddings of some of the spectra that each network was trained on.

    embeddings: (members, references, hidden) of length 1, in the observed frame. The references of a member are
        spectra of other objects than those that it left out.
    """

    embeddings: Tensor

    def of_member(self, number: int) -> Self:
        """Return the references of one member alone."""
        return type(self)(self.embeddings[number : number + 1])

    def to(self, device: torch.device) -> Self:
        """Return the references on a device."""
        return type(self)(self.embeddings.to(device))

    def distance(self, hidden: Tensor) -> NDArray[np.float64]:
        """Return the mean over members of 1 - cosine to the nearest references, (batch,), from 0 to 2.

        hidden: (batch, members x hidden) embeddings of spectra.
        """
        members, count, _ = self.embeddings.shape
        own = unit(hidden.float().view(len(hidden), members, -1)).transpose(0, 1)  # (members, batch, hidden)
        cosine = own @ self.embeddings.to(hidden.device).transpose(1, 2)  # (members, batch, references)
        nearest = cosine.topk(min(NEIGHBOURS, count), dim=2).values
        result: NDArray[np.float64] = 1 - nearest.mean((0, 2)).double().cpu().numpy()
        return result

    def save(self, path: Path) -> None:
        """Write a safetensors file with a byte for each number."""
        scaled = 127 * self.embeddings / self.embeddings.abs().amax(2, keepdim=True)
        save_file({"embeddings": scaled.round().to(torch.int8).contiguous()}, path)

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read the file that ``save`` wrote. Raises OSError or SafetensorError if it cannot be read."""
        return cls(unit(load_file(path)["embeddings"].float()))


def unit(embeddings: Tensor) -> Tensor:
    """Return embeddings, (..., hidden), scaled to a length of 1."""
    return torch.nn.functional.normalize(embeddings, dim=-1)


def distances(references: References | None, hidden: Tensor) -> NDArray[np.float64]:
    """Return the distance to the references, (batch,), or NaN without any.

    hidden: (batch, members x hidden) embeddings of spectra.
    """
    return np.full(len(hidden), np.nan) if references is None else references.distance(hidden)
