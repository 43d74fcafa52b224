"""Confirmation in bulk: the surest predictions of the queue are confirmed together, and undone together."""

from __future__ import annotations

import dataclasses
import uuid
from collections import defaultdict
from collections.abc import Mapping
from typing import Any

from django.contrib.auth.models import User
from django.db.models import Count, Max, Q

from triage.errors import AlreadyUndoneError, InvalidActionError, NotFoundError, TriageError
from triage.models import Decision, OutcomeState, Prediction, Spectrum, Transient, Verdict
from triage.models.decision import was_undone
from triage.queue import order, reasons
from triage.queue.filters import QueueFilter
from triage.queue.fused import fused_answer
from triage.queue.misfit import brightness_misfit
from triage.queue.priority import contradiction, disagreement
from triage.review import decisions
from triage.review.proposal import Proposal

MOST = 100
# Least probability in percent if the user gives none.
USUAL_THRESHOLD = 95.0
RECENT = 5
# The newest decisions of transients that wait for another reviewer.
_WAITS = {"classification__state": OutcomeState.SECOND_OPINION}


@dataclasses.dataclass(frozen=True)
class Result:
    """Result of a confirmation in bulk.

    batch: id that its decisions share.
    confirmed: names of the transients whose predictions were confirmed.
    second_opinion: those of them that wait for a second opinion now.
    refused: name and reason of each other transient.
    """

    batch: uuid.UUID
    confirmed: list[str]
    second_opinion: list[str]
    refused: list[tuple[str, str]]


@dataclasses.dataclass(frozen=True)
class Candidate:
    """A waiting transient that may be confirmed together with others.

    reason: why it stands where it does in the queue, for people.
    doubt: what speaks against confirming it unseen, "" for nothing.
    """

    transient: Transient
    prediction: Prediction
    reason: str
    doubt: str


def proposed(user: User, chosen: QueueFilter, threshold: float, simulated: bool | None = None) -> list[Candidate]:
    """Return the waiting transients whose prediction is sure enough, the surest first, at most MOST.

    Transients that somebody else is looking at are left out, and those whose prediction is hidden from the user.

    user: who is going to confirm them.
    chosen: filter of the queue.
    threshold: least probability of the prediction, percent.
    simulated: see triage.models.demonstration.
    """
    chosen = dataclasses.replace(chosen, state="pending", above=max(chosen.above, f"{threshold:g}", key=_number))
    rows = list(chosen.rows(user, simulated).not_claimed_by_others(user).surest_first()[:MOST])
    predictions, epochs = order.current_predictions(user, rows), _epochs(user, rows)
    return [_candidate(row, predictions[row.current_prediction_id or 0], epochs[row.pk], threshold) for row in rows]


def _candidate(transient: Transient, prediction: Prediction, epochs: list[Spectrum], threshold: float) -> Candidate:
    doubt = _doubt_of_epochs(prediction, epochs, threshold / 100) or _doubt_of_prediction(prediction)
    return Candidate(transient, prediction, reasons.reason(prediction, contradiction=prediction.contradiction), doubt)


def newest_decision(user: User) -> int:
    """Return the id of the newest decision that the user may see, 0 if there is none.

    The page sends it back, so that a decision taken after the page was shown is noticed.
    """
    return Decision.objects.visible_to(user).aggregate(newest=Max("id"))["newest"] or 0


def confirm(user: User, predictions: Mapping[str, int], last_decision: int | None = None) -> Result:
    """Confirm the predictions of several transients. Those that changed meanwhile are refused, the others confirmed.

    A request that is sent twice is recorded once and answered with the first batch.

    predictions: id of the prediction that was shown, by the transient's name.
    last_decision: id of the newest decision of anybody that the page knew, or None to skip that check.

    Raises InvalidActionError for no transient, or for more than MOST.
    """
    if not predictions:
        raise InvalidActionError("choose at least one")
    if len(predictions) > MOST:
        raise InvalidActionError(f"at most {MOST} can be confirmed together")
    batch, confirmed, refused = uuid.uuid4(), [], []
    taken: list[Decision] = []
    # Postgres refuses to search for a NUL.
    names = [name for name in predictions if "\0" not in name]
    found = Transient.objects.visible_to(user).filter(name__in=names).in_bulk(field_name="name")
    for name, prediction in predictions.items():
        proposal = Proposal(Verdict.CONFIRM, prediction=prediction, last_decision=last_decision, batch=batch)
        try:
            if name not in found:
                raise NotFoundError("there is no such transient")
            taken.append(decisions.record_decision(user, found[name], proposal))
            confirmed.append(name)
        except TriageError as error:
            refused.append((name, error.detail))
    batches = {decision.batch for decision in taken}
    first = (batches.pop() if len(batches) == 1 else None) or batch
    waiting = Decision.objects.filter(pk__in=[decision.pk for decision in taken], **_WAITS).order_by("id")
    return Result(first, confirmed, list(waiting.values_list("transient__name", flat=True)), refused)


