"""Queries of transients: the ones that a user may see, with their prediction and the state of their review."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Self

from django.db.models import (
    BigIntegerField,
    Exists,
    ExpressionWrapper,
    F,
    FilteredRelation,
    OuterRef,
    Q,
    Subquery,
    Value,
)
from django.db.models.functions import Coalesce
from django.db.models.lookups import In

from triage.models.audience import User, group_ids
from triage.models.blind_sample import owes_blind_vote
from triage.models.claim import Claim
from triage.models.classification import WAITING_STATES, Classification
from triage.models.decision import Decision
from triage.models.other_name import OtherName, other_names
from triage.models.queue_entry import AUTOMATIC, QueueEntry, QueueEntryQuerySet
from triage.models.spectrum import Spectrum, SpectrumState
from triage.models.spelling import spelt
from triage.models.transient_search import TransientSearchQuerySet
from triage.models.upload import UploadEntry

if TYPE_CHECKING:
    from triage.models.transient import Transient

# Conditions on the annotations of for_review: a policy classified the transient and nobody has vetted it; the transient
# has a prediction and waits for a decision.
CLASSIFIED_BY_POLICY = Q(automatic=True, standing_state__in=WAITING_STATES)
WAITING = Q(current_prediction_id__isnull=False, automatic=False, standing_state__in=WAITING_STATES)


class TransientQuerySet(TransientSearchQuerySet):
    """Transients with what a user may know of them."""

    def called(self, user: User, name: str) -> Transient | None:
        """Return the transient that a name means for this user, or None.

        The exact name comes first, then another spelling of it, then another name that the user may know. The oldest
        transient wins.
        """
        return spelt([name], self, OtherName.objects.visible_to(user)).get(name)

    def in_order(self, ids: Sequence[int]) -> list[Transient]:
        """Return the transients with these ids in the order of the ids; one that is gone is left out."""
        found = self.in_bulk(ids)
        return [found[pk] for pk in ids if pk in found]

    def with_other_names(self, user: User) -> Self:
        """Fetch the other names that the user may know, as ``known_names``."""
        return self.prefetch_related(other_names(user))

    def visible_to(self, user: User) -> Self:
        """Return the transients with a spectrum or a decision that the user may see."""
        if not user.is_authenticated:
            return self.none()
        spectra = Spectrum.objects.filter(transient=OuterRef("pk")).order_by().visible_to(user)
        decisions = Decision.objects.filter(transient=OuterRef("pk")).order_by().visible_to(user)
        # For EXISTS, Postgres would read all spectra and decisions, although a page wants a few transients.
        # The transient is asked for, and no id, because an index holds it.
        seen, decided = Subquery(spectra.values("transient")[:1]), Subquery(decisions.values("transient")[:1])
        first = self.alias(seen=seen, decided=decided)
        return first.filter(Q(seen__isnull=False) | Q(decided__isnull=False))

    def with_current_prediction(self, user: User) -> Self:
        """Annotate current_prediction_id, predicted_class, uncertainty and priority; None without a prediction.

        A transient's prediction is the surest one among its spectra that the user may see and nobody rejected.
        Copies do not count.
        """
        surest = (
            Spectrum.objects.filter(transient=OuterRef("pk"), rejected=False)
            .classified_originals()
            .visible_to(user)
            .order_by("current_prediction__uncertainty", "-id")
        )
        return self.annotate(
            current_prediction_id=Subquery(surest.values("current_prediction_id")[:1]),
            predicted_class=Subquery(surest.values("current_prediction__class_name")[:1]),
            uncertainty=Subquery(surest.values("current_prediction__uncertainty")[:1]),
            priority=Subquery(surest.values("queue_entries__priority")[:1]),
        )

    def with_review_state(self, user: User) -> Self:
        """Annotate the decision that stands as the user sees it.

        standing_state, standing_verdict, standing_class: "" if no decision stands.
        standing_redshift: the reviewer's redshift, or None.
        automatic: whether every spectrum with a prediction that the user sees was classified by a policy.
        hidden: whether the user's blind vote is wanted; see triage.models.blind_sample.
        """
        rows = Classification.objects.filter(transient=OuterRef("pk")).visible_to(user)
        standing, beside = rows.newest_first(), _entries_beside(user)
        return self.annotate(
            standing_state=Coalesce(Subquery(standing.values("state")[:1]), Value("")),
            standing_verdict=Coalesce(Subquery(standing.values("decision__verdict")[:1]), Value("")),
            standing_class=Coalesce(Subquery(standing.values("decision__class_name")[:1]), Value("")),
            standing_redshift=Subquery(standing.values("decision__redshift")[:1]),
            automatic=Exists(beside.filter(state=AUTOMATIC)) & ~Exists(beside.left_to_people()),
            hidden=owes_blind_vote(user, "pk"),
        )

    def for_review(self, user: User) -> Self:
        """Return the visible transients, annotated with their prediction and all that ``review_state`` follows from.

        claimed: whether somebody of whom the user may know is looking at it.
        failed: whether the network could not classify a spectrum, and no other one waits for it.
        """
        return self.visible_to(user).described(user)

    def described(self, user: User) -> Self:
        """Annotate as ``for_review`` transients that are known to be visible."""
        claimed = Exists(Claim.objects.filter(transient=OuterRef("pk")).live().visible_to(user))
        spectra = Spectrum.objects.filter(transient=OuterRef("pk")).order_by().visible_to(user)
        queued, failed = Exists(spectra.filter(state=SpectrumState.QUEUED)), Exists(spectra.not_classified())
        described = self.with_current_prediction(user).with_review_state(user)
        return described.annotate(claimed=claimed, failed=failed & ~queued)

    def awaiting_review(self, user: User) -> Self:
        """Return the transients that wait for a decision, annotated as by ``for_review``.

        They have a prediction and no decision, or only a decision that another spectrum is bad, and no policy has
        classified all that the user sees of them. The condition is that of WAITING, asked of the queue entries: the
        annotations would be computed for every transient, while entries are read from an index. A transient with a
        visible entry is visible itself.
        """
        columns = {name: F(f"entry__{name}") for name in ("uncertainty", "predicted_class", "priority")}
        return self.waiting(user).described(user).annotate(**columns)

    def waiting(self, user: User) -> Self:
        """Return the transients of ``awaiting_review`` with their priority alone."""
        beside = QueueEntry.objects.visible_to(user).filter(transient=OuterRef("entry__transient"))
        decided = beside.newest_first().values("state")[:1]
        waits = Q(Exists(beside.left_to_people())) & ~Q(Exists(beside.surer_than("entry__")))
        still_open = Q(In(Coalesce(Subquery(decided), Value("")), WAITING_STATES))
        counts = Q(entry__shared=False) | (waits & still_open)
        return self._with_entry(user, counts, waits=True).annotate(priority=F("entry__priority"))

    def with_outcome(self, user: User, state: str) -> Self:
        """Return the transients in a state of OutcomeState as the user sees it."""
        return self._with_entry(user, _newest(user), state=state)

    def vetted_as(self, user: User, class_name: str) -> Self:
        """Return the transients vetted as a class, as the user sees them."""
        return self._with_entry(user, _newest(user), state="done", shown_class=class_name)

    def classified_by_policy(self, user: User) -> Self:
        """Return the transients that a policy classified and that nobody has vetted.

        Call it on transients annotated by ``for_review``.
        """
        entries = QueueEntry.objects.visible_to(user).filter(state=AUTOMATIC)
        return self.filter(CLASSIFIED_BY_POLICY, pk__in=entries.values("transient")).with_arrival()

    def all_bad(self, user: User) -> Self:
        """Return the transients of which a spectrum was called bad and no other has a prediction.

        Call it on transients annotated by ``for_review``.
        """
        nothing = Q(entry__shared=False) | Q(current_prediction_id__isnull=True)
        return self._with_entry(user, _newest(user) & nothing, state="bad_spectrum", uncertainty__isnull=True)

    def _with_entry(self, user: User, condition: Q, **fields: Any) -> Self:
        """Join the visible queue entry with these fields, as ``entry``; keep the transients that meet the condition.

        It has to be one filter, because a second one would join again.
        """
        named = Q(**{f"queue_entries__{name}": value for name, value in fields.items()})
        joined = self.alias(entry=FilteredRelation("queue_entries", condition=named))
        # Postgres takes a condition that is written twice for a rarer one, so the fields are not asked for again.
        found = joined.filter(_entry_is_visible_to(user), condition, entry__isnull=False)
        # It equals created_at, but the entry has an index in this order.
        return found.annotate(arrived_at=F("entry__arrived_at"))

    def of_class(self, user: User, class_name: str) -> Self:
        """Return the transients vetted as a class, or predicted as it if none is vetted.

        Call it on transients annotated by ``for_review``. Most transients have one entry, which answers alone; the
        annotations are computed for the others.
        """
        entries = QueueEntry.objects.visible_to(user)
        alone = entries.filter(shown_class=class_name, shared=False).values_list("transient")
        shared = entries.filter(shared=True).values_list("transient")
        found = self._among(alone.union(shared, all=True), Q(pk__in=alone) | Q(pk__in=shared))
        return found.filter(~Q(pk__in=shared) | _has_class(class_name))

    def not_claimed_by_others(self, user: User) -> Self:
        """Return the transients that nobody else is looking at."""
        others = Claim.objects.filter(transient=OuterRef("pk")).live().visible_to(user).exclude(reviewer_id=user.pk)
        return self.filter(~Exists(others))

    def sent_with(self, user: User, upload_id: int) -> Self:
        """Return the transients of an upload of the user's, in the order in which its files arrived."""
        entries = UploadEntry.objects.of_upload(user, upload_id)
        first = entries.filter(spectrum__transient=OuterRef("pk")).order_by("pk").values("pk")[:1]
        sent = self.filter(pk__in=entries.values("spectrum__transient"))
        return sent.annotate(file_place=Subquery(first)).order_by("file_place")

    # The methods below read what for_review annotates.

    def predicted_as(self, class_name: str) -> Self:
        """Return the transients whose current prediction is this class."""
        return self.filter(predicted_class=class_name)

    def in_state(self, review_state: str) -> Self:
        """Return the transients whose ``review_state`` is this one."""
        without = Q(current_prediction_id__isnull=True, standing_state="") & ~CLASSIFIED_BY_POLICY
        conditions = {
            "automatic": CLASSIFIED_BY_POLICY,
            "in_review": WAITING & Q(claimed=True),
            "pending": WAITING & Q(claimed=False),
            "failed": without & Q(failed=True),
            "processing": without & Q(failed=False),
            "bad_spectrum": Q(current_prediction_id__isnull=True, automatic=False, standing_state="bad_spectrum"),
        }
        return self.filter(conditions.get(review_state, Q(standing_state=review_state)))

    def with_class(self, class_name: str) -> Self:
        """Return the transients vetted as a class, or predicted as it if none is vetted."""
        return self.filter(_has_class(class_name))

    def with_prediction(self) -> Self:
        """Return the transients that have a current prediction."""
        return self.filter(current_prediction_id__isnull=False)

    def wanting_vote(self, *, wanted: bool = True) -> Self:
        """Return the transients whose prediction is hidden because the user's blind vote is wanted, or the others."""
        return self.filter(hidden=wanted)

    def within_probability(self, least: float | None = None, below: float | None = None) -> Self:
        """Return the transients whose prediction has a probability of at least ``least`` and smaller than ``below``.

        least, below: shares, 0..1; None is no bound.
        """
        rows = self if least is None else self.filter(uncertainty__lte=1 - least)
        return rows if below is None else rows.filter(uncertainty__gt=1 - below)


def _entries_beside(user: User) -> QueueEntryQuerySet:
    """Return the entries that the user may see of the outer query's transient."""
    return QueueEntry.objects.visible_to(user).filter(transient=OuterRef("pk"))


def _entry_is_visible_to(user: User) -> Q:
    """Return the condition that the user may see ``entry``, in a form that no index answers.

    Nearly all entries are public. Postgres would read all of these from an index before it reads those that are wanted.
    """
    # No group has the id 0.
    own = In(ExpressionWrapper(F("entry__group") + 0, BigIntegerField()), [0, *group_ids(user)])
    return Q(entry__group__isnull=True) | Q(own)


def _newest(user: User) -> Q:
    """Return the condition that no other entry which the user may see was decided later than ``entry``."""
    return Q(entry__shared=False) | Q(~Exists(_entries_beside(user).newer_than("entry__")))


def _has_class(class_name: str) -> Q:
    """Return the condition on the annotations that a transient is vetted as the class, or else predicted as it."""
    vetted = Q(standing_state="done")
    return (vetted & Q(standing_class=class_name)) | (~vetted & Q(predicted_class=class_name))
