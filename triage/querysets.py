"""Who may see what, and the questions that pages and the API ask of the records."""

from __future__ import annotations

from typing import Any, Self

from django.contrib.auth.models import AnonymousUser
from django.contrib.auth.models import User as UserModel
from django.db import models
from django.db.models import Exists, F, OuterRef, Q, Subquery, Value
from django.db.models.functions import Coalesce

User = UserModel | AnonymousUser


def shared_with(user: User, path: str = "") -> Q:
    """Rows whose ``group`` (at ``path``, "spectrum__" say) is empty or one of the user's."""
    return Q(**{f"{path}group__isnull": True}) | Q(**{f"{path}group__in": user.groups.all()})


class TransientQuerySet(models.QuerySet[Any]):
    """Transients with what a user may know of them."""

    def visible_to(self, user: User) -> Self:
        """Those with a spectrum that the user may see, and those without any private one."""
        from triage.models import Spectrum

        if not user.is_authenticated:
            return self.none()
        spectra = Spectrum.objects.filter(transient=OuterRef("pk"))
        return self.filter(Exists(spectra.visible_to(user)) | ~Exists(spectra.filter(group__isnull=False)))

    def with_current_prediction(self, user: User) -> Self:
        """Annotate the prediction that stands for each transient: of the visible, not rejected spectra's current
        predictions the surest. Adds current_prediction_id, predicted_class, uncertainty, novelty (None: none)."""
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
            novelty=Subquery(surest.values("current_prediction__novelty")[:1]),
        )

    def with_review_state(self, user: User) -> Self:
        """Annotate standing_verdict and standing_class, "" if no decision stands before the user, and
        standing_redshift, the reviewer's own, None if left open."""
        from triage.models import Classification

        standing = Classification.objects.filter(transient=OuterRef("pk")).visible_to(user).newest_first()
        return self.annotate(
            standing_verdict=Coalesce(Subquery(standing.values("decision__verdict")[:1]), Value("")),
            standing_class=Coalesce(Subquery(standing.values("decision__class_name")[:1]), Value("")),
            standing_redshift=Subquery(standing.values("decision__redshift")[:1]),
        )

    def for_review(self, user: User) -> Self:
        """Visible transients with their prediction and review state."""
        return self.visible_to(user).with_current_prediction(user).with_review_state(user)

    def awaiting_review(self, user: User) -> Self:
        """Those with a prediction and no decision: a spectrum called bad leaves the others waiting."""
        waiting = self.for_review(user).filter(current_prediction_id__isnull=False)
        return waiting.filter(standing_verdict__in=("", "bad_spectrum"))


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


class ClassificationQuerySet(models.QuerySet[Any]):
    def visible_to(self, user: User) -> Self:
        return self.filter(shared_with(user)) if user.is_authenticated else self.none()

    def vetted(self) -> Self:
        return self.filter(vetted=True)

    def newest_first(self) -> Self:
        return self.order_by("-decided_at", "-id")

    def standing_before(self, user: User) -> Self:
        """Vetted classifications visible to the user, where none that is newer and visible stands beside them."""
        from triage.models import Classification

        newest = Classification.objects.filter(transient=OuterRef("transient")).visible_to(user).newest_first()
        return self.visible_to(user).filter(pk=Subquery(newest.values("pk")[:1])).vetted()
