"""Random changes that a spectrum could have suffered in another instrument, night or redshift.

Everything acts on fine spectra (see classifier.preprocess): flux (batch, fine_samples), covered the same. All
classes get the same distributions, so that the network cannot learn the archive instead of the class.
"""

from __future__ import annotations

import dataclasses
import math

import torch
from torch import Tensor

from classifier.preprocess import PreprocessConfig

# Wavelengths (Å) that real spectrographs cover; a spectrum is cut to one of them now and then.
INSTRUMENT_RANGES = (
    (3780.0, 9220.0),
    (3800.0, 7000.0),
    (5500.0, 10000.0),
    (3400.0, 8200.0),
    (4000.0, 9000.0),
)


@dataclasses.dataclass(frozen=True)
class AugmentConfig:
    """Probabilities and amplitudes; widths in ln λ."""

    smooth_probability: float = 0.25
    smooth_max: float = 0.004
    tilt: float = 0.35
    wiggle: float = 0.06
    redden_max: float = 0.8
    noise_probability: float = 0.5
    signal_to_noise: tuple[float, float] = (3.0, 80.0)
    cut_ends_probability: float = 0.6
    cut_ends_max: float = 0.25
    instrument_probability: float = 0.25
    hole_probability: float = 0.15
    rest_frame_probability: float = 0.4
    redshift_jitter_known: float = 0.0015
    redshift_shift_probability: float = 0.5
    redshift_shift: float = 0.03

    def __post_init__(self) -> None:
        object.__setattr__(self, "signal_to_noise", tuple(self.signal_to_noise))


def augment(
    flux: Tensor, covered: Tensor, settings: AugmentConfig, grid: PreprocessConfig, random: torch.Generator
) -> tuple[Tensor, Tensor]:
    """Return a changed copy of a batch: first resolution, then colour, noise and coverage."""
    log_wavelength = math.log(grid.fine_first) + (torch.arange(flux.shape[1], device=flux.device) + 0.5) * grid.log_step
    mask = covered.to(flux.dtype)
    flux = _smooth(flux, mask, settings, grid, random)
    flux = flux * _colour(flux.shape[0], log_wavelength, settings, random)
    flux = flux + _noise(flux, mask, settings, grid, random)
    mask = mask * _kept(mask, log_wavelength, settings, random)
    return flux * mask, mask > 0


def _uniform(shape: tuple[int, ...], low: float, high: float, random: torch.Generator) -> Tensor:
    return low + (high - low) * torch.rand(shape, generator=random, device=random.device)


def _chance(batch: int, probability: float, random: torch.Generator) -> Tensor:
    return torch.rand((batch, 1), generator=random, device=random.device) < probability


def _normal(shape: tuple[int, ...], random: torch.Generator) -> Tensor:
    return torch.randn(shape, generator=random, device=random.device)


def _smooth(
    flux: Tensor, mask: Tensor, settings: AugmentConfig, grid: PreprocessConfig, random: torch.Generator
) -> Tensor:
    """Lower the resolution: convolve with a Gaussian of random width by FFT, weighted by the mask."""
    batch, n = flux.shape
    width = _uniform((batch, 1), 0, settings.smooth_max, random) / grid.log_step
    length = 1 << (n + 64).bit_length()
    frequency = torch.fft.rfftfreq(length, device=flux.device)
    transfer = torch.exp(-2 * (math.pi * frequency * width) ** 2)
    both = torch.fft.irfft(torch.fft.rfft(torch.stack([flux * mask, mask]), n=length) * transfer, n=length)[..., :n]
    smooth = both[0] / both[1].clamp_min(1e-3)
    return torch.where(_chance(batch, settings.smooth_probability, random), smooth, flux) * mask


def _colour(batch: int, log_wavelength: Tensor, settings: AugmentConfig, random: torch.Generator) -> Tensor:
    """Return factors for a wrong flux calibration (a tilt and a slow wave) and for dust (optical depth ∝ λ^-1.3, either
    sign).
    """
    x = (log_wavelength - math.log(6000.0)).unsqueeze(0)
    tilt = settings.tilt * _normal((batch, 1), random) * x
    phase = _uniform((batch, 1), 0, 2 * math.pi, random)
    period = _uniform((batch, 1), 0.25, 1.2, random)
    amplitude = settings.wiggle * _normal((batch, 1), random)
    wave = amplitude * torch.sin(2 * math.pi * x / period + phase)
    depth = _uniform((batch, 1), -0.3, 1.0, random) * settings.redden_max
    dust = -depth * (torch.exp(-1.3 * x) - 1)
    return torch.exp((tilt + wave + dust).clamp(-4, 4))


