"""Who may see what, and the questions that pages and the API ask of the records."""

from __future__ import annotations

from collections import Counter
from typing import Any, Self

from django.contrib.auth.models import AnonymousUser
from django.contrib.auth.models import User as UserModel
from django.db import models
from django.db.models import Case, Count, Exists, F, FilteredRelation, OuterRef, Q, Subquery, Value, When
from django.db.models.functions import Coalesce
from django.utils import timezone

User = UserModel | AnonymousUser

# Of what stands, that which leaves a transient with a prediction waiting: nothing, or another spectrum's badness.
OPEN = ("", "bad_spectrum")
# Of the annotations below.
WAITING = Q(current_prediction_id__isnull=False, standing_state__in=OPEN)


def shared_with(user: User, path: str = "") -> Q:
    """Rows whose ``group`` (at ``path``, "spectrum__" say) is empty or one of the user's."""
    return Q(**{f"{path}group__isnull": True}) | Q(**{f"{path}group__in": user.groups.all()})


class TransientQuerySet(models.QuerySet[Any]):
    """Transients with what a user may know of them."""

    def called(self, user: User, name: str) -> Any | None:
        """The one of this name, else the oldest of the same designation spelt otherwise, else the oldest that the user
        knows by it as another name; None if there is none."""
        from triage.models import OtherName
        from triage.models.transient import spellings

        found, others = self.filter(name=name).first(), spellings(name)
        if found is None and others:
            found = self.filter(name__in=others).order_by("pk").first()
        if found is None:
            known = OtherName.objects.visible_to(user).filter(name__in=[name, *others])
            found = self.filter(pk__in=known.values("transient")).order_by("pk").first()
        return found

    def with_part_of_name(self, user: User, part: str) -> Self:
        """Those with this in their name or in another that the user knows, of a designation in any spelling."""
        from triage.models import OtherName
        from triage.models.transient import designation

        part = designation(part) or part
        known = OtherName.objects.visible_to(user).filter(name__icontains=part)
        return self.filter(Q(name__icontains=part) | Q(pk__in=known.values("transient")))

    def with_other_names(self, user: User) -> Self:
        """With those that the user knows, as ``known_names``."""
        return self.prefetch_related(other_names(user))

    def visible_to(self, user: User) -> Self:
        """Those with a spectrum that the user may see, and those without any private one."""
        from triage.models import Spectrum

        if not user.is_authenticated:
            return self.none()
        spectra = Spectrum.objects.filter(transient=OuterRef("pk")).order_by()
        # Not EXISTS, which Postgres would answer by reading all spectra, where a page wants some transients.
        shown = self.alias(
            seen=Subquery(spectra.visible_to(user).values("pk")[:1]),
            private=Subquery(spectra.filter(group__isnull=False).values("pk")[:1]),
        )
        return shown.filter(Q(seen__isnull=False) | Q(private__isnull=True))

    def with_current_prediction(self, user: User) -> Self:
        """Annotate the prediction that stands for each transient: of the visible, not rejected spectra's current
        predictions the surest. Adds current_prediction_id, predicted_class, uncertainty, priority (None: none)."""
        from triage.models import Spectrum

        surest = (
            Spectrum.objects.filter(transient=OuterRef("pk"), rejected=False, current_prediction__isnull=False)
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
        """Annotate standing_state, standing_verdict and standing_class, "" if no decision stands before the user,
        standing_redshift, the reviewer's own, None if left open, and hidden; see triage.second_opinion."""
        from triage.models import Classification

        rows = Classification.objects.filter(transient=OuterRef("pk")).visible_to(user)
        standing = rows.newest_first()
        return self.annotate(
            standing_state=Coalesce(Subquery(standing.values("state")[:1]), Value("")),
            standing_verdict=Coalesce(Subquery(standing.values("decision__verdict")[:1]), Value("")),
            standing_class=Coalesce(Subquery(standing.values("decision__class_name")[:1]), Value("")),
            standing_redshift=Subquery(standing.values("decision__redshift")[:1]),
            hidden=Exists(rows.wanting_vote_of(user)),
        )

    def for_review(self, user: User) -> Self:
        """Visible transients with their prediction and review state. Adds review_state: pending or in_review (somebody
        looks at it) where it waits, processing where the network has said nothing, else the standing_state."""
        return self.visible_to(user)._described(user)

    def _described(self, user: User) -> Self:
        from triage.models import Claim

        claimed = Exists(Claim.objects.filter(transient=OuterRef("pk")).live())
        return (
            self.with_current_prediction(user)
            .with_review_state(user)
            .annotate(
                review_state=Case(
                    When(WAITING & claimed, then=Value("in_review")),
                    When(WAITING, then=Value("pending")),
                    When(standing_state="", then=Value("processing")),
                    default=F("standing_state"),
                )
            )
        )

    def awaiting_review(self, user: User) -> Self:
        """Those with a prediction and no decision, as for_review: a spectrum called bad leaves the others waiting.

        What WAITING says, but not of its annotations, which would be computed for all transients that there are: of the
        entries, so that priority and predicted_class, too, are read from an index. A transient with a visible entry
        is itself visible."""
        newest = Coalesce(Subquery(_entries_beside(user).newest_first().values("state")[:1]), Value(""))
        surest = Q(~Exists(_entries_beside(user).surer_than("entry__")))
        counts = Q(entry__shared=False) | (surest & Q(newest_state__in=OPEN))
        return (
            self.alias(newest_state=newest)
            ._with_entry(user, counts, waits=True)
            ._described(user)
            .annotate(
                uncertainty=F("entry__uncertainty"),
                predicted_class=F("entry__predicted_class"),
                priority=F("entry__priority"),
            )
        )

    def standing_as(self, user: User, state: str) -> Self:
        """Those of which the newest decision that the user may see left this state."""
        return self._with_entry(user, _newest(user), state=state)

    def all_bad(self, user: User) -> Self:
        """Of those annotated by for_review: a bad spectrum is what stands, and no other has a prediction."""
        nothing = Q(entry__shared=False) | Q(current_prediction_id__isnull=True)
        return self._with_entry(user, _newest(user) & nothing, state="bad_spectrum", uncertainty__isnull=True)

    def _with_entry(self, user: User, condition: Q, **fields: Any) -> Self:
        """Joined with the queue's entry, as ``entry``, that the user may see, has these fields and meets the condition:
        all in one filter, for another would join anew."""
        named = Q(**{f"queue_entries__{name}": value for name, value in fields.items()})
        joined = self.alias(entry=FilteredRelation("queue_entries", condition=named))
        fields = {f"entry__{name}": value for name, value in fields.items()}
        # The same as created_at, but of the entry, whose index is in its order.
        return joined.filter(shared_with(user, "entry__"), condition, **fields).annotate(
            arrived_at=F("entry__arrived_at")
        )

    def of_class(self, user: User, class_name: str) -> Self:
        """Of those annotated by for_review: vetted as the class, else predicted as it. Only for transients with
        several entries are the annotations asked."""
        from triage.models import QueueEntry

        entries = QueueEntry.objects.visible_to(user)
        said = Q(state="done", class_name=class_name) | (~Q(state="done") & Q(predicted_class=class_name))
        done = Q(standing_state="done")
        annotated = (done & Q(standing_class=class_name)) | (~done & Q(predicted_class=class_name))
        alone = Q(pk__in=entries.filter(said, shared=False).values("transient"))
        return self.filter(alone | (Q(pk__in=entries.filter(shared=True).values("transient")) & annotated))

    def not_claimed_by_others(self, user: User) -> Self:
        """Without those that somebody else is looking at."""
        from triage.models import Claim

        return self.filter(~Exists(Claim.objects.filter(transient=OuterRef("pk")).live().exclude(reviewer=user)))


def _entries_beside(user: User) -> QueueEntryQuerySet:
    """The entries that the user may see of the transient of the query around."""
    from triage.models import QueueEntry

    entries: QueueEntryQuerySet = QueueEntry.objects.visible_to(user).filter(transient=OuterRef("pk"))
    return entries


def _newest(user: User) -> Q:
    """Of ``entry``: no other that the user may see was decided later."""
    return Q(entry__shared=False) | Q(~Exists(_entries_beside(user).newer_than("entry__")))


def other_names(user: User) -> models.Prefetch[Any]:
    """A transient's other names that the user knows, each once, as ``known_names``."""
    from triage.models import OtherName

    named = OtherName.objects.visible_to(user)
    # One that a group learnt, and then everybody.
    again = named.filter(transient=OuterRef("transient"), name=OuterRef("name"), id__lt=OuterRef("id"))
    return models.Prefetch("other_names", named.filter(~Exists(again)), to_attr="known_names")


class QueueEntryQuerySet(models.QuerySet[Any]):
    def visible_to(self, user: User) -> Self:
        return self.filter(shared_with(user)) if user.is_authenticated else self.none()

    def newest_first(self) -> Self:
        """Those where something stands."""
        return self.filter(decided_at__isnull=False).order_by("-decided_at", "-classification")

    def counted(self, user: User) -> dict[str, int]:
        """How many transients each state stands for before the user, how many are pending, and of how many all is
        bad."""
        visible, found = self.visible_to(user).order_by(), Counter[str]()
        alone = visible.filter(shared=False).values_list("state", "waits")
        # Of several entries that the user may see the newest decision counts, and each prediction.
        several, beside = visible.filter(shared=True), visible.filter(transient=OuterRef("transient"))
        predicted = Exists(beside.filter(uncertainty__isnull=False))
        newest = several.filter(~Exists(beside.newer_than("")), decided_at__isnull=False)
        of_several = newest.annotate(predicted=predicted).values_list("state", "predicted")
        for state, waits, number in (*alone.annotate(n=Count("*")), *of_several.annotate(n=Count("*"))):
            found[state] += number
            if state in OPEN:
                found["pending" if waits else "bad"] += number
        undecided = several.filter(~Exists(beside.filter(decided_at__isnull=False)), waits=True)
        found["pending"] += undecided.values("transient").distinct().count()
        return dict(found)

    def newer_than(self, path: str) -> Self:
        """Decided after the entry at ``path`` of the query around."""
        at, number = OuterRef(f"{path}decided_at"), OuterRef(f"{path}classification")
        return self.filter(Q(decided_at__gt=at) | Q(decided_at=at, classification__gt=number))

    def surer_than(self, path: str) -> Self:
        """With a surer prediction than the entry at ``path`` of the query around; of two as sure, the newer spectrum's
        counts."""
        level, number = OuterRef(f"{path}uncertainty"), OuterRef(f"{path}spectrum_id")
        return self.filter(Q(uncertainty__lt=level) | Q(uncertainty=level, spectrum__gt=number))


class ClaimQuerySet(models.QuerySet[Any]):
    def live(self) -> Self:
        """Those that have not lapsed."""
        return self.filter(until__gt=timezone.now())


class SpectrumQuerySet(models.QuerySet[Any]):
    def visible_to(self, user: User) -> Self:
        return self.filter(shared_with(user)) if user.is_authenticated else self.none()

    def in_time_order(self) -> Self:
        """By time of observation, those of unknown time last."""
        return self.order_by(F("observed_at").asc(nulls_last=True), "id")


class SharedQuerySet(models.QuerySet[Any]):
    """Rows with a ``group`` of their own, such as connections to other services and reports to them."""

    def visible_to(self, user: User) -> Self:
        return self.filter(shared_with(user)) if user.is_authenticated else self.none()


class ConnectedQuerySet(models.QuerySet[Any]):
    """Rows that belong to a connection to another service, and are seen by whoever sees that."""

    def visible_to(self, user: User) -> Self:
        return self.filter(shared_with(user, "instance__")) if user.is_authenticated else self.none()


class PredictionQuerySet(models.QuerySet[Any]):
    def visible_to(self, user: User) -> Self:
        return self.filter(shared_with(user, "spectrum__")) if user.is_authenticated else self.none()


class DecisionQuerySet(models.QuerySet[Any]):
    def visible_to(self, user: User) -> Self:
        return self.filter(shared_with(user)) if user.is_authenticated else self.none()


def owed_by(user: User) -> ClassificationQuerySet:
    """The open rounds in which the user's blind vote is wanted, of the ``transient`` of the query around."""
    from triage.models import Classification

    rows: ClassificationQuerySet = Classification.objects.filter(transient=OuterRef("transient"))
    return rows.visible_to(user).wanting_vote_of(user)


class ClassificationQuerySet(models.QuerySet[Any]):
    def visible_to(self, user: User) -> Self:
        return self.filter(shared_with(user)) if user.is_authenticated else self.none()

    def vetted(self) -> Self:
        return self.filter(vetted=True)

    def newest_first(self) -> Self:
        return self.order_by("-decided_at", "-id")

    def wanting_vote_of(self, user: User) -> Self:
        """Those that want a second opinion which the user has not given: to whom prediction and vote are hidden."""
        return self.filter(state="second_opinion").exclude(voters=user.pk)

    def standing_before(self, user: User) -> Self:
        """Vetted classifications visible to the user, where none that is newer and visible stands beside them; without
        those of transients on which the user still owes a blind vote."""
        return self.standing(user).vetted().filter(~Exists(owed_by(user)))

    def standing(self, user: User) -> Self:
        """Of each transient the newest that the user may see."""
        from triage.models import Classification

        newer = Q(decided_at__gt=OuterRef("decided_at")) | Q(decided_at=OuterRef("decided_at"), id__gt=OuterRef("id"))
        beside = Classification.objects.filter(newer, transient=OuterRef("transient")).visible_to(user)
        return self.visible_to(user).filter(~Exists(beside))
