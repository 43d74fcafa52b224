"""Blend training spectra with one another: host-galaxy light, and mix-up of two spectra of one class.

Both work on fine spectra (see classifier.preprocess). The partner is moved to the redshift of the spectrum that it
is blended into, so that lines fall on lines.
"""

from __future__ import annotations

import dataclasses

import torch
from torch import Tensor

from classifier.preprocess import PreprocessConfig
from classifier.training.dataset import LabelledSpectra

# A blend is made only where the partner covers this share of the spectrum; what it does not cover is cut.
MIN_OVERLAP = 0.7


@dataclasses.dataclass(frozen=True)
class BlendConfig:
    """Probability of each blend, and the largest share of the light that the partner gives."""

    host_probability: float = 0.2
    host_max: float = 0.6
    mixup_probability: float = 0.2
    mixup_max: float = 0.5


@dataclasses.dataclass(frozen=True, eq=False)
class Partners:
    """Draws spectra of a given label, each by its weight, without a loop over the labels.

    rows: (n,) row numbers, ordered by label.
    cumulative: (n,) cumulative sum of their weights.
    first: (labels,) place of a label's first row in ``rows``; the label -1 comes first.
    last: (labels,) place of its last row.
    """

    rows: Tensor
    cumulative: Tensor
    first: Tensor
    last: Tensor

    @classmethod
    def of(cls, labels: Tensor, weights: Tensor) -> Partners:
        """Return the partners among n rows with these labels and weights, both (n,)."""
        rows = torch.argsort(labels, stable=True)
        counts = torch.bincount(labels + 1)
        last = counts.cumsum(0) - 1
        return cls(rows, weights[rows].cumsum(0), last - counts + 1, last)

    def draw(self, labels: Tensor, random: torch.Generator) -> Tensor:
        """Return one row number for each label, (batch,). Each label must occur among the rows."""
        first, last = self.first[labels + 1], self.last[labels + 1]
        high = self.cumulative[last]
        low = torch.where(first > 0, self.cumulative[(first - 1).clamp_min(0)], 0.0)
        share = torch.rand(labels.shape, generator=random, device=labels.device, dtype=high.dtype)
        place = torch.searchsorted(self.cumulative, low + share * (high - low), right=True)
        return self.rows[place.clamp(first, last)]


@dataclasses.dataclass(frozen=True, eq=False)
class Blender:
    """Draws blending partners from the training spectra.

    hosted: (classes + 1,) bool, classes that lie in a galaxy whose light may be added. The last entry, False, stands
        for the label -1.
    """

    data: LabelledSpectra
    galaxies: Tensor
    hosted: Tensor
    partners: Partners
    config: BlendConfig
    log_step: float

    @classmethod
    def of(
        cls,
        data: LabelledSpectra,
        hosts: Tensor,
        hosted: Tensor,
        draw: Tensor,
        config: BlendConfig,
        grid: PreprocessConfig,
    ) -> Blender:
        """Return a blender for training spectra.

        hosts, hosted: (classes + 1,) bool, classes of galaxies without a transient, and classes that lie in a galaxy
            whose light may be added. The last entry, False, stands for the label -1.
        draw: (n,) sampling weights of ``data``.
        """
        galaxies = torch.nonzero(hosts[data.labels] & data.redshift.isfinite()).squeeze(1)
        return cls(data, galaxies, hosted, Partners.of(data.labels, draw), config, grid.log_step)

    def batch(self, rows: Tensor, random: torch.Generator) -> tuple[Tensor, Tensor]:
        """Return flux and coverage, (batch, fine_samples), of some rows after both blends."""
        flux, covered = self.data.flux[rows], self.data.covered[rows]
        labels = self.data.labels[rows]
        partner = self.partners.draw(labels, random)
        flux, covered = self._blend(
            flux, covered, rows, partner, self.config.mixup_probability, self.config.mixup_max, labels >= 0, random
        )
        if len(self.galaxies):
            host = self.galaxies[torch.randint(len(self.galaxies), rows.shape, generator=random, device=rows.device)]
            chance, most = self.config.host_probability, self.config.host_max
            flux, covered = self._blend(flux, covered, rows, host, chance, most, self.hosted[labels], random)
        return flux, covered

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
        chance = torch.rand(len(rows), generator=random, device=rows.device)
        chosen = (chance < probability) & shift.isfinite() & allowed
        share = most * torch.rand(len(rows), 1, generator=random, device=rows.device)
        light, seen = moved(
            self.data.flux[partner], self.data.covered[partner], (shift.nan_to_num(0.0) / self.log_step).round().long()
        )
        both = covered & seen
        count = both.sum(1)
        chosen &= count > MIN_OVERLAP * covered.sum(1)
        level = (flux.abs() * both).sum(1) / (light.abs() * both).sum(1).clamp_min(1e-6)
        mixed = ((1 - share) * flux + share * level.unsqueeze(1) * light) * both
        pick = chosen.unsqueeze(1)
        return torch.where(pick, mixed, flux), torch.where(pick, both, covered)


def moved(flux: Tensor, covered: Tensor, samples: Tensor) -> tuple[Tensor, Tensor]:
    """Return flux and coverage, (n, fine_samples), with each row shifted to the red by its number of samples, (n,)."""
    index = torch.arange(flux.shape[1], device=flux.device).unsqueeze(0) - samples.unsqueeze(1)
    inside = (index >= 0) & (index < flux.shape[1])
    index = index.clamp(0, flux.shape[1] - 1)
    return flux.gather(1, index) * inside, covered.gather(1, index) & inside
