"""Outputs of a checkpoint for labelled spectra that it was not trained on."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from classifier.checkpoint import Checkpoint
from classifier.outputs import MODES, Mode, Outputs
from classifier.taxonomy import load_taxonomy
from classifier.training.dataset import LabelledSpectra
from classifier.training.scoring import infer_both


@dataclasses.dataclass(frozen=True, eq=False)
class Measured:
    """A checkpoint's outputs for labelled spectra that it was not trained on.

    checkpoint: the checkpoint.
    data: the spectra.
    raw: outputs of each mode before calibration.
    outputs: calibrated outputs of each mode.
    """

    checkpoint: Checkpoint
    data: LabelledSpectra
    raw: dict[Mode, Outputs]
    outputs: dict[Mode, Outputs]

    @classmethod
    def of(cls, checkpoint: Checkpoint, data: LabelledSpectra) -> Measured:
        raw = infer_both(checkpoint.network, data, checkpoint.grid)
        return cls(checkpoint, data, raw, {mode: checkpoint.calibration.apply_to(raw[mode], mode) for mode in MODES})

    def rows(self, mode: Mode) -> NDArray[np.int_]:
        """Return the indices of the labelled rows that the mode can run."""
        usable = (self.data.labels.numpy() >= 0) & np.isfinite(self.outputs[mode].logits).all(1)
        return np.flatnonzero(usable)


def merged(
    outputs: Outputs, data: LabelledSpectra, names: Sequence[str]
) -> tuple[Outputs, LabelledSpectra, tuple[str, ...]]:
    """Return outputs, spectra and names with each class replaced by the one it is compared as; probabilities are
    summed.
    """
    taxonomy = load_taxonomy()
    compared = [taxonomy[name].compare_as or name for name in names]
    kept = tuple(dict.fromkeys(compared))
    place = np.array([kept.index(name) for name in compared])
    with np.errstate(invalid="ignore"):  # rows that the mode cannot run are NaN
        logits = [np.logaddexp.reduce(outputs.logits[:, place == i], axis=1) for i in range(len(kept))]
    labels = data.labels.numpy()
    relabelled = dataclasses.replace(data, labels=torch.from_numpy(np.where(labels < 0, -1, place[labels])))
    return dataclasses.replace(outputs, logits=np.stack(logits, axis=1)), relabelled, kept
