"""Confirming the surest of the queue together, and taking that back together."""

from __future__ import annotations

import dataclasses
import uuid
from collections import defaultdict
from collections.abc import Mapping
from typing import Any

from django.contrib.auth.models import User
from django.db.models import Count, Exists, Max, OuterRef, Q

from triage import queue, review
from triage.epochs import fused_answer
from triage.errors import AlreadyUndoneError, InvalidActionError, NotFoundError, TriageError
from triage.filters import QueueFilter
from triage.models import Decision, Spectrum, Transient, Verdict
from triage.value import contradiction, disagreement

MOST = 100
# Shown where no threshold is given, percent.
USUAL_THRESHOLD = 95.0
RECENT = 5


@dataclasses.dataclass(frozen=True)
class Result:
    """What became of a batch: the names confirmed, and of each other one why not."""

    batch: uuid.UUID
    confirmed: list[str]
    refused: list[tuple[str, str]]


def proposed(user: User, chosen: QueueFilter, threshold: float) -> list[Any]:
    """The waiting transients of a filter whose prediction has at least ``threshold`` percent, the surest first, at most
    MOST, without those that somebody else is looking at; nor, as with any bound on the probability, those of which the
    prediction is hidden from the user. Each gets prediction, reason, and doubt: what speaks against
    confirming it unseen, "" for nothing. All in a few queries."""
    chosen = dataclasses.replace(chosen, state="pending", above=max(chosen.above, f"{threshold:g}", key=_number))
    rows = list(chosen.rows(user).not_claimed_by_others(user).order_by("uncertainty", "id")[:MOST])
    predictions, epochs = queue.current_predictions(rows), _epochs(user, rows)
    for row in rows:
        row.prediction = predictions[row.current_prediction_id]
        row.reason = queue.reason(row.prediction, contradiction=row.prediction.contradiction)
        row.doubt = _of_epochs(row.prediction, epochs[row.pk], threshold / 100) or _doubt(row.prediction)
    return rows


def newest_decision() -> int:
    """Id of the newest of all decisions, 0 for none: who confirms what was shown has seen no later one."""
    found: int | None = Decision.objects.aggregate(newest=Max("id"))["newest"]
    return found or 0


def confirm(user: User, predictions: Mapping[str, int], last_decision: int | None = None) -> Result:
    """Confirm the prediction of each transient that was shown with it; predictions: by the transient's name. What has
    changed meanwhile is refused, the rest confirmed. last_decision: the newest that was seen, of whomever; None leaves
    that open. Sent twice, it is recorded once, and answered with the first batch. Raises InvalidActionError."""
    if not predictions:
        raise InvalidActionError("choose at least one")
    if len(predictions) > MOST:
        raise InvalidActionError(f"at most {MOST} can be confirmed together")
    batch, confirmed, refused = uuid.uuid4(), [], []
    batches: set[uuid.UUID | None] = set()
    # Postgres refuses to look for a NUL.
    names = [name for name in predictions if "\0" not in name]
    found = Transient.objects.visible_to(user).filter(name__in=names).in_bulk(field_name="name")
    for name, prediction in predictions.items():
        proposal = review.Proposal(Verdict.CONFIRM, prediction=prediction, last_decision=last_decision, batch=batch)
        try:
            if name not in found:
                raise NotFoundError("there is no such transient")
            batches.add(review.record_decision(user, found[name], proposal).batch)
            confirmed.append(name)
        except TriageError as error:
            refused.append((name, error.detail))
    first = batches.pop() if len(batches) == 1 else None
    return Result(first or batch, confirmed, refused)


def undo(user: User, batch: uuid.UUID) -> int:
    """Take back what still stands of one's own batch; returns how many. Raises NotFoundError."""
    mine = Decision.objects.filter(reviewer=user, batch=batch)
    if not mine.exists():
        raise NotFoundError("there is no such batch")
    undone = 0
    for pk in list(mine.filter(~Exists(_undoings())).order_by("-id").values_list("pk", flat=True)):
        try:
            review.undo(user, pk)
        except (AlreadyUndoneError, NotFoundError):
            # Undone in the meantime, or not the user's to see any more; the others are taken back all the same.
            continue
        undone += 1
    return undone


def recent(user: User) -> list[dict[str, Any]]:
    """The user's last batches: {batch, taken, standing, undone, at}."""
    rows = Decision.objects.filter(reviewer=user, batch__isnull=False).order_by().values("batch")
    counted = rows.annotate(
        taken=Count("pk"), standing=Count("pk", filter=~Q(Exists(_undoings()))), at=Max("created_at")
    )
    return [row | {"undone": row["taken"] - row["standing"]} for row in counted.order_by("-at")[:RECENT]]


def _undoings() -> Any:
    return Decision.objects.filter(verdict=Verdict.UNDO, supersedes=OuterRef("pk"))


def _epochs(user: User, rows: list[Any]) -> dict[int, list[Spectrum]]:
    """The spectra of each transient that the user may see and that have a prediction, without their arrays."""
    found: dict[int, list[Spectrum]] = defaultdict(list)
    spectra = Spectrum.objects.visible_to(user).filter(transient__in=rows, current_prediction__isnull=False)
    said = [f"current_prediction__{name}" for name in ("class_name", "uncertainty", "probabilities")]
    for spectrum in spectra.select_related("current_prediction").only("transient_id", "rejected", *said):
        found[spectrum.transient_id or 0].append(spectrum)
    return found


def _of_epochs(prediction: Any, spectra: list[Spectrum], least: float) -> str:
    """Where they do not all speak for the prediction. least: the probability from which a class counts as sure."""
    fused = fused_answer(spectra)
    if fused is None:
        return ""
    sure = fused.probabilities.get(prediction.class_name, 0.0) >= least and not fused.contradictory
    heard = (each.current_prediction for each in spectra if each.current_prediction and not each.rejected)
    said = sorted(((each.class_name, each.uncertainty) for each in heard), key=lambda pair: pair[1])
    if sure and contradiction(said) < queue.DISAGREE:
        return ""
    others = list(dict.fromkeys(name for name, _ in said if name != prediction.class_name))
    if others:
        return f"epochs disagree: {' and '.join(others)} too"
    return f"all epochs together say {fused.class_name} with {fused.probability:.0%}".replace("%", " %")


def _doubt(prediction: Any) -> str:
    if prediction.novelty >= queue.NOVEL:
        return "unlike anything the network knows"
    if len(prediction.conformal_set) > 1:
        return (
            f"could also be {' or '.join(name for name in prediction.conformal_set if name != prediction.class_name)}"
        )
    if disagreement(prediction.class_name, prediction.crosscheck):
        return f"templates say {prediction.crosscheck['class']}"
    return ""


def _number(text: str) -> float:
    return float(text) if text else 0.0
