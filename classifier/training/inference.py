"""Run a network over labelled spectra."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from typing import cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from classifier.crosscheck import CrossCheck
from classifier.ensemble import Ensemble
from classifier.network import SpectraNet
from classifier.outputs import MODES, Mode, Outputs, both_frames, redshift_from_bins
from classifier.preprocess import PreprocessConfig, network_input
from classifier.references import References, distances
from classifier.training.dataset import LabelledSpectra
from classifier.training.folds import folds_of

# Number of spectra that a network answers at a time.
BATCH = 256


@torch.inference_mode()
def infer(
    network: SpectraNet | Ensemble,
    data: LabelledSpectra,
    grid: PreprocessConfig,
    check: CrossCheck | None = None,
    references: References | None = None,
) -> Outputs:
    """Return blind outputs for every row of ``data``, which do not use the row's redshift.

    check: templates that have a say in the redshift, or None.
    references: references of the network's members, or None.
    """
    network.eval()
    observed, redshift, distance = _passes(network, data, grid, torch.zeros(len(data)), 0.0, references)
    if check is not None:
        best = check.compare(data.flux, data.covered, [None] * len(data)).best
        redshift += check.redshift_evidence(best, network.config)
    return Outputs(observed, *redshift_from_bins(redshift, network.config), distance)


@torch.inference_mode()
def infer_both(
    network: SpectraNet | Ensemble,
    data: LabelledSpectra,
    grid: PreprocessConfig,
    check: CrossCheck | None = None,
    references: References | None = None,
) -> dict[Mode, Outputs]:
    """Return the outputs of both modes, for two passes in all: "known" uses a row's redshift, "blind" does not.

    check: templates that have a say in the redshift, or None.
    references: references of the network's members, or None.
    """
    blind = infer(network, data, grid, check, references)
    shift = torch.log1p(data.redshift).nan_to_num(0.0)
    rest, _, _ = _passes(network, data, grid, shift, 1.0)
    logits = both_frames(rest, blind.logits)
    logits[~data.redshift.isfinite().numpy()] = np.nan
    known = dataclasses.replace(blind, logits=logits, redshift=np.full_like(blind.redshift, np.nan))
    return {"known": known, "blind": blind}


@torch.inference_mode()
def embeddings(network: SpectraNet | Ensemble, data: LabelledSpectra, grid: PreprocessConfig) -> Tensor:
    """Return the embeddings of all rows in the observed frame, (n, hidden)."""
    network.eval()
    return torch.cat(list(_embedded(network, data, grid, torch.zeros(len(data)), 0.0))).cpu()


def _embedded(
    network: SpectraNet | Ensemble, data: LabelledSpectra, grid: PreprocessConfig, shift: Tensor, rest_frame: float
) -> Iterator[Tensor]:
    """Yield the embeddings of all rows, a batch at a time, each shifted by its ln(1 + z)."""
    device = next(network.parameters()).device
    for start in range(0, len(data), BATCH):
        rows = slice(start, start + BATCH)
        rest = torch.full_like(shift[rows], rest_frame)
        flux, covered = data.flux[rows].to(device), data.covered[rows].to(device)
        yield network.features(network_input(flux, covered, shift[rows].to(device), rest.to(device), grid))


def _passes(
    network: SpectraNet | Ensemble,
    data: LabelledSpectra,
    grid: PreprocessConfig,
    shift: Tensor,
    rest_frame: float,
    references: References | None = None,
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Return class logits, redshift logits and distances of all rows, each shifted by its ln(1 + z)."""
    logits, redshift, distance = [], [], []
    for hidden in _embedded(network, data, grid, shift, rest_frame):
        class_logits, redshift_logits = network.split(network.answers(hidden))
        logits.append(class_logits.double().cpu().numpy())
        redshift.append(redshift_logits.double().cpu().numpy())
        distance.append(distances(references, hidden))
    return np.concatenate(logits), np.concatenate(redshift), np.concatenate(distance)


def infer_out_of_fold(
    ensemble: Ensemble,
    data: LabelledSpectra,
    grid: PreprocessConfig,
    checks: Sequence[CrossCheck | None],
    references: References | None = None,
) -> dict[Mode, Outputs]:
    """Return the outputs of both modes; each row is answered by the one member that never saw its object.

    checks: for each fold, templates without its objects, or None.
    references: references of all members, or None.
    """
    members = [cast(SpectraNet, member) for member in ensemble.members]
    folds = folds_of(data, len(members))
    rows = [torch.nonzero(folds == fold).squeeze(1) for fold in range(len(members))]
    own = [references.of_member(number) if references else None for number in range(len(members))]
    found = [
        (of_fold.numpy(), infer_both(member, data.take(of_fold), grid, check, near))
        for member, of_fold, check, near in zip(members, rows, checks, own, strict=True)
        if len(of_fold)
    ]
    return {mode: Outputs.assembled((numbers, outputs[mode]) for numbers, outputs in found) for mode in MODES}
