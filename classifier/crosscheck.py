"""A second opinion that owes nothing to the network: cross-correlation with templates.

In the manner of Tonry & Davis (1979) and SNID (Blondin & Tonry 2007): spectra in ln λ, continuum taken out, noise
smoothed away, ends tapered; a redshift is then a shift, and all shifts against all templates come from one batch of
FFTs. Unlike there, the correlation is normalised over the samples that both cover (Padfield 2012), so that a spectrum
of one arm is not punished for the arm that is missing.
"""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from classifier.preprocess import PreprocessConfig, continuum_divided, shift_and_average

# Samples (ln λ of the network's grid) over which a spectrum's ends are tapered, and passes of the noise filter.
TAPER = 32
SMOOTHING_PASSES = 3
# A shift counts only where this many samples are compared; a correlation of fewer is chance.
MIN_OVERLAP = 80
REDSHIFT_MIN, REDSHIFT_MAX = -0.01, 1.5
# How far from a known redshift a peak may lie, in samples of the network's grid (500 km/s each).
KNOWN_WIDTH = 2


@dataclasses.dataclass(frozen=True, eq=False)
class Templates:
    """Averages of alike training spectra, in the rest frame on the network's grid.

    flux: (templates, samples) continuum-divided; weight: the same shape, 1 where a template is defined; labels:
    (templates,) index into the checkpoint's classes; age: (templates,) median rest-frame days since the first spectrum
    of the objects in it, NaN where unknown; spectra: (templates,) how many went in.
    """

    flux: Tensor
    weight: Tensor
    labels: Tensor
    age: Tensor
    spectra: Tensor

    def save(self, path: Path) -> None:
        """Write a safetensors file, flux as float16."""
        fields = {field.name: getattr(self, field.name).contiguous() for field in dataclasses.fields(self)}
        save_file(fields | {"flux": self.flux.half(), "weight": self.weight.to(torch.uint8)}, path)

    @classmethod
    def load(cls, path: Path) -> Templates:
        """Read what ``save`` wrote."""
        fields = load_file(path)
        return cls(**(fields | {"flux": fields["flux"].float(), "weight": fields["weight"].float()}))


@dataclasses.dataclass(frozen=True)
class Match:
    """The best template. score: correlation at the peak times the square root of the samples compared; below about 12
    it is often chance. redshift: None where the spectrum came in the rest frame. template: its number."""

    label: int
    redshift: float | None
    score: float
    template: int


class CrossCheck:
    """Templates made ready for a grid."""

    def __init__(self, templates: Templates, grid: PreprocessConfig) -> None:
        self.templates = templates
        self.grid = grid
        self.step = grid.log_step * grid.oversample
        self.length = 2 * grid.samples
        flux, weight = templates.flux, templates.weight
        self.transforms = torch.stack([self._transform(v).conj() for v in (flux * weight, flux**2 * weight, weight)])
        first, last = (round(math.log1p(z) / self.step) for z in (REDSHIFT_MIN, REDSHIFT_MAX))
        self.lags = torch.arange(first, last + 1)

    def _transform(self, values: Tensor) -> Tensor:
        transform: Tensor = torch.fft.rfft(values, n=self.length)
        return transform

    @torch.inference_mode()
    def match(self, flux: Tensor, covered: Tensor, redshift: float | None, at_rest: bool) -> Match | None:
        """Compare one fine spectrum, (fine_samples,) flux and coverage in the frame it came in, with all templates.

        redshift: known, or None to search all. at_rest: the spectrum is in the rest frame already. None where too
        little of the grid is covered to compare anything.
        """
        scores = self.scores(flux, covered)
        if at_rest or redshift is not None:
            centre = 0 if at_rest else round(math.log1p(redshift or 0.0) / self.step)
            scores = torch.where((self.lags - centre).abs() <= KNOWN_WIDTH, scores, 0.0)
        best = int(scores.argmax())
        template, lag = divmod(best, scores.shape[1])
        score = float(scores[template, lag])
        if score <= 0:
            return None
        found = math.expm1((float(self.lags[lag]) + _vertex(scores[template], lag)) * self.step)
        return Match(int(self.templates.labels[template]), None if at_rest else found, score, template)

    def scores(self, flux: Tensor, covered: Tensor) -> Tensor:
        """(templates, lags): correlation times √(samples compared), 0 where too few are."""
        values, weight = prepared(flux.unsqueeze(0), covered.unsqueeze(0), torch.zeros(1), self.grid)
        one, square, mask = (self._transform(v) for v in (values * weight, values**2 * weight, weight))
        with_flux, with_square, with_weight = self.transforms
        product = self._at_lags(one * with_flux)
        ours = self._at_lags(square * with_weight).clamp_min(1e-4)
        theirs = self._at_lags(mask * with_square).clamp_min(1e-4)
        overlap = self._at_lags(mask * with_weight).clamp_min(0)
        correlation = product / (ours * theirs).sqrt()
        return torch.where(overlap > MIN_OVERLAP, correlation * overlap.sqrt(), 0.0)

    def _at_lags(self, transform: Tensor) -> Tensor:
        """Back from Fourier space, (templates, lags): the shifts that are asked for, about a quarter of all."""
        values: Tensor = torch.fft.irfft(transform, n=self.length)
        return values[:, self.lags % self.length]


def prepared(flux: Tensor, covered: Tensor, log1pz: Tensor, grid: PreprocessConfig) -> tuple[Tensor, Tensor]:
    """Fine spectra (batch, fine_samples) → continuum-divided, smoothed flux and tapered weight, (batch, samples),
    with ln(1 + z) taken out."""
    values, mask = shift_and_average(flux, covered.to(flux.dtype), log1pz, grid)
    divided = continuum_divided(values, mask, grid)
    taper = torch.nn.functional.avg_pool1d(mask.unsqueeze(1), TAPER + 1, 1, TAPER // 2).squeeze(1)
    return _smoothed(divided, mask), mask * taper


def _smoothed(values: Tensor, mask: Tensor) -> Tensor:
    kernel = torch.tensor([[[0.25, 0.5, 0.25]]])
    for _ in range(SMOOTHING_PASSES):
        both = torch.nn.functional.conv1d(
            torch.stack([values * mask, mask]).view(-1, 1, values.shape[1]), kernel, padding=1
        )
        total, weight = both.view(2, *values.shape)
        values = total / weight.clamp_min(1e-3) * mask
    return values


def _vertex(scores: Tensor, at: int) -> float:
    """Offset, within ±0.5 sample, of the parabola's top through a peak and its neighbours."""
    if not 0 < at < len(scores) - 1:
        return 0.0
    left, top, right = (float(scores[at + i]) for i in (-1, 0, 1))
    bend = left - 2 * top + right
    # A neighbour that was too short to count is no shoulder of the peak.
    if min(left, right) <= 0 or bend >= 0:
        return 0.0
    return max(-0.5, min(0.5, 0.5 * (left - right) / bend))
