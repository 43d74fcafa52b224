"""The fast queries for the queue agree with the plain annotations."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product

import pytest
from django.contrib.auth.models import Group, User

from tests.factories import spectrum_file
from triage.inference import worker
from triage.intake.submit import Given, submit_spectrum
from triage.models import Spectrum, Transient
from triage.models.transient_queries import WAITING
from triage.queue.counts import counts
from triage.review.decisions import record_decision
from triage.review.proposal import Proposal

pytestmark = pytest.mark.django_db


@pytest.fixture
def readers(make_user: Callable[..., User]) -> list[User]:
    """Return a member of both groups, a member of the first one, and a user without a group.

    The desk has public and private spectra, also of the same transient; some have a decision, some were called bad.
    """
    both, one, none = make_user("both", "a", "b"), make_user("one", "a"), make_user("none")
    groups = [None, *Group.objects.order_by("name")]
    seed = 0
    for number, (first, second) in enumerate(product(groups, [None, *groups])):
        for group in (first, second):
            seed += 1
            given = Given(transient=f"T{number}", group=group)
            submit_spectrum(both, spectrum_file(seed=seed), f"{seed}.txt", given)
    worker.process_backlog()
    verdicts = ("override", "unsure", "bad_spectrum", "", "override")
    for spectrum in Spectrum.objects.select_related("transient").order_by("id"):
        verdict = verdicts[(spectrum.pk * 7) % len(verdicts)]
        if verdict and spectrum.transient is not None:
            name = "TDE" if verdict == "override" else ""
            record_decision(both, spectrum.transient, Proposal(verdict, class_name=name, spectrum=spectrum.pk))
    return [both, one, none]


def test_the_queue_found_by_joins_agrees_with_the_annotations(readers: list[User]) -> None:
    for user in readers:
        plain = Transient.objects.for_review(user)
        waiting = {(row.name, row.uncertainty, row.review_state) for row in Transient.objects.awaiting_review(user)}
        assert waiting == {(row.name, row.uncertainty, row.review_state) for row in plain.filter(WAITING)}
        assert counts(user)["pending"] == len(waiting)
        for state in ("done", "unsure", "bad_spectrum", "second_opinion", "disputed"):
            found = set(plain.with_outcome(user, state).values_list("pk", flat=True))
            assert found == set(plain.filter(standing_state=state).values_list("pk", flat=True))
    assert len({Transient.objects.awaiting_review(user).count() for user in readers}) > 1
