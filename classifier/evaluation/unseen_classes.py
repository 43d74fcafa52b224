"""Unseen classes: how well the novelty finds a class that was left out of the training."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import torch
from torch import Tensor

from classifier.calibration import energy
from classifier.evaluation.model_card_tables import auroc
from classifier.network import SpectraNet
from classifier.preprocess import PreprocessConfig
from classifier.training.config import TrainConfig
from classifier.training.dataset import LabelledSpectra
from classifier.training.folds import folds_of
from classifier.training.inference import infer
from classifier.training.train import fit

# Beside a checkpoint, for its model card.
# Enough for the order of the scores, if not for the last points of accuracy.
EPOCHS = 8


def held_out_novelty(
    data: LabelledSpectra, held_out: Sequence[str], names: Sequence[str], settings: TrainConfig
) -> dict[str, dict[str, float]]:
    """Train once without each class and measure how well the novelty finds its spectra.

    held_out: classes to leave out, one at a time.

    Returns for each class the AUROC, by blind energy, of all its spectra against the other classes' spectra of the
    first fold, which is not trained on either.
    """
    folds, grid, device = folds_of(data, settings.folds), settings.grid, torch.device("cpu")
    shortened = dataclasses.replace(settings, epochs=EPOCHS)
    found = {}
    for name in held_out:
        label = names.index(name)
        others = (data.labels >= 0) & (data.labels != label)
        trained, familiar, strange = (
            data.take(torch.nonzero(rows).squeeze(1))
            for rows in (others & (folds != 0), others & (folds == 0), data.labels == label)
        )
        network, _ = fit(trained, shortened, device)
        energies = [_energies(network, spectra, grid).tolist() for spectra in (strange, familiar)]
        found[name] = {"spectra": len(strange), "auroc": auroc(*energies)}
    return found


def _energies(network: SpectraNet, data: LabelledSpectra, grid: PreprocessConfig) -> Tensor:
    return torch.from_numpy(energy(infer(network, data, grid).logits))
