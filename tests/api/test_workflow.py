"""Second opinions, claims, bulk confirmation, policies and agreement over REST."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User

from tests.api_client import API, session_client
from tests.factories import classified
from triage.models import Claim, Decision, ReviewPolicy, Spectrum, Transient
from triage.review import claims

pytestmark = pytest.mark.django_db


def decide(user: User, name: str, **sent: Any) -> Any:
    return session_client(user).post(
        f"{API}/transients/{name}/decisions/", {"verdict": "override", **sent}, format="json"
    )


def states(user: User) -> dict[str, str]:
    rows = session_client(user).get(f"{API}/transients/").json()["results"]
    return {row["name"]: row["review_state"] for row in rows}


def test_the_api_hides_the_first_vote_and_lets_a_dispute_be_settled(
    ada: User, ben: User, make_user: Callable[..., User]
) -> None:
    ReviewPolicy.objects.create(class_names=["TDE"])
    classified(ada)
    first = decide(ada, "X", class_name="TDE").json()
    assert first["needs_second"]
    assert states(ben) == {"X": "second_opinion"}
    shown = session_client(ben).get(f"{API}/transients/X/").json()
    assert shown["decisions"] == []
    assert (shown["predicted_class"], shown["uncertainty"], shown["fused"]) == (None, None, None)
    assert shown["spectra"][0]["prediction"] is None
    assert session_client(ben).get(f"{API}/spectra/{shown['spectra'][0]['id']}/").json()["prediction"] is None
    (row,) = session_client(ben).get(f"{API}/queue/?state=second_opinion").json()["results"]
    assert (row["prediction"], row["state"]) == (None, "second_opinion")
    assert session_client(ben).get(f"{API}/queue/?state=second_opinion&class_name=TDE").json()["results"] == []
    assert session_client(ada).get(f"{API}/transients/X/").json()["predicted_class"]
    assert decide(ben, "X", verdict="confirm").json()["code"] == "invalid_decision"
    second = decide(ben, "X", class_name="AGN").json()
    assert (second["blind"], second["decisions_seen"]) == (True, [])
    assert states(ben) == {"X": "disputed"}
    assert session_client(ada).get(f"{API}/classifications/").json()["results"] == []
    third = decide(make_user("cleo"), "X", class_name="AGN").json()
    assert third["settles"]
    assert third["decisions_seen"] == [first["id"], second["id"]]
    (vetted,) = session_client(ada).get(f"{API}/classifications/").json()["results"]
    assert (vetted["class_name"], vetted["reviewer"]) == ("AGN", "cleo")


def test_a_decision_on_a_transient_claimed_by_somebody_else_is_refused(ada: User, ben: User) -> None:
    claims.claim(ada, classified(ada))
    answer = decide(ben, "X", class_name="AGN")
    assert (answer.status_code, answer.json()["code"]) == (409, "claimed")
    Claim.objects.all().delete()
    assert decide(ben, "X", class_name="AGN").status_code == 201


def test_a_batch_can_be_confirmed_and_undone(ada: User, ben: User) -> None:
    for seed, name in enumerate("XY"):
        classified(ada, name, seed=seed)
    seen = {row.transient.name: row.current_prediction_id for row in Spectrum.objects.select_related("transient")}
    answer = session_client(ben).post(f"{API}/queue/bulk/", {"predictions": {**seen, "none": 1}}, format="json").json()
    assert sorted(answer["confirmed"]) == ["X", "Y"]
    assert [row["transient"] for row in answer["refused"]] == ["none"]
    assert set(states(ada).values()) == {"vetted"}
    assert session_client(ada).delete(f"{API}/batches/{answer['batch']}/").status_code == 404
    assert session_client(ben).delete(f"{API}/batches/{answer['batch']}/").json() == {"undone": 2}
    assert set(states(ada).values()) == {"pending"}
    for nonsense in ({}, {"predictions": {}}, {"predictions": {"X": "a"}}, {"predictions": [1]}):
        assert session_client(ben).post(f"{API}/queue/bulk/", nonsense, format="json").status_code == 400
    many = {"predictions": {f"T{number}": 1 for number in range(101)}}
    assert session_client(ben).post(f"{API}/queue/bulk/", many, format="json").json()["code"] == "invalid_action"


def test_everybody_can_read_a_policy_and_only_staff_can_set_it(ada: User) -> None:
    wanted = {"group": "ePESSTO", "class_names": ["TDE"], "below": 0.8}
    assert session_client(ada).put(f"{API}/policies/", wanted, format="json").status_code == 403
    ada.is_staff = True
    ada.save()
    rows = session_client(ada).put(f"{API}/policies/", wanted, format="json").json()
    assert rows == session_client(ada).get(f"{API}/policies/").json()
    assert rows[1] == {**wanted, "editable": True}
    assert rows[0]["group"] is None
    assert session_client(ada).put(f"{API}/policies/", {**wanted, "group": "other"}, format="json").status_code == 404
    assert (
        session_client(ada).put(f"{API}/policies/", {**wanted, "class_names": ["x"]}, format="json").status_code == 409
    )


def test_the_api_returns_the_numbers_of_the_agreement_and_the_night(ada: User, ben: User) -> None:
    assert session_client(ada).get(f"{API}/agreement/").json() == {"pairs": [], "reviewers": []}
    empty = session_client(ada).get(f"{API}/night/").json()
    assert (empty["arrived"], empty["median_wait"], empty["reliability"]) == (0, None, [])
    classified(ada)
    decide(ada, "X", class_name="AGN")
    decide(ben, "X", class_name="TDE")
    answer = session_client(ada).get(f"{API}/agreement/").json()
    assert answer["pairs"][0]["reviewers"] == ["ada", "ben"]
    assert answer["reviewers"][0]["confusion"] == [{"stands": "TDE", "said": "AGN", "count": 1}]
    night = session_client(ada).get(f"{API}/night/?since=all").json()
    assert (night["vetted"], night["by_class"][0]["name"], night["by_class"][0]["right"]) == (1, "TDE", 0)
    assert night["reliability"][0]["count"] == 1


def test_the_api_accepts_the_queue_filters_of_the_page(ada: User) -> None:
    for seed, name in enumerate("XY"):
        classified(ada, name, seed=seed)
    surest = Transient.objects.for_review(ada).order_by("uncertainty").first()
    assert surest is not None

    def names(query: str) -> list[str]:
        return [row["transient"] for row in session_client(ada).get(f"{API}/queue/?{query}").json()["results"]]

    assert names(f"above={100 * (1 - surest.uncertainty) - 1e-6}") == [surest.name]
    assert names("q=x") == ["X"]
    assert session_client(ada).get(f"{API}/queue/?state=vetted").status_code == 400
    assert len(names("fields=transient&arrived_from=2026-01-01")) == 2
    decide(ada, "X", verdict="unsure")
    assert names("state=unsure") == ["X"]


def confirm_together(user: User) -> dict[str, Any]:
    """Confirm in bulk as a script does that does not send which decisions it has seen."""
    spectra = Spectrum.objects.filter(transient__isnull=False).select_related("transient")
    predictions = {
        spectrum.transient.name: spectrum.current_prediction_id for spectrum in spectra if spectrum.transient
    }
    answer = session_client(user).post(f"{API}/queue/bulk/", {"predictions": predictions}, format="json")
    assert answer.status_code == 200
    body: dict[str, Any] = answer.json()
    return body


def test_a_bulk_confirmation_whose_answer_was_lost_is_recorded_once(ada: User) -> None:
    for seed, name in enumerate("XYZ", start=1):
        classified(ada, name, seed=seed)
    first, again = confirm_together(ada), confirm_together(ada)
    assert first == again
    assert sorted(first["confirmed"]) == ["X", "Y", "Z"]
    assert Decision.objects.count() == 3
    session_client(ada).delete(f"{API}/batches/{first['batch']}/")
    # Sending the batch again after an undo is a new decision.
    assert confirm_together(ada)["batch"] != first["batch"]
    assert Decision.objects.count() == 9


def test_a_repeated_bulk_confirmation_does_not_override_a_later_decision(ada: User, ben: User) -> None:
    classified(ada)
    confirm_together(ada)
    decide(ben, "X", class_name="AGN")
    again = confirm_together(ada)
    assert again["confirmed"] == []
    assert "ben decided while you looked" in again["refused"][0]["detail"]
    assert Decision.objects.count() == 2
