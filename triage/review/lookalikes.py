"""Look-alikes: vetted spectra near in the network's embedding, compared by the cosine of the angle."""

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

# Number of the newest vetted spectra that are compared. Each takes 1.5 kB of a process's memory.
MOST = 5000
SHOWN = 6
# Least cosine of a look-alike. Measured blind on 387 held-out objects of 15 classes, one spectrum each, and on 20
# spectra of pure noise: 39 % of the pairs within one class lie above it and 2 % of the pairs of two classes. No noise
# spectrum has a look-alike above it; at 0.6 one in ten has, at 0.5 nearly all have.
LEAST = 0.65


@dataclasses.dataclass(frozen=True)
class LookAlike:
    """A vetted spectrum that resembles another one.

    spectrum: the vetted spectrum, with its transient.
    class_name: vetted class.
    reviewer: username of the reviewer who vetted it.
    redshift: the reviewer's redshift, or None.
    likeness: cosine between the two embeddings, up to 1.
    """

    spectrum: Spectrum
    class_name: str
    reviewer: str
    redshift: float | None
    likeness: float


class _EmbeddingCache:
    """Unit embeddings by the prediction's id. They never change, so each process reads each of them once."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.embeddings: collections.OrderedDict[int, Embedding] = collections.OrderedDict()

    def of(self, predictions: Sequence[int]) -> dict[int, Embedding]:
        """Return the embeddings of those predictions that have one."""
        with self.lock:
            missing = [number for number in predictions if number not in self.embeddings]
        stored = PredictionEvidence.objects.filter(pk__in=missing).values_list("prediction_id", "embedding")
        read = {number: _unit(content) for number, content in stored} if missing else {}
        with self.lock:
            self.embeddings.update(read)
            result = {number: self.embeddings[number] for number in predictions if number in self.embeddings}
            while len(self.embeddings) > 2 * MOST:
                self.embeddings.popitem(last=False)
        return result


_cache = _EmbeddingCache()


def look_alikes(user: User, prediction: Prediction, limit: int = SHOWN) -> list[LookAlike]:
    """Return the vetted spectra that are most like a predicted one, the nearest first.

    There is one spectrum of each transient, and none of the predicted spectrum's own transient. Simulated spectra are
    compared with simulated ones only. The list is empty if the prediction was stored without its embedding.

    user: only spectra visible to this user are returned.
    limit: largest number of spectra.
    """
    candidates = _vetted(user, prediction)
    embeddings = _cache.of([prediction.pk, *(row["prediction"] for row in candidates)])
    own = embeddings.get(prediction.pk)
    rows = [row for row in candidates if row["prediction"] in embeddings]
    if own is None or not rows:
        return []
    likeness = np.stack([embeddings[row["prediction"]] for row in rows]) @ own
    nearest = [int(i) for i in np.argsort(-likeness)[:limit] if likeness[i] >= LEAST]
    spectra = Spectrum.objects.select_related("transient").in_bulk([rows[i]["spectrum"] for i in nearest])
    return [
        LookAlike(
            spectra[rows[i]["spectrum"]],
            rows[i]["class_name"],
            rows[i]["reviewer"],
            rows[i]["redshift"],
            float(likeness[i]),
        )
        for i in nearest
    ]


def _vetted(user: User, prediction: Prediction) -> list[dict[str, Any]]:
    """Return the vetted spectra that may be compared, the newest first.

    The spectrum that the decision rests on must be visible to the user and have a prediction of the same checkpoint.
    Each row has spectrum and prediction (ids), class_name, redshift and reviewer.
    """
    rows = Classification.objects.standing_before(user).newest_first()
    rows = rows.exclude(transient=prediction.spectrum.transient_id)
    rows = rows.filter(transient__simulated=prediction.spectrum.simulated)
    rows = rows.filter(
        decision__spectrum__in=Spectrum.objects.visible_to(user),
        decision__spectrum__rejected=False,
        decision__spectrum__current_prediction__checkpoint=prediction.checkpoint_id,
    )
    columns = rows.values_list(
        "decision__spectrum",
        "decision__spectrum__current_prediction",
        "decision__class_name",
        "decision__redshift",
        "decision__reviewer__username",
    )
    names = ("spectrum", "prediction", "class_name", "redshift", "reviewer")
    return [dict(zip(names, row, strict=True)) for row in columns[:MOST]]


def _unit(content: Any) -> Embedding:
    values = np.frombuffer(bytes(content), dtype="<f2").astype(np.float32)
    length = float(np.linalg.norm(values))
    return values / length if length else values
