"""Host light: the share of a transient's spectrum that is light of its host galaxy.

A small network of its own tells it from a spectrum whose redshift is known. It was trained on blends of transients and
galaxies by ``classifier.training.host_light``. The classes' network knows nothing of it, so predictions stay as they
are.
"""

from __future__ import annotations

import dataclasses
import functools
import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import safe_open
from torch import Tensor, nn

from classifier.errors import SpectrumError
from classifier.host_spectrum import BROAD, GRID, IN_BAND, SAMPLES
from classifier.preprocess import resample, running_mean, shift_and_average
from classifier.spectrum import Spectrum
from classifier.taxonomy import Taxonomy

SHIPPED = Path(__file__).with_name("host_light.safetensors")
# The part of the band that a spectrum must cover.
NEED = 0.9
# Full width of the running mean that takes the noise out of features, in samples.
NARROW = 18
# Limits of the natural logarithm of the stated error.
LEAST_LOG, MOST_LOG = -4.0, 1.0
# Groups of the taxonomy whose members lie in a galaxy, and a member that is one.
NOT_HOSTED, NUCLEI = ("Galactic", "host", "other"), "AGN"


@dataclasses.dataclass(frozen=True)
class HostLight:
    """Share of the light (0–1) over BAND that is the host's, and its 1σ error."""

    share: float
    error: float


class HostNetwork(nn.Module):
    """Takes (batch, 4, SAMPLES), as ``inputs`` returns, and returns the share and the logarithm of its error."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(4, 24, (1, 11), stride=(1, 2), padding=(0, 5)),
            nn.GELU(),
            nn.MaxPool2d((1, 2)),
            nn.Conv2d(24, 48, (1, 9), padding=(0, 4)),
            nn.GELU(),
            nn.MaxPool2d((1, 4)),
            nn.Conv2d(48, 64, (1, 9), padding=(0, 4)),
            nn.GELU(),
            nn.MaxPool2d((1, 4)),
            nn.Flatten(),
            nn.Dropout(0.3),
            nn.Linear(64 * (SAMPLES // 64), 64),
            nn.GELU(),
            nn.Dropout(0.3),
            nn.Linear(64, 2),
        ).to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        out = self.layers(x.unsqueeze(2).contiguous(memory_format=torch.channels_last))  # (batch, 2)
        return out[:, 0], out[:, 1].clamp(LEAST_LOG, MOST_LOG)


def in_band(flux: Tensor) -> Tensor:
    """Return which samples lie in BAND, (samples,) as 0 and 1, on the device of ``flux``."""
    return torch.from_numpy(IN_BAND).to(flux)


def level(flux: Tensor, mask: Tensor) -> Tensor:
    """Return the mean flux in BAND, (n, 1), for flux and coverage (n, samples)."""
    weight = mask * in_band(flux)
    return (flux * weight).sum(1, keepdim=True) / weight.sum(1, keepdim=True).clamp_min(1.0)


def covers(flux: Tensor, mask: Tensor) -> Tensor:
    """Return whether spectra (n, samples) cover enough of BAND and have a level there, (n,) bool."""
    band = in_band(flux)
    return ((mask * band).sum(1) >= NEED * band.sum()) & (level(flux, mask).squeeze(1) > 0)


def inputs(flux: Tensor, mask: Tensor) -> Tensor:
    """Return the network's input, (n, 4, samples), from rest-frame flux and coverage (n, samples).

    The channels are the flux over its level, features of two widths over the continuum, and the coverage.
    """
    scaled = flux / level(flux, mask).clamp_min(1e-3) * mask
    continuum = running_mean(scaled, mask, BROAD)
    below = continuum.clamp_min(0.1)
    fine, coarse = ((scaled - continuum) / below, (running_mean(scaled, mask, NARROW) - continuum) / below)
    features = [(5 * one).clamp(-3, 3) * mask for one in (fine, coarse)]
    return torch.stack([torch.asinh(scaled), *features, mask], dim=1)


def is_hosted(class_name: str, taxonomy: Taxonomy) -> bool:
    """Return whether a class of the taxonomy is one of transients that lie in a galaxy and are not its nucleus."""
    entry = taxonomy.find(class_name)
    return entry is not None and entry.group not in NOT_HOSTED and entry.name != NUCLEI


@torch.no_grad()
def host_light(
    spectra: Sequence[Spectrum], redshifts: Sequence[float], network: HostNetwork | None = None
) -> list[HostLight | None]:
    """Return the host light of each spectrum, or None where too little of BAND is covered or the flux is no F_λ.

    redshifts: known redshift of each, 0 for one in the rest frame.
    network: the network; None for the shipped one.
    """
    found: list[HostLight | None] = [None] * len(spectra)
    rows, resampled = [], []
    for row, spectrum in enumerate(spectra):
        if not spectrum.is_f_lambda:
            continue
        try:
            resampled.append(resample(spectrum, GRID))
        except SpectrumError:
            continue
        rows.append(row)
    if not rows:
        return found
    flux, covered = (
        torch.from_numpy(np.stack([getattr(one, name) for one in resampled])) for name in ("flux", "covered")
    )
    shift = torch.tensor([math.log1p(redshifts[row]) for row in rows])
    flux, mask = shift_and_average(flux, covered.to(flux.dtype), shift, GRID)
    share, error = (network or shipped())(inputs(flux, mask))
    told = zip(rows, covers(flux, mask).tolist(), share.clamp(0, 1).tolist(), error.exp().tolist(), strict=True)
    for row, usable, value, sigma in told:
        found[row] = HostLight(value, sigma) if usable else None
    return found


@functools.lru_cache(maxsize=1)
def shipped() -> HostNetwork:
    """Return the network that is shipped."""
    network = HostNetwork()
    with safe_open(SHIPPED, framework="pt") as file:
        network.load_state_dict({name: file.get_tensor(name).float() for name in file.keys()})  # noqa: SIM118
    return network.eval()


def measured() -> dict[str, Any]:
    """Return what the shipped network's answers were measured to be worth."""
    with safe_open(SHIPPED, framework="pt") as file:
        figures: dict[str, Any] = json.loads(file.metadata()["measured"])
    return figures
