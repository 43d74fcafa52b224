"""A spectrum that the network cannot classify says so on every page, with the reason, and is found by its state."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from django.utils.text import capfirst

from tests.api_client import API, session_client
from tests.factories import classify_all, reviewed, send
from triage.intake import quarantine
from triage.intake.submit import Given, submit_spectrum
from triage.models import Spectrum
from triage.queue.counts import counts
from triage.views.search import find

pytestmark = pytest.mark.django_db

# A spectrum in the infrared.
INFRARED = b"\n".join(b"%d %d" % (w, w % 17) for w in range(12_000, 24_000, 20))


@pytest.fixture
def infrared(reviewer: User) -> Spectrum:
    return submit_spectrum(reviewer, INFRARED, "nir.txt", Given(transient="X")).spectrum


def test_it_is_processing_until_the_network_has_tried_and_then_not_classified(
    infrared: Spectrum, reviewer: User
) -> None:
    assert reviewed(reviewer, "X").review_state == "processing"
    classify_all()
    assert reviewed(reviewer, "X").review_state == "failed"
    assert [hit.state for hit in find(reviewer, "X").hits] == ["not classified"]
    send(reviewer, "X", seed=2)
    assert reviewed(reviewer, "X").review_state == "processing"
    classify_all()
    assert reviewed(reviewer, "X").review_state == "pending"


def test_its_page_says_that_it_was_not_classified_and_why(infrared: Spectrum, reviewer: User, client: Client) -> None:
    classify_all()
    client.force_login(reviewer)
    page = client.get(reverse("review", args=["X"])).content.decode()
    infrared.refresh_from_db()
    assert "<h2>Not classified</h2>" in page
    assert f'<span title="insufficient_coverage">{capfirst(infrared.failure_reason)}.</span>' in page
    assert "data-reload" not in page


def test_it_is_found_by_its_state_on_the_page_and_over_rest(infrared: Spectrum, reviewer: User, client: Client) -> None:
    send(reviewer, "Y", seed=2)
    other = b"\n".join(b"%d %d" % (w, w % 13) for w in range(12_000, 23_000, 20))
    submit_spectrum(reviewer, other, "unnamed.txt", Given())
    classify_all()
    infrared.refresh_from_db()
    client.force_login(reviewer)
    rows = client.get(reverse("queue"), {"state": "failed"})
    assert [row.transient.name for row in rows.context["rows"]] == ["X"]
    assert [row.reason for row in rows.context["rows"]] == [infrared.failure_reason]
    assert counts(reviewer)["failed"] == 1
    found = session_client(reviewer).get(f"{API}/transients/?state=failed").json()["results"]
    assert [(row["name"], row["state"]) for row in found] == [("X", "failed")]
    quarantine.discard(reviewer, infrared)
    assert list(client.get(reverse("queue"), {"state": "failed"}).context["rows"]) == []
    assert counts(reviewer)["failed"] == 0
    assert session_client(reviewer).get(f"{API}/transients/?state=failed").json()["results"] == []
