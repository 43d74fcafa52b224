"""One answer for a transient from the predictions of all its spectra."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np

from classifier.fusion import fuse
from triage.models import Spectrum


@dataclasses.dataclass(frozen=True)
class FusedAnswer:
    """The answer that all epochs of a transient give together.

    class_name: most probable class.
    probability: its probability.
    probabilities: probability of each class.
    epochs: number of spectra that were fused.
    contradictory: ids of the spectra that clearly speak against the answer.
    """

    class_name: str
    probability: float
    probabilities: dict[str, float]
    epochs: int
    contradictory: list[int]


def fused_answer(spectra: Sequence[Spectrum]) -> FusedAnswer | None:
    """Fuse the current predictions of a transient's spectra.

    spectra: spectra of one transient. Those that were called bad are left out, and those whose checkpoint knows other
        classes than the newest prediction's. A likely duplicate of another one is the same measurement, also if that
        one is bad.

    Returns None if fewer than two predictions are left.
    """
    usable = [(s, s.current_prediction) for s in spectra if s.current_prediction is not None and not s.rejected]
    known = {s.pk for s in spectra if s.current_prediction is not None}
    epochs = [(s.pk, prediction) for s, prediction in usable if s.likely_duplicate_of_id not in known]
    if len(epochs) < 2:
        return None
    names = list(max((prediction for _, prediction in epochs), key=lambda prediction: prediction.pk).probabilities)
    epochs = [(pk, prediction) for pk, prediction in epochs if set(prediction.probabilities) == set(names)]
    if len(epochs) < 2:
        return None
    fused = fuse(np.array([[prediction.probabilities[name] for name in names] for _, prediction in epochs]))
    best = int(fused.probabilities.argmax())
    return FusedAnswer(
        names[best],
        float(fused.probabilities[best]),
        dict(zip(names, fused.probabilities.tolist(), strict=True)),
        len(epochs),
        [epochs[number][0] for number in fused.contradictory],
    )
