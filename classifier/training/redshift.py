"""Train a network that has a redshift head alone, as the paper's second network.

It classifies nothing, so its folder is no checkpoint: it holds the weights of the networks and their figures.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file

from classifier.checkpoint_files import WEIGHTS
from classifier.ensemble import Ensemble
from classifier.network import SpectraNet
from classifier.outputs import Outputs
from classifier.preprocess import PreprocessConfig
from classifier.training.config import TrainConfig
from classifier.training.dataset import LabelledSpectra, read_labelled
from classifier.training.folds import folds_of
from classifier.training.inference import infer
from classifier.training.scoring import redshift_figures
from classifier.training.train import fit_folds

FIGURES = "redshift.json"


def train_redshift(
    data_paths: Sequence[Path], out: Path, settings: TrainConfig, *, device: torch.device, run: Path, jobs: int = 1
) -> dict[str, Any]:
    """Train one network for each fold, write weights and figures into a folder, and return the figures.

    The parameters are those of ``classifier.training.train.train``. Each object is measured by the network that never
    saw it; the figures are those of ``redshift_figures``.

    Raises CheckpointError if ``run`` holds the states of a training with other settings.
    """
    read = read_labelled(data_paths, settings.taxonomy.trained, settings.grid)
    data = read.take(torch.nonzero((read.labels >= 0) & read.redshift.isfinite()).squeeze(1))
    members, histories = fit_folds(data, settings, device, run, jobs)
    figures = redshift_figures(out_of_fold_redshifts(members, data, settings.grid), data)
    out.mkdir(parents=True, exist_ok=True)
    state = Ensemble(members).state_dict()
    save_file({key: value.contiguous().half() for key, value in state.items()}, out / WEIGHTS)
    described = {"settings": dataclasses.asdict(settings), "histories": histories, "out_of_fold": figures}
    (out / FIGURES).write_text(json.dumps(described, indent=1) + "\n", encoding="utf-8")
    return figures


def out_of_fold_redshifts(members: Sequence[SpectraNet], data: LabelledSpectra, grid: PreprocessConfig) -> Outputs:
    """Return the outputs for each spectrum of the network that never saw its object."""
    folds = folds_of(data, len(members))
    rows = [torch.nonzero(folds == fold).squeeze(1) for fold in range(len(members))]
    return Outputs.assembled(
        (of_fold.numpy(), infer(member, data.take(of_fold), grid))
        for member, of_fold in zip(members, rows, strict=True)
        if len(of_fold)
    )
