"""Orders of transients, and the neighbours of one in them."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Self

from django.db import models
from django.db.models import F, Q

if TYPE_CHECKING:
    from triage.models.transient import Transient


# Names of the transients before and after one in a list, each None at an end.
Neighbours = tuple[str | None, str | None]


class TransientOrderQuerySet(models.QuerySet["Transient"]):
    """Transients in an order. The methods read what TransientQuerySet.for_review annotates."""

    def by_priority(self) -> Self:
        """Order by the worth of a look, the largest first."""
        return self.order_by("-priority", "id")

    def with_arrival(self) -> Self:
        """Annotate ``arrived_at`` on transients that no queue entry is joined to."""
        return self.annotate(arrived_at=F("created_at"))

    def surest_first(self) -> Self:
        """Order by the probability of the prediction, the largest first."""
        return self.order_by("uncertainty", "id")

    def newest_first(self) -> Self:
        """Order by arrival, the newest first."""
        return self.order_by("-arrived_at", "-id")

    def first_name(self) -> str | None:
        """Return the name of the first transient, or None. The annotations of the others are not computed."""
        return self.values_list("name", flat=True).first()

    def neighbours_by_priority(self, transient: Transient) -> Neighbours:
        """Return the names before and after this transient's by priority, where it is not among the rows itself.

        A transient that does not wait has no priority; the first row comes after it.
        """
        level, number = transient.priority, transient.pk
        if level is None:
            return None, self.by_priority().first_name()
        return self._above(level, number).first_name(), self._below(level, number).first_name()

    # The bound on the priority lets the database read an index from that place on.

    def _above(self, level: float, number: int) -> Self:
        rows = self.filter(Q(priority__gt=level) | Q(id__lt=number), priority__gte=level)
        return rows.order_by("priority", "-id")

    def _below(self, level: float, number: int) -> Self:
        return self.filter(Q(priority__lt=level) | Q(id__gt=number), priority__lte=level).by_priority()

    def neighbours_by_file(self, place: int | None) -> Neighbours:
        """Return the names before and after a place in an upload; without a place, the first one follows."""
        earlier = self.filter(Q(file_place__lt=place)).reverse() if place else self.none()
        return earlier.first_name(), self.filter(Q(file_place__gt=place or 0)).first_name()

    def neighbours_by_arrival(self, transient: Transient) -> Neighbours:
        """Return the names before and after this transient's by arrival, where it is not among the rows itself."""
        age, number = transient.created_at, transient.pk
        return self._newer(age, number).first_name(), self._older(age, number).first_name()

    def _newer(self, age: datetime, number: int) -> Self:
        rows = self.filter(Q(arrived_at__gt=age) | Q(id__gt=number), arrived_at__gte=age)
        return rows.order_by("arrived_at", "id")

    def _older(self, age: datetime, number: int) -> Self:
        return self.filter(Q(arrived_at__lt=age) | Q(id__lt=number), arrived_at__lte=age).newest_first()
