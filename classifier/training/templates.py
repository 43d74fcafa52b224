"""Make templates for the cross-check: group alike rest-frame spectra of each class and average each group.

Groups and not single spectra, because a template should show what a class shares, and because the training spectra
themselves are not ours to hand on.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict

import numpy as np
import torch
from torch import Tensor

from classifier.crosscheck import MIN_OVERLAP
from classifier.flattening import flatten
from classifier.resampling import PreprocessConfig
from classifier.templates import Templates, longest_stretch
from classifier.training.dataset import LabelledSpectra

MOST_GROUPS = 40
# Spectra behind a template at least, and one group for so many spectra of a class.
MIN_SPECTRA = 3
SPECTRA_PER_GROUP = 8
# Largest number of spectra of one object, and of one class.
MOST_OF_OBJECT = 4
MOST_OF_CLASS = 1500
ROUNDS = 12


def make_templates(data: LabelledSpectra, classes: int, grid: PreprocessConfig) -> Templates:
    """Return templates of all classes from labelled spectra with a redshift, the same ones for the same data."""
    grid = grid.for_templates
    random = torch.Generator().manual_seed(1)
    ages = rest_frame_ages(data)
    flux, weight, labels, age, spectra = [], [], [], [], []
    for label in range(classes):
        rows = _chosen(data, label, random)
        if len(rows) < MIN_SPECTRA:
            continue
        log1pz = torch.log1p(data.redshift[rows]).numpy()
        flattened = flatten(data.flux[rows].numpy(), data.covered[rows].numpy(), log1pz, grid)
        values, tapered = torch.from_numpy(flattened.flux), torch.from_numpy(flattened.weight)
        centres, weights, group = _grouped(values, tapered, random)
        for number in range(len(centres)):
            members = rows[group == number]
            if len(members) >= MIN_SPECTRA:
                flux.append(centres[number])
                weight.append(torch.from_numpy(longest_stretch(weights[number].numpy())))
                labels.append(label)
                age.append(float(ages[members].nanmedian()))
                spectra.append(len(members))
    return Templates(
        torch.stack(flux).numpy(), torch.stack(weight).numpy(), np.array(labels), np.array(age, "f4"), np.array(spectra)
    )


def rest_frame_ages(data: LabelledSpectra) -> Tensor:
    """Return rest-frame days since the first spectrum of the same object, (n,); NaN without a date or redshift."""
    first: dict[str, float] = defaultdict(lambda: math.inf)
    days = data.days.tolist()
    for object_id, day in zip(data.object_ids, days, strict=True):
        if math.isfinite(day):
            first[object_id] = min(first[object_id], day)
    since = torch.tensor([day - first[name] for name, day in zip(data.object_ids, days, strict=True)])
    return since / (1 + data.redshift)


def _chosen(data: LabelledSpectra, label: int, random: torch.Generator) -> Tensor:
    rows = torch.nonzero((data.labels == label) & data.redshift.isfinite()).squeeze(1)
    taken: Counter[str] = Counter()
    chosen = []
    for row in rows[torch.randperm(len(rows), generator=random)].tolist():
        name = data.object_ids[row]
        taken[name] += 1
        if taken[name] <= MOST_OF_OBJECT:
            chosen.append(row)
    return torch.tensor(chosen[:MOST_OF_CLASS], dtype=torch.int64)


def _grouped(values: Tensor, mask: Tensor, random: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
    """Group spectra by k-means, with the correlation over the range that spectrum and centre share as distance.

    Returns centres and weights, (groups, samples), and the group of each spectrum, (n,).
    """
    groups = min(MOST_GROUPS, max(2, len(values) // SPECTRA_PER_GROUP))
    centres = values[torch.randperm(len(values), generator=random)[:groups]].clone()
    weights = torch.ones_like(centres)
    group = torch.zeros(len(values), dtype=torch.int64)
    for _ in range(ROUNDS):
        product = (values * mask) @ (centres * weights).T
        norm = ((values**2 * mask) @ weights.T * (mask @ (centres**2 * weights).T)).sqrt()
        enough = mask @ weights.T > MIN_OVERLAP
        group = torch.where(enough, product / norm.clamp_min(1e-6), -1.0).argmax(1)
        for number in range(groups):
            members = group == number
            if not members.any():
                # An empty group starts again from some spectrum.
                centres[number] = values[int(torch.randint(len(values), (1,), generator=random))]
                weights[number] = 1.0
                continue
            total = mask[members].sum(0)
            centres[number] = (values[members] * mask[members]).sum(0) / total.clamp_min(1e-3)
            weights[number] = (total >= 0.5 * min(2, int(members.sum()))).float()
    return centres, weights, group
