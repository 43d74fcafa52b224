"""Run a network over labelled spectra."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
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
from classifier.training.dataset import LabelledSpectra
from classifier.training.folds import folds_of


@torch.inference_mode()
def infer(
    network: SpectraNet | Ensemble,
    data: LabelledSpectra,
    grid: PreprocessConfig,
    check: CrossCheck | None = None,
    *,
    batch_size: int = 256,
) -> Outputs:
    """Return blind outputs for every row of ``data``, which do not use the row's redshift.

    check: templates that have a say in the redshift, or None.
    """
    network.eval()
    observed, redshift = _passes(network, data, grid, torch.zeros(len(data)), 0.0, batch_size)
    if check is not None:
        best = check.compare(data.flux, data.covered, [None] * len(data)).best
        redshift += check.redshift_evidence(best, network.config)
    return Outputs(observed, *redshift_from_bins(redshift, network.config))


@torch.inference_mode()
def infer_both(
    network: SpectraNet | Ensemble,
    data: LabelledSpectra,
    grid: PreprocessConfig,
    check: CrossCheck | None = None,
    *,
    batch_size: int = 256,
) -> dict[Mode, Outputs]:
    """Return the outputs of both modes, for two passes in all: "known" uses a row's redshift, "blind" does not.

    check: templates that have a say in the redshift, or None.
    """
    blind = infer(network, data, grid, check, batch_size=batch_size)
    rest, _ = _passes(network, data, grid, torch.log1p(data.redshift).nan_to_num(0.0), 1.0, batch_size)
    logits = both_frames(rest, blind.logits)
    logits[~data.redshift.isfinite().numpy()] = np.nan
    known = dataclasses.replace(blind, logits=logits, redshift=np.full_like(blind.redshift, np.nan))
    return {"known": known, "blind": blind}


def _passes(
    network: SpectraNet | Ensemble,
    data: LabelledSpectra,
    grid: PreprocessConfig,
    shift: Tensor,
    rest_frame: float,
    batch_size: int,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return class and redshift logits of all rows, each shifted by its ln(1 + z)."""
    device = next(network.parameters()).device
    logits, redshift = [], []
    for start in range(0, len(data), batch_size):
        rows = slice(start, start + batch_size)
        rest = torch.full_like(shift[rows], rest_frame)
        flux, covered = data.flux[rows].to(device), data.covered[rows].to(device)
        x = network_input(flux, covered, shift[rows].to(device), rest.to(device), grid)
        class_logits, redshift_logits = network.split(network(x))
        logits.append(class_logits.double().cpu().numpy())
        redshift.append(redshift_logits.double().cpu().numpy())
    return np.concatenate(logits), np.concatenate(redshift)


def infer_out_of_fold(
    ensemble: Ensemble,
    data: LabelledSpectra,
    grid: PreprocessConfig,
    checks: Sequence[CrossCheck | None],
    *,
    batch_size: int = 256,
) -> dict[Mode, Outputs]:
    """Return the outputs of both modes; each row is answered by the one member that never saw its object.

    checks: for each fold, templates without its objects, or None.
    """
    members = [cast(SpectraNet, member) for member in ensemble.members]
    folds = folds_of(data, len(members))
    rows = [torch.nonzero(folds == fold).squeeze(1) for fold in range(len(members))]
    found = [
        (of_fold.numpy(), infer_both(member, data.take(of_fold), grid, check, batch_size=batch_size))
        for member, of_fold, check in zip(members, rows, checks, strict=True)
        if len(of_fold)
    ]
    return {mode: Outputs.assembled((numbers, outputs[mode]) for numbers, outputs in found) for mode in MODES}
