"""The queue over REST: saved filters, claims, counts and states."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User

from tests.api_client import API, session_client
from tests.factories import classified
from triage.models import Transient
from triage.review import claims

pytestmark = pytest.mark.django_db


def test_a_queue_filter_can_be_saved_under_a_name(ada: User, ben: User) -> None:
    kept = {"class_name": "TDE", "above": 60, "arrived_from": "2026-11-01", "mine": True, "state": "disputed"}
    saved = session_client(ada).post(f"{API}/queue/views/", {"name": "mine", "filter": kept}, format="json")
    assert saved.status_code == 201
    assert ada.saved_views.get().query == "?state=disputed&class=TDE&from=2026-11-01&above=60.0&mine=1"
    (row,) = session_client(ada).get(f"{API}/queue/views/").json()["results"]
    assert session_client(ada).get(f"{API}/queue/", row["filter"]).status_code == 200
    assert row["filter"] == {key: {True: "true", 60: "60.0"}.get(value, value) for key, value in kept.items()}
    assert session_client(ben).delete(f"{API}/queue/views/{row['id']}/").status_code == 404
    assert session_client(ada).delete(f"{API}/queue/views/{row['id']}/").status_code == 204
    assert not ada.saved_views.exists()


def test_a_claim_can_be_taken_taken_over_and_released(ada: User, ben: User) -> None:
    transient = classified(ada)
    assert session_client(ada).post(f"{API}/transients/X/claim/").json()["reviewer"] == "ada"
    assert session_client(ben).post(f"{API}/transients/X/claim/").json()["code"] == "claimed"
    taken = session_client(ben).post(f"{API}/transients/X/claim/", {"take_over": True}, format="json")
    assert (taken.status_code, taken.json()["reviewer"]) == (200, "ben")
    assert session_client(ben).delete(f"{API}/transients/X/claim/").status_code == 204
    assert claims.standing_claim(ada, transient) is None


def test_the_api_counts_the_queue_and_proposes_bulk_confirmations(ada: User) -> None:
    classified(ada)
    assert session_client(ada).get(f"{API}/queue/counts/").json()["pending"] == 1
    offered = session_client(ada).get(f"{API}/queue/bulk/?threshold=50").json()
    assert offered["last_decision"] == 0
    assert [row["transient"] for row in offered["results"]] in ([], ["X"])
    assert session_client(ada).get(f"{API}/queue/bulk/?threshold=1").status_code == 400


def test_the_api_names_the_queue_states_as_the_page_does(ada: User, ben: User) -> None:
    transient = classified(ada)
    claims.claim(ben, transient)
    for where in ("queue", "transients"):
        (row,) = session_client(ada).get(f"{API}/{where}/?state=in_review").json()["results"]
        assert row["state"] == "in_review"
        assert session_client(ada).get(f"{API}/{where}/?state=done").json()["results"] == []
    claims.release(ben, transient)
    sent = {"verdict": "override", "class_name": "TDE"}
    assert session_client(ada).post(f"{API}/transients/X/decisions/", sent, format="json").status_code == 201
    assert session_client(ada).get(f"{API}/queue/?state=in_review").json()["results"] == []
    for where, state in (("queue", "done"), ("transients", "done"), ("transients", "vetted")):
        (row,) = session_client(ada).get(f"{API}/{where}/?state={state}").json()["results"]
        assert row["state"] == "done"
    assert Transient.objects.count() == 1
