"""Rows of the queue page, as its template shows them."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from django.contrib.auth.models import User
from django.db.models import prefetch_related_objects

from triage.models import Claim, Prediction, Spectrum, Transient
from triage.models.other_name import other_names
from triage.queue import order
from triage.queue.reasons import reason_of
from triage.review import claims

MOST_OTHER_NAMES = 2


@dataclasses.dataclass(frozen=True)
class QueueRow:
    """A transient in the queue, with what one user may know of it.

    transient: annotated by ``for_review``, with its ``known_names``.
    spectrum: spectrum of the current prediction, else the newest visible one, else None.
    epochs: number of visible spectra.
    prediction: current prediction, or None if there is none or it is hidden from the user.
    reason: why the transient stands where it does, in words.
    viewer: "ada is looking" while somebody else has claimed it; "you are looking" where that is worth saying; else "".
    """

    transient: Transient
    spectrum: Spectrum | None
    epochs: int
    prediction: Prediction | None
    reason: str
    viewer: str

    @property
    def in_second_round(self) -> bool:
        """Return whether a second opinion is wanted or two reviewers disagree."""
        return self.transient.review_state in ("second_opinion", "disputed")

    @property
    def disputed(self) -> bool:
        """Return whether two reviewers disagree."""
        return self.transient.review_state == "disputed"

    @property
    def facts(self) -> list[str]:
        """Return the instrument, the number of epochs if there are several, other names, and what the TNS says."""
        facts = [self.spectrum.instrument or "instrument unknown"] if self.spectrum else []
        if self.epochs > 1:
            facts.append(f"{self.epochs} epochs")
        facts += [other.name for other in self.transient.known_names[:MOST_OTHER_NAMES]]
        # A class from elsewhere would lead a blind vote.
        record = None if self.transient.hidden else self.transient.tns
        return [*facts, record.summary] if record and record.class_name else facts

    @property
    def only_vote(self) -> str:
        """Return the class of the first vote while a second one is wanted, or "" if it is hidden from the user."""
        return "" if self.disputed else self.standing_class

    @property
    def standing_class(self) -> str:
        """Return the class that the decisions gave, or "" if there is none or it is hidden from the user."""
        return "" if self.transient.hidden else self.transient.standing_class

    @property
    def standing_redshift(self) -> float | None:
        """Return the reviewer's redshift, or None if there is none or it is hidden from the user."""
        return None if self.transient.hidden else self.transient.standing_redshift

    @property
    def colour_class(self) -> str:
        """Return the class that gives the outline its colour, or ""."""
        predicted = None if self.transient.hidden else self.transient.predicted_class
        return self.standing_class or predicted or ""


def queue_rows(user: User, transients: Sequence[Transient], *, in_review: bool) -> list[QueueRow]:
    """Return the rows of one page of the queue, at the cost of six queries.

    user: reader of the page.
    transients: transients of the page, annotated by ``for_review``.
    in_review: whether the page lists what is being looked at, so that the user's own claims are marked too.
    """
    prefetch_related_objects(transients, other_names(user), "tns_record")
    predictions = order.current_predictions(user, transients)
    ids = [transient.pk for transient in transients]
    newest, holders = _newest_spectra(user, ids), claims.holders(user, ids)
    rows = []
    for transient in transients:
        prediction = predictions.get(transient.current_prediction_id or 0)
        newest_spectrum, epochs = newest.get(transient.pk, (None, 0))
        spectrum = prediction.spectrum if prediction else newest_spectrum
        rows.append(
            QueueRow(
                transient=transient,
                spectrum=spectrum,
                epochs=epochs,
                prediction=None if transient.hidden else prediction,
                reason=reason_of(transient, prediction, spectrum.created_at if spectrum else None, spectrum),
                viewer=_viewer(user, holders.get(transient.pk), in_review=in_review),
            )
        )
    return rows


def _viewer(user: User, claim: Claim | None, *, in_review: bool) -> str:
    if claim is None:
        return ""
    if claim.reviewer_id == user.pk:
        return "you are looking" if in_review else ""
    return f"{claim.reviewer.get_username()} is looking"


def _newest_spectra(user: User, ids: Sequence[int]) -> dict[int, tuple[Spectrum, int]]:
    """Return each transient's newest visible spectrum and how many are visible, by the transient's id."""
    counted = Spectrum.objects.visible_to(user).filter(transient__in=ids).with_epoch_count().order_by("id")
    return {spectrum.transient_id or 0: (spectrum, spectrum.epoch_count) for spectrum in counted}
