"""Answers of an ensemble for labelled spectra that it may be measured on."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Self

import numpy as np
import torch
from numpy.typing import NDArray

from classifier.calibration import Calibration, fit_calibration
from classifier.checkpoint import Checkpoint
from classifier.crosscheck import CrossCheck
from classifier.ensemble import Ensemble
from classifier.outputs import MODES, Mode, Outputs
from classifier.preprocess import PreprocessConfig
from classifier.references import References
from classifier.taxonomy import Taxonomy
from classifier.training.dataset import LabelledSpectra
from classifier.training.folds import folds_of
from classifier.training.inference import infer_both, infer_out_of_fold
from classifier.training.templates import make_templates
from classifier.weights import object_weights

Answer = Callable[[LabelledSpectra], Mapping[Mode, Outputs]]


@dataclasses.dataclass(frozen=True, eq=False)
class Measured:
    """Answers for labelled spectra, none of which the answering network saw in its training.

    data: the spectra, n of them.
    answer: function that returns the raw outputs of both modes for n such spectra.
    raw: what it returns for ``data``.
    calibrations: calibrations, none of which was fitted on the spectra that it is used for.
    used: (n,) number of the calibration that each spectrum gets.
    """

    data: LabelledSpectra
    answer: Answer
    raw: Mapping[Mode, Outputs]
    calibrations: Sequence[Calibration]
    used: NDArray[np.int_]

    @classmethod
    def out_of_fold(
        cls,
        network: Ensemble,
        grid: PreprocessConfig,
        data: LabelledSpectra,
        taxonomy: Taxonomy,
        references: References | None = None,
    ) -> Self:
        """Measure on the data of the training.

        The member that never saw an object answers for it, with references, templates and a calibration of the other
        folds.
        """
        folds = folds_of(data, len(network.members)).numpy()
        others = [data.take(torch.from_numpy(np.flatnonzero(folds != f))) for f in range(len(network.members))]
        checks = [CrossCheck(make_templates(part, network.config.classes, grid), grid) for part in others]

        def answer(spectra: LabelledSpectra) -> Mapping[Mode, Outputs]:
            return infer_out_of_fold(network, spectra, grid, checks, references)

        raw = answer(data)
        calibrations = [calibrate(raw, data, folds != fold, taxonomy) for fold in range(len(network.members))]
        return cls(data, answer, raw, calibrations, folds)

    @classmethod
    def unseen(cls, checkpoint: Checkpoint, data: LabelledSpectra) -> Self:
        """Measure on objects that were in no training. The whole ensemble answers, as it does for users."""
        network, grid = checkpoint.network, checkpoint.grid
        check = CrossCheck(checkpoint.templates, grid)

        def answer(spectra: LabelledSpectra) -> Mapping[Mode, Outputs]:
            return infer_both(network, spectra, grid, check, checkpoint.references)

        return cls(data, answer, answer(data), [checkpoint.calibration], np.zeros(len(data), dtype=int))

    def changed(self, change: Callable[[LabelledSpectra], LabelledSpectra]) -> Self:
        """Measure the same spectra after a change of each, with the same calibrations."""
        data = change(self.data)
        return dataclasses.replace(self, data=data, raw=self.answer(data))

    def one_of_each(self) -> Self:
        """Return what was measured for one spectrum, by chance, of each object."""
        rows = np.random.default_rng(1).permutation(len(self.data))
        _, first = np.unique(np.array(self.data.object_ids)[rows], return_index=True)
        return self.take(rows[first])

    def take(self, rows: NDArray[np.int_]) -> Self:
        """Return what was measured for some of the spectra."""
        raw = {mode: self.raw[mode].take(rows) for mode in MODES}
        return dataclasses.replace(self, data=self.data.take(torch.from_numpy(rows)), raw=raw, used=self.used[rows])

    @functools.cached_property
    def outputs(self) -> Mapping[Mode, Outputs]:
        """Return the calibrated outputs of both modes."""
        return {mode: self._calibrated(mode) for mode in MODES}

    def _calibrated(self, mode: Mode) -> Outputs:
        parts = [(np.flatnonzero(self.used == number), fitted) for number, fitted in enumerate(self.calibrations)]
        return Outputs.assembled((rows, fitted.apply_to(self.raw[mode].take(rows), mode)) for rows, fitted in parts)

    def rows(self, mode: Mode) -> NDArray[np.int_]:
        """Return the indices of the labelled rows that the mode can run."""
        usable = (self.data.labels.numpy() >= 0) & np.isfinite(self.raw[mode].logits).all(1)
        return np.flatnonzero(usable)

    def weights(self, rows: NDArray[np.int_]) -> NDArray[np.float64]:
        """Return weights of some rows with which each of their objects counts once."""
        return object_weights([self.data.object_ids[row] for row in rows])

    def conformal_sets(self, mode: Mode, rows: NDArray[np.int_], names: Sequence[str]) -> list[list[str]]:
        """Return the conformal sets of some rows; ``names`` are those of the classes."""
        probabilities = self.outputs[mode].probabilities
        return [self.calibrations[self.used[row]].of(mode).conformal_set(probabilities[row], names) for row in rows]

    def novelties(self, rows: NDArray[np.int_]) -> NDArray[np.float64]:
        """Return the novelty of some rows, seen without a known redshift."""
        each = np.stack([fitted.blind.novelty(self.raw["blind"]) for fitted in self.calibrations])
        result: NDArray[np.float64] = each[self.used[rows], rows]
        return result


def calibrate(
    raw: Mapping[Mode, Outputs],
    data: LabelledSpectra,
    rows: NDArray[np.bool_],
    taxonomy: Taxonomy,
    *,
    members: int = 1,
) -> Calibration:
    """Fit a calibration on some of the spectra; see ``fit_calibration``.

    rows: (n,) bool, the spectra to fit on.
    taxonomy: the classes.
    """
    ids = np.array(data.object_ids)[rows]
    outputs = {mode: raw[mode].take(np.flatnonzero(rows)) for mode in MODES}
    labels, redshift = data.labels.numpy()[rows], data.redshift.numpy()[rows]
    return fit_calibration(outputs, labels, redshift, ids, taxonomy, members=members)
