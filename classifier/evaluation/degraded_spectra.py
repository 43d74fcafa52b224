"""Degraded spectra: labelled spectra as another instrument, a shorter exposure or a brighter host would have given
them.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable

import torch
from torch import Tensor

from classifier.line_measurement import FWHM_PER_SIGMA
from classifier.preprocess import PreprocessConfig, running_mean
from classifier.training.blend import moved
from classifier.training.dataset import LabelledSpectra

Change = Callable[[LabelledSpectra], LabelledSpectra]


def variants(galaxies: LabelledSpectra, grid: PreprocessConfig, seed: int = 7) -> dict[str, Change]:
    """Return named changes of labelled spectra.

    galaxies: spectra of galaxies without a transient, with a redshift, whose light is added as a host's. None of them
        may have been trained on. Without any, the variants with host light are left out.
    """
    result: dict[str, Change] = {
        "SEDM-like (R ≈ 100, 3800-9200 Å)": lambda data: cut(smooth(data, grid, 100.0), grid, 3800.0, 9200.0),
        "NGPS-like, 5500-10000 Å": lambda data: cut(data, grid, 5500.0, 10000.0),
        "NGPS-like, 3800-7000 Å": lambda data: cut(data, grid, 3800.0, 7000.0),
    }
    for ratio in (20.0, 10.0, 5.0, 3.0):
        result[f"S/N {ratio:.0f}"] = lambda data, ratio=ratio: add_noise(data, grid, ratio, seed)  # type: ignore[misc]
    for share in (0.25, 0.5) if len(galaxies) else ():
        result[f"{share:.0%} host light"] = lambda data, share=share: add_host(data, galaxies, grid, share, seed)  # type: ignore[misc]
    return result


def log_wavelength(grid: PreprocessConfig) -> Tensor:
    """Return ln λ of the centres of the fine samples, (fine_samples,)."""
    return math.log(grid.fine_first) + (torch.arange(grid.fine_samples) + 0.5) * grid.log_step


def cut(data: LabelledSpectra, grid: PreprocessConfig, first: float, last: float) -> LabelledSpectra:
    """Return the spectra cut to first..last Å, observed frame."""
    inside = (log_wavelength(grid) >= math.log(first)) & (log_wavelength(grid) <= math.log(last))
    covered = data.covered & inside
    return dataclasses.replace(data, flux=data.flux * covered, covered=covered)


def smooth(data: LabelledSpectra, grid: PreprocessConfig, resolution: float) -> LabelledSpectra:
    """Return the spectra at a resolution R = λ/Δλ (FWHM), convolved with a Gaussian in ln λ."""
    sigma = 1 / (resolution * FWHM_PER_SIGMA * grid.log_step)
    half = math.ceil(4 * sigma)
    kernel = torch.exp(-0.5 * (torch.arange(-half, half + 1) / sigma) ** 2).view(1, 1, -1)
    mask = data.covered.float()
    both = torch.stack([data.flux * mask, mask], dim=1).view(-1, 1, mask.shape[1])
    total, weight = torch.nn.functional.conv1d(both, kernel, padding=half).view(-1, 2, mask.shape[1]).unbind(1)
    return dataclasses.replace(data, flux=total / weight.clamp_min(1e-6) * mask)


def add_noise(data: LabelledSpectra, grid: PreprocessConfig, ratio: float, seed: int) -> LabelledSpectra:
    """Add white noise of 1/ratio of the median flux in each sample of the network's grid."""
    random = torch.Generator().manual_seed(seed)
    level = torch.where(data.covered, data.flux.abs(), torch.nan).nanmedian(1, keepdim=True).values
    noise = torch.randn(data.flux.shape, generator=random) * level * math.sqrt(grid.oversample) / ratio
    return dataclasses.replace(data, flux=(data.flux + noise) * data.covered)


def add_host(
    data: LabelledSpectra, galaxies: LabelledSpectra, grid: PreprocessConfig, share: float, seed: int
) -> LabelledSpectra:
    """Replace a share of each spectrum's light with that of a random galaxy at its redshift.

    share: the galaxy's share of the light.

    The spectra are cut to the range that both cover. Spectra without a redshift and those of stars stay as they are,
    and so do spectra of which the galaxy covers less than half.
    """
    random = torch.Generator().manual_seed(seed)
    hosts = torch.randint(len(galaxies), (len(data),), generator=random)
    shift = torch.log1p(data.redshift) - torch.log1p(galaxies.redshift[hosts])
    samples = (shift.nan_to_num(0.0) / grid.log_step).round().long()
    light, seen = moved(galaxies.flux[hosts], galaxies.covered[hosts], samples)
    both = data.covered & seen
    extragalactic = data.redshift > 0.001
    used = extragalactic & shift.isfinite() & (both.sum(1) > 0.5 * data.covered.sum(1))
    level = (data.flux.abs() * both).sum(1) / (light.abs() * both).sum(1).clamp_min(1e-6)
    mixed = ((1 - share) * data.flux + share * level.unsqueeze(1) * light) * both
    pick = used.unsqueeze(1)
    return dataclasses.replace(
        data, flux=torch.where(pick, mixed, data.flux), covered=torch.where(pick, both, data.covered)
    )


def signal_to_noise(data: LabelledSpectra) -> Tensor:
    """Return the median flux over the scatter of neighbouring samples about a running mean, (n,)."""
    mask = data.covered.float()
    rest = (data.flux - running_mean(data.flux, mask, 21)) * mask
    scatter = 1.48 * torch.where(data.covered, rest.abs(), torch.nan).nanmedian(1).values
    level = torch.where(data.covered, data.flux.abs(), torch.nan).nanmedian(1).values
    return level / scatter.clamp_min(1e-6)
