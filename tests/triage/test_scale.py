"""Queries that were taken apart to be quick say what the plain ones say."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product

import pytest
from django.contrib.auth.models import Group, User

from tests.conftest import spectrum_file
from triage import inference, paging
from triage.intake import Given, submit_spectrum
from triage.models import Spectrum, Transient
from triage.paging import CappedPaginator
from triage.querysets import WAITING
from triage.review import Proposal, record_decision
from triage.views.queue import counts

pytestmark = pytest.mark.django_db


@pytest.fixture
def readers(make_user: Callable[..., User]) -> list[User]:
    """A member of both groups, one of the first alone, and one of none, on a desk where everything occurs: public and
    private spectra, of the same transient too, each with no decision, a verdict, or called bad."""
    both, one, none = make_user("both", "a", "b"), make_user("one", "a"), make_user("none")
    groups = [None, *Group.objects.order_by("name")]
    seed = 0
    for number, (first, second) in enumerate(product(groups, [None, *groups])):
        for group in (first, second):
            seed += 1
            given = Given(transient=f"T{number}", group=group)
            submit_spectrum(both, spectrum_file(seed=seed), f"{seed}.txt", given)
    inference.process_queue()
    verdicts = ("override", "unsure", "bad_spectrum", "", "override")
    for spectrum in Spectrum.objects.select_related("transient").order_by("id"):
        verdict = verdicts[(spectrum.pk * 7) % len(verdicts)]
        if verdict and spectrum.transient is not None:
            name = "TDE" if verdict == "override" else ""
            record_decision(both, spectrum.transient, Proposal(verdict, class_name=name, spectrum=spectrum.pk))
    return [both, one, none]


def test_the_queue_found_by_joins_is_the_queue_that_the_annotations_tell(readers: list[User]) -> None:
    for user in readers:
        plain = Transient.objects.for_review(user)
        waiting = set(Transient.objects.awaiting_review(user).values_list("name", "uncertainty", "review_state"))
        assert waiting == set(plain.filter(WAITING).values_list("name", "uncertainty", "review_state"))
        assert counts(user)["pending"] == len(waiting)
        for state in ("done", "unsure", "bad_spectrum", "second_opinion", "disputed"):
            found = set(plain.standing_as(user, state).values_list("pk", flat=True))
            assert found == set(plain.filter(standing_state=state).values_list("pk", flat=True))
    assert len({Transient.objects.awaiting_review(user).count() for user in readers}) > 1


def test_long_lists_are_counted_only_so_far(reviewer: User, monkeypatch: pytest.MonkeyPatch) -> None:
    Transient.objects.bulk_create(Transient(name=f"T{i}") for i in range(5))
    rows = Transient.objects.order_by("name")
    assert (CappedPaginator(rows, 2).count, CappedPaginator(rows, 2).capped) == (5, False)
    monkeypatch.setattr(paging, "MOST", 4)
    page = CappedPaginator(rows, 2)
    assert (page.count, page.capped, page.num_pages) == (4, True, 2)
    assert [row.name for row in page.page(2)] == ["T2", "T3"]
    assert (CappedPaginator(rows, 2, known=9).count, CappedPaginator(rows, 2, known=9).capped) == (4, True)
