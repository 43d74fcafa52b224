"""Claims: a reviewer is looking at a transient now."""

from __future__ import annotations

from typing import Self

from django.conf import settings
from django.db import models
from django.db.models import Exists, OuterRef, Q
from django.utils import timezone

from triage.models.audience import User
from triage.models.spectrum import Spectrum


class ClaimQuerySet(models.QuerySet["Claim"]):
    """Claims, some of which have lapsed."""

    def live(self) -> Self:
        """Return the claims that have not lapsed."""
        return self.filter(until__gt=timezone.now())

    def visible_to(self, user: User) -> Self:
        """Return the claims of reviewers who see the transient as the user does: in public, or in a group of both.

        A claim of anybody else would tell the user that another group has spectra of the transient.
        """
        together = Q(group__in=user.groups.all(), group__user=OuterRef("reviewer"))
        shared = Spectrum.objects.filter(Q(group__isnull=True) | together, transient=OuterRef("transient"))
        return self.filter(Exists(shared.order_by()))


class Claim(models.Model):
    """One reviewer's hold on one transient. Written by triage.review.claims alone.

    Of two groups that see a transient only in private, each takes the hold without noticing the other.

    transient: the transient.
    reviewer: the reviewer who looks at it.
    since: when the reviewer began.
    until: when the claim lapses unless the reviewer's page renews it.
    """

    transient = models.OneToOneField("triage.Transient", on_delete=models.CASCADE, related_name="claim")
    reviewer = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="claims")
    since = models.DateTimeField()
    until = models.DateTimeField()

    objects = ClaimQuerySet.as_manager()

    class Meta:
        indexes = (models.Index(fields=("until",), name="claim_until"),)

    def __str__(self) -> str:
        return f"{self.transient_id} until {self.until:%H:%M}"
