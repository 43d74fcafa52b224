"""Make the references of the novelty: embeddings of spectra that each network was trained on."""

from __future__ import annotations

from typing import cast

import numpy as np
import torch
from torch import Tensor

from classifier.ensemble import Ensemble
from classifier.network import SpectraNet
from classifier.preprocess import PreprocessConfig
from classifier.references import References, unit
from classifier.training.dataset import LabelledSpectra
from classifier.training.folds import folds_of
from classifier.training.inference import embeddings

# Number of references of a network: more find unknown kinds no better, and a checkpoint grows by a kilobyte for each.
MOST = 4000


def make_references(network: Ensemble, data: LabelledSpectra, grid: PreprocessConfig) -> References:
    """Return the references of networks that were trained in folds.

    data: the labelled spectra of the training.
    """
    folds = folds_of(data, len(network.members))
    parts = [
        references_of(cast(SpectraNet, member), data.take(torch.nonzero(folds != fold).squeeze(1)), grid)
        for fold, member in enumerate(network.members)
    ]
    count = min(len(part) for part in parts)
    return References(torch.stack([part[:count] for part in parts]))


def references_of(network: SpectraNet, trained: LabelledSpectra, grid: PreprocessConfig) -> Tensor:
    """Return the references of one network, (references, hidden): one spectrum each of objects drawn by chance.

    trained: the spectra that it was trained on.
    """
    rows = np.random.default_rng(1).permutation(len(trained))
    _, first = np.unique(np.array(trained.object_ids)[rows], return_index=True)
    chosen = rows[np.sort(first)[:MOST]]
    return unit(embeddings(network, trained.take(torch.from_numpy(chosen)), grid))
