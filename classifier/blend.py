"""Blend training spectra with one another: host-galaxy light, and mix-up of two spectra of one class.

Both work on fine spectra (see classifier.preprocess). The partner is moved to the redshift of the spectrum that it
is blended into, so that lines fall on lines.
"""

from __future__ import annotations

import dataclasses

import torch
from torch import Tensor

from classifier.dataset import LabelledSpectra
from classifier.preprocess import PreprocessConfig

# A blend is made only where the partner covers this share of the spectrum; what it does not cover is cut.
MIN_OVERLAP = 0.7


@dataclasses.dataclass(frozen=True)
class BlendConfig:
    """Probability of each blend and the largest share of the light that the partner gives."""

    host_probability: float = 0.2
    host_max: float = 0.6
    mixup_probability: float = 0.2
    mixup_max: float = 0.5


@dataclasses.dataclass(frozen=True, eq=False)
class Blender:
    """Draws partners from the training spectra. hosted: (classes + 1,) bool, classes that lie in a galaxy whose light
    may be added; the last entry, False, answers for the label -1."""

    data: LabelledSpectra
    galaxies: Tensor
    hosted: Tensor
    draw: Tensor
    config: BlendConfig
    log_step: float

    @classmethod
    def of(
        cls,
        data: LabelledSpectra,
        galaxy: int,
        hosted: Tensor,
        draw: Tensor,
        config: BlendConfig,
        grid: PreprocessConfig,
    ) -> Blender:
        """galaxy: the label of galaxies without a transient. draw: (n,) the sampling weights of ``data``."""
        galaxies = torch.nonzero((data.labels == galaxy) & data.redshift.isfinite()).squeeze(1)
        return cls(data, galaxies, hosted, draw, config, grid.log_step)

    def batch(self, rows: Tensor, random: torch.Generator) -> tuple[Tensor, Tensor]:
        """Flux and coverage, (batch, fine_samples), of the rows of ``data`` after both blends."""
        flux, covered = self.data.flux[rows], self.data.covered[rows]
        labels = self.data.labels[rows]
        partner = self._classmates(labels, random)
        flux, covered = self._blend(
            flux, covered, rows, partner, self.config.mixup_probability, self.config.mixup_max, labels >= 0, random
        )
        if len(self.galaxies):
            host = self.galaxies[torch.randint(len(self.galaxies), rows.shape, generator=random)]
            chance, most = self.config.host_probability, self.config.host_max
            flux, covered = self._blend(flux, covered, rows, host, chance, most, self.hosted[labels], random)
        return flux, covered

    def _classmates(self, labels: Tensor, random: torch.Generator) -> Tensor:
        partner = torch.zeros_like(labels)
        for label in set(labels.tolist()):
            members = torch.nonzero(self.data.labels == label).squeeze(1)
            here = torch.nonzero(labels == label).squeeze(1)
            chosen = torch.multinomial(self.draw[members], len(here), replacement=True, generator=random)
            partner[here] = members[chosen]
        return partner

    def _blend(
        self,
        flux: Tensor,
        covered: Tensor,
        rows: Tensor,
        partner: Tensor,
        probability: float,
        most: float,
        allowed: Tensor,
        random: torch.Generator,
    ) -> tuple[Tensor, Tensor]:
        shift = torch.log1p(self.data.redshift[rows]) - torch.log1p(self.data.redshift[partner])
        chosen = (torch.rand(len(rows), generator=random) < probability) & shift.isfinite() & allowed
        share = most * torch.rand(len(rows), 1, generator=random)
        moved, seen = _moved(
            self.data.flux[partner], self.data.covered[partner], (shift.nan_to_num(0.0) / self.log_step).round().long()
        )
        both = covered & seen
        count = both.sum(1)
        chosen &= count > MIN_OVERLAP * covered.sum(1)
        level = (flux.abs() * both).sum(1) / (moved.abs() * both).sum(1).clamp_min(1e-6)
        mixed = ((1 - share) * flux + share * level.unsqueeze(1) * moved) * both
        pick = chosen.unsqueeze(1)
        return torch.where(pick, mixed, flux), torch.where(pick, both, covered)


def _moved(flux: Tensor, covered: Tensor, samples: Tensor) -> tuple[Tensor, Tensor]:
    """Each row moved towards the red by its number of whole fine samples."""
    index = torch.arange(flux.shape[1]).unsqueeze(0) - samples.unsqueeze(1)
    inside = (index >= 0) & (index < flux.shape[1])
    index = index.clamp(0, flux.shape[1] - 1)
    return flux.gather(1, index) * inside, covered.gather(1, index) & inside
