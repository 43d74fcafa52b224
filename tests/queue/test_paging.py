"""Long lists are counted up to a limit."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from django.test import Client

from tests.factories import classified_transients
from triage.models import Transient
from triage.queue import paging
from triage.queue.paging import CappedPaginator
from triage.views import queue

pytestmark = pytest.mark.django_db


def test_long_lists_are_counted_up_to_a_limit(reviewer: User, monkeypatch: pytest.MonkeyPatch) -> None:
    Transient.objects.bulk_create(Transient(name=f"T{i}") for i in range(5))
    rows = Transient.objects.order_by("name")
    assert (CappedPaginator(rows, 2).count, CappedPaginator(rows, 2).capped) == (5, False)
    monkeypatch.setattr(paging, "MOST", 4)
    page = CappedPaginator(rows, 2)
    assert (page.count, page.capped, page.num_pages) == (4, True, 2)
    assert [row.name for row in page.page(2)] == ["T2", "T3"]
    assert (CappedPaginator(rows, 2, known=9).count, CappedPaginator(rows, 2, known=9).capped) == (4, True)
    assert [row.name for row in CappedPaginator(rows, 3, known=9).page(2)] == ["T3"]
    assert (CappedPaginator(rows, 2, most=3).count, CappedPaginator(rows, 2, most=3).capped) == (3, True)


def test_a_page_holds_the_rows_that_came_after_they_were_counted() -> None:
    Transient.objects.bulk_create(Transient(name=f"T{i}") for i in range(3))
    rows = Transient.objects.order_by("name")
    assert [row.name for row in CappedPaginator(rows, 2, known=0).page(1)] == ["T0", "T1"]
    assert [row.name for row in CappedPaginator(rows, 2, known=1).page(1)] == ["T0", "T1"]


def test_the_pages_of_a_filter_hold_its_first_rows(
    reviewer: User, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    client.force_login(reviewer)
    monkeypatch.setattr(queue, "MOST_SEARCHED", 2)
    classified_transients(reviewer, 4)
    shown = client.get("/?q=T").context["page"]
    assert (shown.paginator.count, shown.paginator.capped, len(shown.object_list)) == (2, True, 2)
    assert client.get("/").context["page"].paginator.count == 4
