"""Vetted spectra that look alike to the network: its own embedding, compared by the cosine of the angle."""

from __future__ import annotations

import collections
import dataclasses
import threading
from collections.abc import Sequence
from typing import Any

import numpy as np
from django.contrib.auth.models import User
from numpy.typing import NDArray

from triage.models import Classification, Prediction, PredictionEvidence, Spectrum

Embedding = NDArray[np.float32]

# Only so many of the newest vetted spectra are compared, and kept in a process's memory: 1.5 kB each.
MOST = 5000
SHOWN = 6
# Less alike than this is no resemblance. Measured blind on 387 held-out objects of 15 classes, one spectrum each, and
# 20 spectra of nothing but noise: 39 % of the pairs of one class lie above it and 2 % of those of two; no noise has a
# spectrum above it (at 0.6 one in ten has, at 0.5 nearly all; above 0.25 lies a third of all pairs of two classes).
LEAST = 0.65


@dataclasses.dataclass(frozen=True)
class Twin:
    """spectrum with its transient; class_name as vetted; likeness: cosine, up to 1."""

    spectrum: Spectrum
    class_name: str
    reviewer: str
    redshift: float | None
    likeness: float


class _Kept:
    """Embeddings by prediction, which never change, so that each is read from the database once a process."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.found: collections.OrderedDict[int, Embedding] = collections.OrderedDict()

    def of(self, predictions: Sequence[int]) -> dict[int, Embedding]:
        """Unit vectors of those predictions that have one."""
        with self.lock:
            missing = [number for number in predictions if number not in self.found]
        stored = PredictionEvidence.objects.filter(pk__in=missing).values_list("prediction_id", "embedding")
        read = {number: _unit(content) for number, content in stored.iterator()} if missing else {}
        with self.lock:
            self.found.update(read)
            result = {number: self.found[number] for number in predictions if number in self.found}
            while len(self.found) > 2 * MOST:
                self.found.popitem(last=False)
        return result


_kept = _Kept()


def twins(user: User, prediction: Prediction, limit: int = SHOWN) -> list[Twin]:
    """The vetted spectra visible to the user that are most like the one predicted; never another epoch of the same
    transient, and one spectrum of each. Empty for a prediction that was stored without its embedding."""
    candidates = _vetted(user, prediction)
    embeddings = _kept.of([prediction.pk, *(row["prediction"] for row in candidates)])
    own = embeddings.get(prediction.pk)
    rows = [row for row in candidates if row["prediction"] in embeddings]
    if own is None or not rows:
        return []
    likeness = np.stack([embeddings[row["prediction"]] for row in rows]) @ own
    nearest = [int(i) for i in np.argsort(-likeness)[:limit] if likeness[i] >= LEAST]
    spectra = Spectrum.objects.select_related("transient").in_bulk([rows[i]["spectrum"] for i in nearest])
    return [
        Twin(
            spectra[rows[i]["spectrum"]],
            rows[i]["class_name"],
            rows[i]["reviewer"],
            rows[i]["redshift"],
            float(likeness[i]),
        )
        for i in nearest
    ]


def _vetted(user: User, prediction: Prediction) -> list[dict[str, Any]]:
    """spectrum, prediction, class_name, redshift and reviewer of vetted transients, newest first, where the spectrum
    that the decision rests on is visible too and its prediction is of the same checkpoint."""
    rows = Classification.objects.standing_before(user).newest_first()
    rows = rows.exclude(transient=prediction.spectrum.transient_id)
    rows = rows.filter(
        decision__spectrum__in=Spectrum.objects.visible_to(user),
        decision__spectrum__rejected=False,
        decision__spectrum__current_prediction__checkpoint=prediction.checkpoint_id,
    )
    found = rows.values_list(
        "decision__spectrum",
        "decision__spectrum__current_prediction",
        "decision__class_name",
        "decision__redshift",
        "decision__reviewer__username",
    )
    names = ("spectrum", "prediction", "class_name", "redshift", "reviewer")
    return [dict(zip(names, row, strict=True)) for row in found[:MOST]]


def _unit(content: Any) -> Embedding:
    values = np.frombuffer(bytes(content), dtype="<f2").astype(np.float32)
    length = float(np.linalg.norm(values))
    return values / length if length else values
