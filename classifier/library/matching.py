"""Named matches: the objects of a library that an unknown spectrum looks most like.

A spectrum is compared at few redshifts, so the normalised correlation of ``classifier.crosscheck`` becomes a product of
matrices: shifted copies of the spectrum on one side, the whole library on the other.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from classifier.crosscheck import MIN_OVERLAP, flattened_terms, weighted_terms
from classifier.errors import SpectrumError
from classifier.library.library import GRID, Library
from classifier.resampling import Resampled, resample
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

    def match_spectra(
        self,
        spectra: Sequence[Spectrum],
        redshifts: Sequence[Sequence[float]],
        leave_out: Sequence[Sequence[int]] | None = None,
    ) -> list[list[NamedMatch] | SpectrumError]:
        """Return the best objects for each spectrum, at most NAMED, best first.

        redshifts: for each spectrum, redshifts to compare at: 0 for one in the rest frame, none to find nothing.
        leave_out: for each spectrum the objects that are not compared; None leaves out none.

        A spectrum that covers too little gives a SpectrumError in place of its matches.
        """
        found: dict[int, list[NamedMatch] | SpectrumError] = {row: [] for row in range(len(spectra))}
        resampled: dict[int, Resampled] = {}
        for row, spectrum in enumerate(spectra):
            if not redshifts[row]:
                continue
            try:
                resampled[row] = resample(spectrum, GRID)
            except SpectrumError as error:
                found[row] = error
        if resampled:
            flux, covered = (
                np.stack([getattr(one, name) for one in resampled.values()]) for name in ("flux", "covered")
            )
            terms = flattened_terms(torch.from_numpy(flux), torch.from_numpy(covered), GRID)
            left_out = None if leave_out is None else [leave_out[row] for row in resampled]
            found |= zip(resampled, self.match(terms, [redshifts[row] for row in resampled], left_out), strict=True)
        return [found[row] for row in range(len(spectra))]

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
            # (shifts of all these spectra, library spectra), apart again by spectrum.
            scores = list(torch.split(self._scores(moved), [len(own) for own in shifts]))
            for row, objects in enumerate(leave_out[start : start + COMPARED_AT_ONCE] if leave_out else ()):
                for number in objects:
                    scores[row] = torch.where(self.owner == number, -math.inf, scores[row])
            found += self._best(scores, shifts)
        return found

    def _scores(self, moved: Tensor) -> Tensor:
        """Return the score of each library spectrum for terms (3, n, samples) that are moved already, (n, spectra)."""
        covered = moved[2].any(0).nonzero()
        # Most spectra cover two thirds of the grid; the rest of it adds nothing to a product.
        inside = slice(int(covered.min()), int(covered.max()) + 1) if len(covered) else slice(0, 0)
        one, square, mask = moved[:, :, inside].to(self.device)
        with_flux, with_square, with_weight = (
            term[inside] for term in (self._with_flux, self._with_square, self._with_weight)
        )
        product, overlap = one @ with_flux, mask @ with_weight
        ours, theirs = square @ with_weight, mask @ with_square
        correlation = product / (ours.clamp_min(1e-4) * theirs.clamp_min(1e-4)).sqrt()
        return torch.where(overlap > MIN_OVERLAP, correlation * overlap.clamp_min(0).sqrt(), -math.inf)

    def _best(self, scores: Sequence[Tensor], shifts: Sequence[Sequence[int]]) -> list[list[NamedMatch]]:
        """Return the named matches of n spectra.

        scores: for each of them, (shifts, library spectra).
        shifts: for each of them, its shifts.
        """
        best, at = (torch.stack(parts) for parts in zip(*(of_row.max(0) for of_row in scores), strict=True))
        objects, owner = len(self.library.objects), self.owner.expand_as(best)  # (n, library spectra)
        of_object = torch.full((len(scores), objects), -math.inf, device=self.device)
        of_object.scatter_reduce_(1, owner, best, "amax")
        # The spectrum of each object that has the object's score; of several, the first.
        number = torch.arange(best.shape[1], device=self.device)
        number = torch.where(best == of_object.gather(1, owner), number, best.shape[1])
        first = torch.zeros((len(scores), objects), dtype=torch.long, device=self.device)
        first.scatter_reduce_(1, owner, number, "amin", include_self=False)
        top = of_object.topk(min(NAMED, objects))
        spectra = first.gather(1, top.indices)
        places = at.gather(1, spectra)
        rows = zip(*(part.tolist() for part in (top.values, top.indices, spectra, places)), shifts, strict=True)
        return [
            [
                NamedMatch(owned_by, spectrum, math.expm1(own[place] * GRID.step), score)
                for score, owned_by, spectrum, place in zip(*found, strict=True)
                if score > 0
            ]
            for *found, own in rows
        ]


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