def undo(user: User, batch: uuid.UUID) -> int:
    """Undo those decisions of one's own batch that still stand, and return their number. Raises NotFoundError."""
    mine = Decision.objects.filter(reviewer=user, batch=batch)
    if not mine.exists():
        raise NotFoundError("there is no such batch")
    undone = 0
    for pk in list(mine.filter(~was_undone()).order_by("-id").values_list("pk", flat=True)):
        try:
            decisions.undo(user, pk)
        except (AlreadyUndoneError, NotFoundError):
            # It was undone meanwhile, or the user may not see it any more; the others are undone all the same.
            continue
        undone += 1
    return undone


def recent(user: User) -> list[dict[str, Any]]:
    """Return the user's last batches, the newest first.

    Each has batch (its id), taken (number of decisions), standing (number that were not undone), waiting (number that
    wait for a second opinion) and at (time of its last decision).
    """
    rows = Decision.objects.filter(reviewer=user, batch__isnull=False).order_by().values("batch")
    counted: Any = rows.annotate(
        taken=Count("pk"),
        standing=Count("pk", filter=~Q(was_undone())),
        waiting=Count("pk", filter=Q(**_WAITS)),
        at=Max("created_at"),
    )
    return list(counted.order_by("-at")[:RECENT])


def _epochs(user: User, rows: list[Transient]) -> dict[int, list[Spectrum]]:
    """Return the visible spectra with a prediction, without their arrays, by the transient's id."""
    found: dict[int, list[Spectrum]] = defaultdict(list)
    spectra = Spectrum.objects.visible_to(user).filter(transient__in=rows, current_prediction__isnull=False)
    said = [f"current_prediction__{name}" for name in ("class_name", "uncertainty", "probabilities")]
    for spectrum in spectra.select_related("current_prediction").only(
        "transient_id", "rejected", "likely_duplicate_of_id", *said
    ):
        found[spectrum.transient_id or 0].append(spectrum)
    return found


def _doubt_of_epochs(prediction: Prediction, spectra: list[Spectrum], least: float) -> str:
    """Return how the epochs of a transient speak against the prediction, or "" if they do not.

    least: probability (0..1) from which a class counts as sure.
    """
    fused = fused_answer(spectra)
    if fused is None:
        return ""
    sure = fused.probabilities.get(prediction.class_name, 0.0) >= least and not fused.contradictory
    known = {each.pk for each in spectra}
    own = [each for each in spectra if not each.rejected and each.likely_duplicate_of_id not in known]
    said = [each.current_prediction for each in own if each.current_prediction is not None]
    answers = sorted(((each.class_name, each.uncertainty) for each in said), key=lambda pair: pair[1])
    if sure and contradiction(answers) < reasons.DISAGREE:
        return ""
    others = list(dict.fromkeys(name for name, _ in answers if name != prediction.class_name))
    if others:
        return f"epochs disagree: {' and '.join(others)} too"
    return f"all epochs together say {fused.class_name} with {fused.probability:.0%}".replace("%", " %")


def _doubt_of_prediction(prediction: Prediction) -> str:
    """Return what speaks against confirming a prediction unseen, or "" for nothing."""
    if noise := reasons.no_class(prediction.spectrum):
        return noise
    if unusual := reasons.unusual(prediction):
        return unusual
    if len(prediction.conformal_set) > 1:
        return (
            f"could also be {' or '.join(name for name in prediction.conformal_set if name != prediction.class_name)}"
        )
    if prediction.crosscheck and disagreement(prediction.class_name, prediction.crosscheck):
        return f"templates say {prediction.crosscheck['class']}"
    return brightness_misfit(prediction)


def _number(text: str) -> float:
    return float(text) if text else 0.0
