"""The network's input from resampled spectra: the one code path for training and prediction.

``classifier.resampling`` puts a spectrum once on a fine logarithmic grid that is wider than the network's.
``network_input`` takes batches of those, shifts them to the wanted frame, averages them onto the network's grid
and normalises them. Training augments between the two steps; prediction does not.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from classifier.resampling import PreprocessConfig, Resampled, check_rest_coverage, resample, resample_arrays

__all__ = [
    "CHANNELS",
    "PreprocessConfig",
    "Resampled",
    "check_rest_coverage",
    "continuum_divided",
    "network_input",
    "resample",
    "resample_arrays",
    "running_mean",
    "shift_and_average",
]

CHANNELS = ("flux", "continuum_divided", "coverage", "position", "rest_frame")


def network_input(
    flux: Tensor, covered: Tensor, log1pz: Tensor, rest_frame: Tensor, config: PreprocessConfig
) -> Tensor:
    """Return the network's input, (batch, len(CHANNELS), samples) float32, from spectra on the fine grid.

    flux, covered: (batch, fine_samples) flux, and whether there is data.
    log1pz: (batch,) ln(1 + z) by which each row is shifted to the blue; 0 leaves the observed frame.
    rest_frame: (batch,) 1 if the result is in the rest frame, else 0. A channel tells it to the network.
    config: the grids.
    """
    values, mask = shift_and_average(flux, covered.to(flux.dtype), log1pz, config)
    count = mask.sum(1, keepdim=True).clamp_min(1.0)
    standard = _standardise(values, mask, count)
    divided = continuum_divided(values, mask, config)
    position = torch.linspace(-1.0, 1.0, config.samples, dtype=flux.dtype, device=flux.device).expand_as(mask)
    frame = rest_frame.to(flux.dtype).unsqueeze(1).expand_as(mask)
    return torch.stack([standard, divided, mask, position, frame], dim=1)


def shift_and_average(flux: Tensor, mask: Tensor, log1pz: Tensor, config: PreprocessConfig) -> tuple[Tensor, Tensor]:
    """Shift spectra to the blue by ln(1 + z) and average them onto the network's grid.

    flux, mask: (batch, fine_samples); the mask holds 0 and 1.
    log1pz: (batch,).

    Returns flux and mask, both (batch, samples).
    """
    fine = config.samples * config.oversample
    offset = (math.log(config.first / config.fine_first) + log1pz.double()) / config.log_step
    whole = offset.floor()
    part = (offset - whole).to(flux.dtype).unsqueeze(1)
    index = whole.long().unsqueeze(1) + torch.arange(fine + 1, device=flux.device).unsqueeze(0)
    inside = (index >= 0) & (index < flux.shape[1])
    index = index.clamp(0, flux.shape[1] - 1)
    taken_mask = mask.gather(1, index) * inside
    taken_flux = flux.gather(1, index) * taken_mask
    weight = (1 - part) * taken_mask[:, :-1] + part * taken_mask[:, 1:]
    total = (1 - part) * taken_flux[:, :-1] + part * taken_flux[:, 1:]
    weight = weight.view(-1, config.samples, config.oversample).sum(2)
    total = total.view(-1, config.samples, config.oversample).sum(2)
    covered = (weight > 0.5 * config.oversample).to(flux.dtype)
    return torch.where(covered > 0, total / weight.clamp_min(1e-6), 0.0), covered


def _standardise(values: Tensor, mask: Tensor, count: Tensor) -> Tensor:
    mean = values.sum(1, keepdim=True) / count
    centred = (values - mean) * mask
    spread = centred.abs().sum(1, keepdim=True) / count
    return torch.asinh(centred / spread.clamp_min(1e-6))


def continuum_divided(values: Tensor, mask: Tensor, config: PreprocessConfig) -> Tensor:
    """Divide spectra by their continuum.

    values, mask: (batch, samples).

    Returns (batch, samples): the excess over a running mean, in units of its mean size and compressed by asinh; 0 where
    there is no data.
    """
    count = mask.sum(1, keepdim=True).clamp_min(1.0)
    continuum = running_mean(values, mask, config.continuum_samples)
    floor = 0.1 * values.abs().sum(1, keepdim=True) / count
    divided = (values - continuum) / continuum.clamp_min(floor.clamp_min(1e-6)) * mask
    spread = divided.abs().sum(1, keepdim=True) / count
    return torch.asinh(divided / spread.clamp_min(1e-6))


def running_mean(values: Tensor, mask: Tensor, width: int) -> Tensor:
    """Return two passes of a running mean over the covered samples, (batch, n).

    width: full width in samples.
    """
    for _ in range(2):
        values = _box(values * mask, width) / _box(mask, width).clamp_min(1e-6)
    return values


def _box(values: Tensor, width: int) -> Tensor:
    half = max(width // 4, 1)
    padded = torch.nn.functional.pad(values, (half + 1, half))
    total = padded.double().cumsum(1)
    return (total[:, 2 * half + 1 :] - total[:, : -(2 * half + 1)]).to(values.dtype)