def _noise(
    flux: Tensor, mask: Tensor, settings: AugmentConfig, grid: PreprocessConfig, random: torch.Generator
) -> Tensor:
    """Return white noise at a random ratio; part of it grows towards the ends of the range."""
    batch, n = flux.shape
    low, high = (math.log(value) for value in settings.signal_to_noise)
    ratio = torch.exp(_uniform((batch, 1), low, high, random))
    level = (flux.abs() * mask).sum(1, keepdim=True) / mask.sum(1, keepdim=True).clamp_min(1)
    ends = 1 + _uniform((batch, 1), 0, 2, random) * torch.linspace(-1, 1, n, device=flux.device).abs() ** 2
    # Averaging the fine samples of one of the network's samples lowers the noise again.
    noise = _normal((batch, n), random) * level * ends * math.sqrt(grid.oversample) / ratio
    return torch.where(_chance(batch, settings.noise_probability, random), noise, 0.0)


def _kept(mask: Tensor, log_wavelength: Tensor, settings: AugmentConfig, random: torch.Generator) -> Tensor:
    """Return which samples stay: ends are cut, an instrument's range is kept, a hole such as a chip gap is made."""
    batch = mask.shape[0]
    x = log_wavelength.unsqueeze(0)
    far = torch.where(mask > 0, x, -math.inf).amax(1, keepdim=True)
    near = torch.where(mask > 0, x, math.inf).amin(1, keepdim=True)
    span = far - near
    cut = torch.where(
        _chance(batch, settings.cut_ends_probability, random),
        _uniform((batch, 2), 0, settings.cut_ends_max, random),
        0.0,
    )
    keep = (x >= near + cut[:, :1] * span) & (x <= far - cut[:, 1:] * span)
    ranges = torch.tensor(INSTRUMENT_RANGES, device=mask.device).log()
    chosen = ranges[torch.randint(len(ranges), (batch,), generator=random, device=random.device)]
    inside = (x >= chosen[:, :1]) & (x <= chosen[:, 1:])
    # A cut that would leave nearly nothing is not made.
    enough = (mask * inside).sum(1, keepdim=True) > 0.4 * mask.sum(1, keepdim=True)
    keep &= inside | ~(_chance(batch, settings.instrument_probability, random) & enough)
    hole = near + span * _uniform((batch, 1), 0, 1, random)
    width = _uniform((batch, 1), 0.005, 0.03, random)
    in_hole = ((x - hole).abs() < width) & _chance(batch, settings.hole_probability, random)
    return (keep & ~in_hole).to(mask.dtype)


def random_frames(
    redshift: Tensor, stationary: Tensor, settings: AugmentConfig, random: torch.Generator
) -> tuple[Tensor, Tensor, Tensor]:
    """Choose for each spectrum a frame and a shift.

    redshift: (batch,) NaN if unknown. stationary: (batch,) bool, Galactic classes that are never moved far.
    Returns shift (batch,), the ln(1 + z) that ``network_input`` takes out; rest_frame (batch,) 0 or 1; and
    log1pz (batch,), what the redshift head should say of the result (NaN if unknown).
    """
    log1pz = torch.log1p(redshift)
    batch = redshift.shape[0]
    rest = (_uniform((batch,), 0, 1, random) < settings.rest_frame_probability) & redshift.isfinite()
    jitter = settings.redshift_jitter_known * _normal((batch,), random)
    moved = _uniform((batch,), 0, 1, random) < settings.redshift_shift_probability
    extra = torch.where(moved, settings.redshift_shift * _normal((batch,), random), 0.0)
    extra = torch.where(stationary, 0.02 * extra, extra)
    # Moved no further towards the blue than a redshift of zero allows.
    extra = torch.maximum(extra, -log1pz.nan_to_num(0.0).clamp_min(0.0)).to(log1pz.dtype)
    shift = torch.where(rest, log1pz.nan_to_num(0.0) + jitter, -extra)
    return shift, rest.to(torch.float32), log1pz + extra
