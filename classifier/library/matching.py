"""Named matches: the objects of a library that an unknown spectrum looks most like.

A spectrum is compared at few redshifts, so the normalised correlation of ``classifier.crosscheck`` becomes a product of
matrices: shifted copies of the spectrum on one side, the whole library on the other.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence

import torch
from torch import Tensor

from classifier.crosscheck import MIN_OVERLAP, flattened_terms, weighted_terms
from classifier.library.library import GRID, Library
from classifier.resampling import resample
from classifier.spectrum import Spectrum

# Number of objects that are named; the first SHOWN of them are for people, all of them tell the phase.
NAMED, SHOWN = 20, 5
# Shifts compared on either side of each redshift, in samples of 500 km/s.
AROUND = 3
# Number of spectra whose shifts make one matrix product: a larger product runs four times as fast on a CPU.
COMPARED_AT_ONCE = 24


@dataclasses.dataclass(frozen=True)
class NamedMatch:
    """One object of the library that a spectrum looks like.

    object: index of the object in the library.
    spectrum: index of its best spectrum.
    redshift: redshift of the match.
    score: correlation × √(samples compared).
    """

    object: int
    spectrum: int
    redshift: float
    score: float


class Matcher:
    """Compares spectra with a library."""

    def __init__(self, library: Library, device: torch.device | None = None) -> None:
        self.library = library
        self.device = device or torch.device("cpu")
        flux, weight = (torch.from_numpy(values).to(self.device) for values in (library.flux, library.weight))
        # Each (samples, spectra).
        self._with_flux, self._with_square, self._with_weight = (
            term.T.contiguous() for term in weighted_terms(flux, weight)
        )
        self.owner = torch.from_numpy(library.owner).to(self.device)

    def match_spectrum(
        self, spectrum: Spectrum, redshifts: Sequence[float], leave_out: Sequence[int] = ()
    ) -> list[NamedMatch]:
        """Return the best objects for one spectrum, at most NAMED, best first.

        redshifts: redshifts to compare at, 0 for a spectrum in the rest frame.
        leave_out: objects that are not compared.

        Raises SpectrumError if the spectrum covers too little.
        """
        resampled = resample(spectrum, GRID)
        flux, covered = torch.from_numpy(resampled.flux[None]), torch.from_numpy(resampled.covered[None])
        (found,) = self.match(flattened_terms(flux, covered, GRID), [redshifts], [leave_out])
        return found

    @torch.inference_mode()
    def match(
        self, terms: Tensor, redshifts: Sequence[Sequence[float]], leave_out: Sequence[Sequence[int]] | None = None
    ) -> list[list[NamedMatch]]:
        """Return the best objects for each spectrum, at most NAMED, best first.

        terms: (3, n, samples) flattened flux, its square and its weight, each weighted, as
            ``classifier.crosscheck.flattened_terms`` returns.
        redshifts: for each of the n spectra, redshifts to compare at; shifts next to them are compared too.
        leave_out: for each spectrum the objects that are not compared; None leaves out none.
        """
        found = []
        for start in range(0, len(redshifts), COMPARED_AT_ONCE):
            shifts = [_shifts(candidates) for candidates in redshifts[start : start + COMPARED_AT_ONCE]]
            moved = torch.cat([_shifted(terms[:, start + at], own) for at, own in enumerate(shifts)], dim=1)
            scores = torch.split(self._scores(moved), [len(own) for own in shifts])  # each (shifts, spectra)
            for row, (own, of_row) in enumerate(zip(shifts, scores, strict=True), start):
                for number in leave_out[row] if leave_out else ():
                    of_row = torch.where(self.owner == number, -math.inf, of_row)
                found.append(self._best(of_row, own))
        return found

    def _scores(self, moved: Tensor) -> Tensor:
        """Return the score of each library spectrum for terms (3, n, samples) that are moved already, (n, spectra)."""
        one, square, mask = moved.to(self.device)
        product, overlap = one @ self._with_flux, mask @ self._with_weight
        ours, theirs = square @ self._with_weight, mask @ self._with_square
        correlation = product / (ours.clamp_min(1e-4) * theirs.clamp_min(1e-4)).sqrt()
        return torch.where(overlap > MIN_OVERLAP, correlation * overlap.clamp_min(0).sqrt(), -math.inf)

    def _best(self, scores: Tensor, shifts: Sequence[int]) -> list[NamedMatch]:
        best, at = scores.max(0)  # over the shifts: (spectra,)
        objects = len(self.library.objects)
        of_object = torch.full((objects,), -math.inf, device=self.device).scatter_reduce(0, self.owner, best, "amax")
        top = of_object.topk(min(NAMED, objects))
        named = []
        for score, number in zip(top.values.tolist(), top.indices.tolist(), strict=True):
            if score <= 0:
                break
            spectrum = int(((self.owner == number) & (best == score)).int().argmax())
            shift = shifts[int(at[spectrum])]
            named.append(NamedMatch(number, spectrum, math.expm1(shift * GRID.step), score))
        return named


def _shifts(redshifts: Sequence[float]) -> list[int]:
    """Return the shifts in samples that belong to redshifts, with those next to them, in order."""
    centres = {round(math.log1p(z) / GRID.step) for z in redshifts}
    return sorted({centre + offset for centre in centres for offset in range(-AROUND, AROUND + 1)})


def _shifted(terms: Tensor, shifts: Sequence[int]) -> Tensor:
    """Return copies of (3, samples) moved to the blue by each shift: (3, shifts, samples), 0 where nothing is."""
    samples = terms.shape[1]
    index = torch.arange(samples, device=terms.device) + torch.tensor(shifts, device=terms.device).unsqueeze(1)
    inside = (index >= 0) & (index < samples)
    return terms[:, index.clamp(0, samples - 1)] * inside
