"""Unseen classes: how well the novelty finds a class that was left out of the training."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import torch

from classifier.calibration import ModeCalibration
from classifier.evaluation.model_card_tables import auroc
from classifier.novelty import fit_novelty
from classifier.references import References
from classifier.training.config import TrainConfig
from classifier.training.dataset import LabelledSpectra
from classifier.training.folds import folds_of
from classifier.training.inference import infer
from classifier.training.references import references_of
from classifier.training.train import fit
from classifier.weights import object_weights

# Enough for the order of the scores, if not for the last points of accuracy.
EPOCHS = 8


def held_out_novelty(
    data: LabelledSpectra, held_out: Sequence[str], names: Sequence[str], settings: TrainConfig
) -> dict[str, dict[str, float]]:
    """Train once without each class and measure how well the novelty finds its spectra.

    held_out: classes to leave out, one at a time.

    Returns for each class the AUROC, by the novelty without a known redshift, of its objects against the
    other classes' objects of the first fold, which is not trained on either. Each object counts once.
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
        references = References(references_of(network, trained, grid).unsqueeze(0))
        outputs = [infer(network, spectra, grid, references=references) for spectra in (strange, familiar)]
        weights = [object_weights(spectra.object_ids) for spectra in (strange, familiar)]
        fitted = ModeCalibration(1.0, (), (), **fit_novelty(outputs[1], weights[1]))
        novelty = [fitted.novelty(one) for one in outputs]
        found[name] = {"spectra": len(strange), "auroc": auroc(*novelty, *weights)}
    return found
