"""A second opinion that is independent of the network: cross-correlation with templates.

The method follows Tonry & Davis (1979) and SNID (Blondin & Tonry 2007). Spectra are flattened and sampled in ln λ, so
that a redshift is a shift, and one batch of FFTs compares all shifts of all templates. The correlation is normalised
over the samples that both cover (Padfield 2012), which SNID does not do, so that a spectrum of one arm is not punished
for the arm that is missing.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from classifier.flattening import flatten
from classifier.fourier import fast_length
from classifier.network import SpectraNetConfig
from classifier.resampling import PreprocessConfig
from classifier.templates import Templates

# A shift counts only if more samples than this are compared, because a correlation of fewer is chance.
MIN_OVERLAP = 80
REDSHIFT_MIN, REDSHIFT_MAX = -0.01, 1.5
# Largest distance of a peak from a known redshift, in samples of the network's grid (500 km/s each).
KNOWN_WIDTH = 2
# Weight of the best template score at a redshift in the network's redshift logits, chosen out of fold
# (docs/experiments.md).
EVIDENCE = 0.5
# So much of a bin away from its edge counts as on the edge.
EDGE = 1e-6
# Number of spectra that a CPU compares at a time, so that they stay in its cache.
SEARCHED_ON_CPU = 1


@dataclasses.dataclass(frozen=True)
class Match:
    """The template that matches a spectrum best.

    Attributes:
        label: index of the template's class in the checkpoint's classes.
        redshift: redshift of the match; near 0 if the spectrum came in the rest frame.
        score: correlation at the peak times the square root of the number of samples compared. A score below about 12
            is often chance.
        template: index of the template in the checkpoint's templates.
    """

    label: int
    redshift: float
    score: float
    template: int


@dataclasses.dataclass(frozen=True, eq=False)
class Comparison:
    """Spectra compared with all templates.

    Attributes:
        matches: the best match of each of n spectra, or None if it covers too little to compare anything.
        best: (n, lags) best score of any template at each shift.
    """

    matches: list[Match | None]
    best: Tensor


class CrossCheck:
    """Templates made ready to be compared with batches of spectra on a grid.

    device: where spectra and templates are compared; None for the CPU.
    """

    def __init__(self, templates: Templates, grid: PreprocessConfig, device: torch.device | None = None) -> None:
        self.templates = templates
        self.grid = grid.for_templates
        self.device = device or torch.device("cpu")
        first, last = (round(math.log1p(z) / self.grid.step) for z in (REDSHIFT_MIN, REDSHIFT_MAX))
        self.lags = torch.arange(first, last + 1, device=self.device)
        self.margins = (-first, last)
        self.length = fast_length(self.grid.samples + max(last, -first))
        flux, weight = (torch.from_numpy(values).to(self.device) for values in (templates.flux, templates.weight))
        # Each template is defined on one stretch, from sample ``start`` up to ``stop``, which is no part of it.
        self.start = weight.argmax(1)
        self.stop = weight.shape[1] - weight.flip(1).argmax(1)
        terms = weighted_terms(flux, weight)[:2]  # (2, templates, samples)
        # Turned so that the first shift of a product comes first.
        frequencies = torch.arange(self.length // 2 + 1, device=self.device) / self.length
        turn = torch.polar(torch.ones_like(frequencies), 2 * math.pi * first * frequencies)
        self.transforms = torch.fft.rfft(terms, n=self.length).conj() * turn

    @torch.inference_mode()
    def compare(self, flux: Tensor, covered: Tensor, redshifts: Sequence[float | None]) -> Comparison:
        """Compare resampled spectra with all templates at all shifts.

        flux: (n, fine_samples) flux in the frame that each spectrum came in.
        covered: (n, fine_samples) whether a spectrum has data there.
        redshifts: n known redshifts, each 0 for a spectrum in the rest frame, or None. A match lies near a known one.
        """
        terms = flattened_terms(flux, covered, self.grid).to(self.device)
        at_once = len(redshifts) if self.device.type == "cuda" else SEARCHED_ON_CPU
        matches: list[Match | None] = []
        best = []
        for start in range(0, len(redshifts), max(at_once, 1)):
            scores = self.scores(terms[:, start : start + at_once])
            best.append(scores.amax(1))
            matches += self._best(scores, redshifts[start : start + at_once])
        return Comparison(matches, torch.cat(best))

    def scores(self, terms: Tensor) -> Tensor:
        """Return the score of each template at each shift, (n, templates, lags); 0 where too few samples overlap.

        terms: (3, n, samples) as ``flattened_terms`` returns.
        """
        flux, square, weight = terms
        one, mask = torch.fft.rfft(torch.stack([flux, weight]), n=self.length).unsqueeze(2)  # each (n, 1, frequencies)
        with_flux, with_square = self.transforms
        product = self._at_lags(one * with_flux)
        theirs = self._at_lags(mask * with_square).clamp_min(1e-4)
        ours = self._within_templates(square).clamp_min(1e-4)
        overlap = self._within_templates(weight)
        correlation = product / (ours * theirs).sqrt()
        return torch.where(overlap > MIN_OVERLAP, correlation * overlap.clamp_min(0).sqrt(), 0.0)

    def _at_lags(self, transform: Tensor) -> Tensor:
        values: Tensor = torch.fft.irfft(transform, n=self.length)
        return values[..., : len(self.lags)]

    def _within_templates(self, values: Tensor) -> Tensor:
        """Return the sum of values (n, samples) within each template at each shift, (n, templates, lags).

        A template covers one stretch, so this is a difference of two running sums and needs no transform.
        """
        total = torch.nn.functional.pad(values.double().cumsum(1).float(), (1, 0))  # (n, samples + 1)
        total = torch.nn.functional.pad(total, self.margins, mode="replicate")
        windows = total.unfold(1, len(self.lags), 1)  # (n, samples + 1, lags)
        return windows[:, self.stop] - windows[:, self.start]

    def _best(self, scores: Tensor, redshifts: Sequence[float | None]) -> list[Match | None]:
        """Return the best of the scores (n, templates, lags) of each spectrum, near its redshift if that is known."""
        known = [math.nan if z is None else round(math.log1p(z) / self.grid.step) for z in redshifts]
        shifts = torch.tensor(known, device=self.device).unsqueeze(1)
        far = (self.lags - shifts).abs() > KNOWN_WIDTH  # (n, lags), False throughout where none is known
        near = torch.where(far.unsqueeze(1), 0.0, scores)
        top, place = near.flatten(1).max(1)
        template, at = place // len(self.lags), place % len(self.lags)
        redshift = torch.expm1((self.lags[at] + _vertices(near, template, at, top)) * self.grid.step)
        found = zip(template.tolist(), redshift.tolist(), top.tolist(), strict=True)
        labels = self.templates.labels
        return [Match(int(labels[number]), z, score, number) if score > 0 else None for number, z, score in found]

    def redshift_evidence(self, best: Tensor, config: SpectraNetConfig) -> NDArray[np.float64]:
        """Return what the templates add to a network's redshift logits, (n, redshift_bins).

        best: (n, lags) best score of any template at each shift.
        config: shape of the network, which says where its bins lie.

        A bin beyond the shifts that are compared gets the mean of the others. A network without bins gets nothing.
        """
        if config.redshift != "bins":
            return np.zeros((len(best), config.redshift_outputs))
        position = (self.lags.double() * self.grid.step - config.redshift_first) / config.redshift_step
        # A shift on the edge of two bins, such as that of redshift 0, counts in both.
        bins = torch.cat([(position + 0.5 + EDGE).floor(), (position - 0.5 - EDGE).ceil()]).long()
        inside = (bins >= 0) & (bins < config.redshift_bins)
        evidence = best.mean(1, keepdim=True).repeat(1, config.redshift_bins)
        index = bins[inside].expand(len(best), -1)
        evidence.scatter_reduce_(1, index, best.repeat(1, 2)[:, inside], "amax", include_self=False)
        return EVIDENCE * evidence.double().cpu().numpy()


def flattened_terms(flux: Tensor, covered: Tensor, grid: PreprocessConfig) -> Tensor:
    """Return flattened flux, its square and its weight, each weighted: (3, n, samples), on the CPU.

    flux: (n, fine_samples) flux in the frame that each spectrum came in.
    covered: (n, fine_samples) whether a spectrum has data there.
    grid: the grids, as ``PreprocessConfig.for_templates`` returns.
    """
    flattened = flatten(flux.cpu().numpy(), covered.cpu().numpy(), np.zeros(len(flux)), grid)
    return weighted_terms(torch.from_numpy(flattened.flux), torch.from_numpy(flattened.weight))


def weighted_terms(flux: Tensor, weight: Tensor) -> Tensor:
    """Return flattened flux, its square and its weight, each weighted: (3, n, samples).

    flux, weight: (n, samples) as ``classifier.flattening.flatten`` returns.
    """
    return torch.stack([flux * weight, flux**2 * weight, weight])


def _vertices(scores: Tensor, template: Tensor, at: Tensor, top: Tensor) -> Tensor:
    """Return the offset, within ±0.5 sample, of the top of the parabola through each peak and its neighbours, (n,).

    scores: (n, templates, lags).
    template, at, top: (n,) where each peak lies, and its score.
    """
    rows, last = torch.arange(len(at), device=at.device), scores.shape[2] - 1
    left, right = (scores[rows, template, (at + side).clamp(0, last)] for side in (-1, 1))
    bend = left - 2 * top + right
    # A neighbour of score 0 overlapped too little to be compared, so it is no shoulder of the peak.
    shoulders = (at > 0) & (at < last) & (left > 0) & (right > 0) & (bend < 0)
    return torch.where(shoulders, (0.5 * (left - right) / bend).clamp(-0.5, 0.5), 0.0)
