"""The queue in its order, and the predictions of one of its pages."""

from __future__ import annotations

from collections.abc import Sequence

from django.contrib.auth.models import User

from triage.models import Brightness, Prediction, Transient
from triage.models.transient_queries import TransientQuerySet


def triage_order(user: User) -> TransientQuerySet:
    """Return the transients that wait for a decision; those where a look is worth most come first.

    See triage.queue.priority.
    """
    return Transient.objects.awaiting_review(user).by_priority()


def current_predictions(user: User, transients: Sequence[Transient]) -> dict[int, Prediction]:
    """Return the current predictions of a page of transients by id, with their spectra, in two queries.

    user: reader of the page, who sees what light curves say.
    transients: rows annotated by ``for_review``.

    Each prediction has the annotation ``contradiction``: how strongly the transient's epochs contradict each other.
    """
    ids = [t.current_prediction_id for t in transients if t.current_prediction_id is not None]
    predictions = (
        Prediction.objects.filter(pk__in=ids)
        .select_related("spectrum", "checkpoint", "named_matches")
        .prefetch_related(Brightness.objects.for_reader(user))
        .with_contradiction()
    )
    return {prediction.pk: prediction for prediction in predictions}
