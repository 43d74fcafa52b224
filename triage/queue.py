"""The order in which transients are looked at, and why, in words."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.contrib.auth.models import User
from django.db.models import Q
from django.utils import timezone

from triage.models import Prediction, Transient
from triage.querysets import TransientQuerySet

# Above this share of known spectra that looked more familiar, a spectrum is called unlike them.
NOVEL = 0.97
UNCERTAIN = 0.2
# A template match that is rarely chance.
GOOD_MATCH = 12.0


def triage_order(user: User) -> TransientQuerySet:
    """Transients that wait for a decision, the most uncertain first."""
    queue: TransientQuerySet = Transient.objects.awaiting_review(user).order_by("-uncertainty", "id")
    return queue


def reason(prediction: Prediction | None, since: datetime | None = None) -> str:
    """Why a transient stands where it does."""
    if prediction is None:
        return "waiting for the network"
    parts = []
    if prediction.novelty >= NOVEL:
        parts.append("unlike the spectra the network knows")
    likely = prediction.conformal_set[:3]
    if len(likely) == 1 and prediction.uncertainty > UNCERTAIN:
        # The set is sure enough, the probabilities are not.
        likely = sorted(prediction.probabilities, key=lambda name: -prediction.probabilities[name])[:2]
    if len(likely) > 1:
        parts.append(f"{', '.join(likely[:-1])} or {likely[-1]}")
    else:
        parts.append(f"sure of {prediction.class_name}")
    other = prediction.crosscheck or {}
    if other.get("score", 0) >= GOOD_MATCH and other["class"] != prediction.class_name:
        parts.append(f"templates say {other['class']}")
    if since is not None:
        parts.append(f"waiting {age(timezone.now() - since)}")
    return ", ".join(parts)


def age(elapsed: timedelta) -> str:
    """A time span in its largest unit."""
    seconds = max(int(elapsed.total_seconds()), 0)
    for size, unit in ((86_400, "d"), (3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"


def current_predictions(transients: list[Any]) -> dict[int, Prediction]:
    """The annotated current predictions of a page of transients, by id, with their spectra, in one query."""
    ids = [t.current_prediction_id for t in transients if t.current_prediction_id is not None]
    found = Prediction.objects.filter(pk__in=ids).select_related("spectrum", "checkpoint")
    return {prediction.pk: prediction for prediction in found}


def neighbours(order: TransientQuerySet, transient: Any) -> tuple[Transient | None, Transient | None]:
    """The transients before and after this one in ``order``, a triage order without it; one that is not in the queue
    has the first one after it.

    An index is read from its place on in both directions, hence the first condition of each."""
    level, number = transient.uncertainty, transient.pk
    if level is None:
        return None, order.first()
    earlier = order.filter(Q(uncertainty__gt=level) | Q(id__lt=number), uncertainty__gte=level)
    later = order.filter(Q(uncertainty__lt=level) | Q(id__gt=number), uncertainty__lte=level)
    return earlier.order_by("uncertainty", "-id").first(), later.first()
