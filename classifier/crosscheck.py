"""A second opinion that is independent of the network: cross-correlation with templates.

The method follows Tonry & Davis (1979) and SNID (Blondin & Tonry 2007). Spectra are flattened and sampled in ln λ, so
that a redshift is a shift, and one batch of FFTs compares all shifts of all templates. The correlation is normalised
over the samples that both cover (Padfield 2012), which SNID does not do, so that a spectrum of one arm is not punished
for the arm that is missing.
"""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import torch
from torch import Tensor

from classifier.flattening import flatten
from classifier.resampling import PreprocessConfig
from classifier.templates import Templates

# A shift counts only if more samples than this are compared, because a correlation of fewer is chance.
MIN_OVERLAP = 80
REDSHIFT_MIN, REDSHIFT_MAX = -0.01, 1.5
# Largest distance of a peak from a known redshift, in samples of the network's grid (500 km/s each).
KNOWN_WIDTH = 2


@dataclasses.dataclass(frozen=True)
class Match:
    """The template that matches a spectrum best.

    Attributes:
        label: index of the template's class in the checkpoint's classes.
        redshift: redshift of the match, or None if the spectrum came in the rest frame.
        score: correlation at the peak times the square root of the number of samples compared. A score below about 12
            is often chance.
        template: index of the template in the checkpoint's templates.
    """

    label: int
    redshift: float | None
    score: float
    template: int


class CrossCheck:
    """Templates made ready to be compared with spectra on a grid."""

    def __init__(self, templates: Templates, grid: PreprocessConfig) -> None:
        self.templates = templates
        self.grid = grid.for_templates
        self.length = 2 * self.grid.samples
        flux, weight = torch.from_numpy(templates.flux), torch.from_numpy(templates.weight)
        self.transforms = torch.stack([self._transform(v).conj() for v in (flux * weight, flux**2 * weight, weight)])
        first, last = (round(math.log1p(z) / self.grid.step) for z in (REDSHIFT_MIN, REDSHIFT_MAX))
        self.lags = torch.arange(first, last + 1)

    def _transform(self, values: Tensor) -> Tensor:
        transform: Tensor = torch.fft.rfft(values, n=self.length)
        return transform

    @torch.inference_mode()
    def match(self, flux: Tensor, covered: Tensor, redshift: float | None, at_rest: bool) -> Match | None:
        """Compare one resampled spectrum with all templates.

        flux: (fine_samples,) flux in the frame that the spectrum came in.
        covered: (fine_samples,) whether the spectrum has data there.
        redshift: known redshift, or None to search all redshifts.
        at_rest: whether the spectrum is in the rest frame already.

        Returns None if the spectrum covers too little of the grid to compare anything.
        """
        scores = self.scores(flux, covered)
        if at_rest or redshift is not None:
            centre = 0 if at_rest else round(math.log1p(redshift or 0.0) / self.grid.step)
            scores = torch.where((self.lags - centre).abs() <= KNOWN_WIDTH, scores, 0.0)
        best = int(scores.argmax())
        template, lag = divmod(best, scores.shape[1])
        score = float(scores[template, lag])
        if score <= 0:
            return None
        shift = (float(self.lags[lag]) + _vertex(scores[template], lag)) * self.grid.step
        return Match(int(self.templates.labels[template]), None if at_rest else math.expm1(shift), score, template)

    def scores(self, flux: Tensor, covered: Tensor) -> Tensor:
        """Return the score of each template at each shift, (templates, lags); 0 where too few samples overlap."""
        flattened = flatten(flux.numpy()[None], covered.numpy()[None], np.zeros(1), self.grid)
        values, weight = torch.from_numpy(flattened.flux), torch.from_numpy(flattened.weight)
        one, square, mask = (self._transform(v) for v in (values * weight, values**2 * weight, weight))
        with_flux, with_square, with_weight = self.transforms
        product = self._at_lags(one * with_flux)
        ours = self._at_lags(square * with_weight).clamp_min(1e-4)
        theirs = self._at_lags(mask * with_square).clamp_min(1e-4)
        overlap = self._at_lags(mask * with_weight).clamp_min(0)
        correlation = product / (ours * theirs).sqrt()
        return torch.where(overlap > MIN_OVERLAP, correlation * overlap.sqrt(), 0.0)

    def _at_lags(self, transform: Tensor) -> Tensor:
        """Transform back from Fourier space and keep the shifts in range, about a quarter: (templates, lags)."""
        values: Tensor = torch.fft.irfft(transform, n=self.length)
        return values[:, self.lags % self.length]


def _vertex(scores: Tensor, at: int) -> float:
    """Return the offset, within ±0.5 sample, of the top of the parabola through a peak and its neighbours."""
    if not 0 < at < len(scores) - 1:
        return 0.0
    left, top, right = (float(scores[at + i]) for i in (-1, 0, 1))
    bend = left - 2 * top + right
    # A neighbour of score 0 overlapped too little to be compared, so it is no shoulder of the peak.
    if min(left, right) <= 0 or bend >= 0:
        return 0.0
    return max(-0.5, min(0.5, 0.5 * (left - right) / bend))
