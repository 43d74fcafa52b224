"""The order in which transients are looked at, and why, in words."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.contrib.auth.models import User
from django.db.models import F, Q
from django.utils import timezone

from triage import value
from triage.models import Prediction, Transient
from triage.querysets import TransientQuerySet

# Above this share of known spectra that looked more familiar, a spectrum is called unlike them.
NOVEL = 0.97
UNCERTAIN = 0.2
# What adds less than this to the value of a look is not named as its reason.
NAMED = 0.06
# From so much contradiction on, as triage.value has it, epochs are said to disagree: nothing else on a row shows it.
DISAGREE = 0.3


def triage_order(user: User) -> TransientQuerySet:
    """Transients that wait for a decision, those first where a look is worth most: see triage.value."""
    queue: TransientQuerySet = Transient.objects.awaiting_review(user).order_by("-priority", "id")
    return queue


def reason(prediction: Prediction | None, since: datetime | None = None, contradiction: float | None = None) -> str:
    """Why a transient stands where it does, "sure of SN Ia · waits 3 d": the largest of what makes a look worth while
    come first. contradiction: of its epochs."""
    if prediction is None:
        return "waits for the network"
    adds = value.contributions(
        prediction.class_name, prediction.uncertainty, prediction.novelty, prediction.crosscheck, contradiction or 0.0
    )
    least = {"uncertainty": 0.0, "contradiction": DISAGREE * value.WEIGHTS["contradiction"]}
    named = {name: added for name, added in adds.items() if added >= least.get(name, NAMED)}
    parts = [(added, _words(name, prediction)) for name, added in named.items()]
    if since is not None:
        waited = timezone.now() - since
        parts.append((value.waited(waited), f"waits {age(waited)}"))
    return " · ".join(words for _, words in sorted(parts, key=lambda part: -part[0]))


def _words(part: str, prediction: Prediction) -> str:
    """Of what triage.value adds up."""
    if part == "uncertainty":
        return _classes(prediction)
    if part == "disagreement":
        return f"templates say {(prediction.crosscheck or {})['class']}"
    if part == "rarity":
        return f"{prediction.class_name} is rare"
    return "unlike anything the network knows" if part == "novelty" else "its epochs disagree"


def _classes(prediction: Prediction) -> str:
    likely = prediction.conformal_set[:3]
    if len(likely) == 1 and prediction.uncertainty > UNCERTAIN:
        # The set is sure enough, the probabilities are not.
        likely = sorted(prediction.probabilities, key=lambda name: -prediction.probabilities[name])[:2]
    if len(likely) < 2:
        return f"sure of {prediction.class_name}"
    return f"could be {', '.join(likely[:-1])} or {likely[-1]}"


def age(elapsed: timedelta) -> str:
    """A time span in its largest unit."""
    seconds = max(int(elapsed.total_seconds()), 0)
    for size, unit in ((86_400, "d"), (3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"


def current_predictions(transients: list[Any]) -> dict[int, Prediction]:
    """The annotated current predictions of a page of transients, by id, with their spectra, and as ``contradiction``
    how far the transient's epochs contradict each other, in one query."""
    ids = [t.current_prediction_id for t in transients if t.current_prediction_id is not None]
    found = Prediction.objects.filter(pk__in=ids).select_related("spectrum", "checkpoint")
    found = found.annotate(contradiction=F("spectrum__queue_entries__contradiction"))
    return {prediction.pk: prediction for prediction in found}


def neighbours(order: TransientQuerySet, transient: Any) -> tuple[Transient | None, Transient | None]:
    """The transients before and after this one in ``order``, a triage order without it; one that is not in the queue
    has the first one after it.

    An index is read from its place on in both directions, hence the first condition of each."""
    level, number = transient.priority, transient.pk
    if level is None:
        return None, order.first()
    earlier = order.filter(Q(priority__gt=level) | Q(id__lt=number), priority__gte=level)
    later = order.filter(Q(priority__lt=level) | Q(id__gt=number), priority__lte=level)
    return earlier.order_by("priority", "-id").first(), later.first()
