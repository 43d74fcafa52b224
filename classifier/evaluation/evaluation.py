"""Answers of a checkpoint for labelled spectra, and their accuracy."""

from __future__ import annotations

import dataclasses
import functools
from typing import Any

from classifier.checkpoint import Checkpoint
from classifier.outputs import MODES, Mode
from classifier.training.dataset import LabelledSpectra
from classifier.training.measured import Measured
from classifier.training.scoring import score


@dataclasses.dataclass(frozen=True, eq=False)
class Evaluation:
    """Everything that a model card is written from.

    checkpoint: the checkpoint.
    measured: its answers for spectra that the answering network never saw.
    unlabelled: spectra of no known class, which no network was trained on.
    held_out: figures of classifier.evaluation.unseen_classes.
    paper: figures of classifier.evaluation.paper_comparison.
    """

    checkpoint: Checkpoint
    measured: Measured
    unlabelled: LabelledSpectra
    held_out: dict[str, dict[str, float]]
    paper: dict[str, dict[str, Any]]

    @functools.cached_property
    def figures(self) -> dict[Mode, dict[str, Any]]:
        """Return the ``score`` of each mode."""
        names = self.checkpoint.taxonomy.trained
        return {mode: score(self.measured.outputs[mode], self.measured.data, names) for mode in MODES}
