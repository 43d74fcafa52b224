"""Classes merged that other classifiers do not tell apart, for the comparison with them."""

from __future__ import annotations

import dataclasses

import numpy as np
import torch

from classifier.outputs import Outputs
from classifier.taxonomy import Taxonomy
from classifier.training.dataset import LabelledSpectra


def merged(
    outputs: Outputs, data: LabelledSpectra, taxonomy: Taxonomy
) -> tuple[Outputs, LabelledSpectra, tuple[str, ...]]:
    """Return outputs, spectra and names with each class replaced by the one it is compared as; probabilities are
    summed.

    taxonomy: the classes, whose trained ones are those of the outputs.
    """
    compared = [taxonomy[name].compare_as or name for name in taxonomy.trained]
    kept = tuple(dict.fromkeys(compared))
    place = np.array([kept.index(name) for name in compared])
    with np.errstate(invalid="ignore"):  # rows that the mode cannot run are NaN
        logits = [np.logaddexp.reduce(outputs.logits[:, place == i], axis=1) for i in range(len(kept))]
    labels = data.labels.numpy()
    relabelled = dataclasses.replace(data, labels=torch.from_numpy(np.where(labels < 0, -1, place[labels])))
    return dataclasses.replace(outputs, logits=np.stack(logits, axis=1)), relabelled, kept
