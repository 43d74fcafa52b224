"""One answer for a transient from the predictions of all its spectra."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np

from classifier.fusion import fuse
from triage.models import Spectrum


@dataclasses.dataclass(frozen=True)
class FusedAnswer:
    """probabilities: of each class. epochs: how many spectra speak. contradictory: ids of those that speak surely
    against the answer."""

    class_name: str
    probability: float
    probabilities: dict[str, float]
    epochs: int
    contradictory: list[int]


def fused_answer(spectra: Sequence[Spectrum]) -> FusedAnswer | None:
    """Fuse the current predictions of the spectra that were not called bad; None with fewer than two.

    Predictions of checkpoints that know other classes than the newest one's are left out."""
    spoken = [(s.pk, s.current_prediction) for s in spectra if s.current_prediction is not None and not s.rejected]
    if len(spoken) < 2:
        return None
    names = list(max((prediction for _, prediction in spoken), key=lambda prediction: prediction.pk).probabilities)
    spoken = [(pk, prediction) for pk, prediction in spoken if set(prediction.probabilities) == set(names)]
    if len(spoken) < 2:
        return None
    fused = fuse(np.array([[prediction.probabilities[name] for name in names] for _, prediction in spoken]))
    best = int(fused.probabilities.argmax())
    return FusedAnswer(
        names[best],
        float(fused.probabilities[best]),
        dict(zip(names, fused.probabilities.tolist(), strict=True)),
        len(spoken),
        [spoken[number][0] for number in fused.contradictory],
    )
