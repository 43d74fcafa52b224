"""Automatic policies and dry runs over REST."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import User

from tests.api_client import API, session_client
from tests.factories import classified, override
from tests.review.lane.desk import drawn, predicted, switched_on
from triage.models import AutomaticPolicy, Prediction
from triage.review import lane

pytestmark = pytest.mark.django_db
LOOSE = {"class_names": ["SN Ia"], "probability": 0.5, "template_agrees": False, "set_of_one": False}


def send(user: User, method: str, address: str, sent: dict[str, Any]) -> Any:
    return getattr(session_client(user), method)(f"{API}/policies/automatic/{address}", sent, format="json")


def test_everybody_can_read_an_automatic_policy_and_only_staff_can_set_it(ada: User) -> None:
    rows = session_client(ada).get(f"{API}/policies/automatic/").json()
    assert [(row["group"], row["class_names"], row["editable"]) for row in rows] == [
        (None, [], False),
        ("ePESSTO", [], False),
    ]
    assert send(ada, "put", "", {**LOOSE, "group": "ePESSTO"}).json()["code"] == "not_yours"
    ada.is_staff = True
    ada.save()
    rows = send(ada, "put", "", {**LOOSE, "group": "ePESSTO"}).json()
    assert rows == session_client(ada).get(f"{API}/policies/automatic/").json()
    assert rows[1] == {
        **LOOSE,
        "group": "ePESSTO",
        "novelty": None,
        "signal_to_noise": None,
        "share_for_people": 0.05,
        "allowed_false_rate": 0.01,
        "editable": True,
        "on": False,
        "run": None,
    }
    assert send(ada, "put", "", {**LOOSE, "group": "other"}).status_code == 404
    assert send(ada, "put", "", {**LOOSE, "class_names": ["x"]}).status_code == 409


def test_a_dry_run_of_a_policy_that_is_not_stored_lists_the_disagreements(ada: User) -> None:
    transient = classified(ada)
    Prediction.objects.update(class_name="SN Ia", uncertainty=0.25)
    override(ada, transient, "TDE")
    answer = send(ada, "post", "dry_run/", LOOSE).json()
    assert answer["disagreements"] == [
        {
            "transient": "X",
            "spectrum": transient.spectra.get().pk,
            "class_name": "SN Ia",
            "probability": 0.75,
            "decided": "TDE",
        }
    ]
    assert answer["by_class"] == [{"class_name": "SN Ia", "passed": 1, "decided": 1, "disagreed": 1}]
    assert (answer["passed"], answer["decided"], answer["disagreed"], answer["false_rate"]) == (1, 1, 1, 1.0)
    assert answer["interval"] == pytest.approx([0.2065, 1.0], abs=1e-4)
    assert (answer["within_allowed"], answer["simulated"], answer["for_people"]) == (False, False, 0)
    assert not AutomaticPolicy.objects.exists()


def test_a_dry_run_refuses_other_groups_and_impossible_bounds(ada: User, ben: User) -> None:
    assert send(ben, "post", "dry_run/", {**LOOSE, "group": "ePESSTO"}).status_code == 404
    assert send(ada, "post", "dry_run/", {**LOOSE, "probability": 98}).json()["code"] == "invalid_action"
    assert send(ada, "post", "dry_run/", {}).status_code == 400


def test_who_keeps_a_policy_switches_it_on_and_off(ada: User, ben: User) -> None:
    classified(ada)
    ada.is_staff = True
    ada.save()
    assert send(ada, "post", "switch/", {"on": True, "trial": 5}).json()["detail"] == "keep a policy first"
    send(ada, "put", "", LOOSE)
    assert send(ben, "post", "switch/", {"on": True, "trial": 5}).status_code == 403
    assert send(ada, "post", "switch/", {"on": True}).json()["code"] == "invalid_action"
    assert send(ada, "post", "switch/", {"on": True, "trial": 0}).status_code == 400
    public, of_group = send(ada, "post", "switch/", {"on": True, "trial": 5}).json()
    assert (public["on"], of_group["on"], of_group["run"]) == (True, False, None)
    assert (public["run"]["limit"], public["run"]["began_by"], public["run"]["ended_at"]) == (5, "ada", None)
    assert (public["run"]["classified"], public["run"]["interval"], public["run"]["bound"]) == (0, None, None)
    off = send(ada, "post", "switch/", {"on": False}).json()[0]
    assert (off["on"], off["run"]["reason"]) == (False, "It was switched off.")


def test_the_queue_lists_automatic_transients_only_if_asked(ada: User, ben: User) -> None:
    classified(ada, "EARLY", 9)
    ada.is_staff = True
    ada.save()
    switched_on(ada)
    predicted(ada, "X")
    lane.run_policies()
    client = session_client(ben)
    assert [row["transient"] for row in client.get(f"{API}/queue/").json()["results"]] == ["EARLY"]
    (row,) = client.get(f"{API}/queue/?state=automatic").json()["results"]
    assert (row["transient"], row["state"]) == ("X", "automatic")
    assert client.get(f"{API}/queue/counts/").json()["automatic"] == 1
    assert client.get(f"{API}/night/").json()["automatic"] == 1
    assert [row["name"] for row in client.get(f"{API}/transients/?state=automatic").json()["results"]] == ["X"]


def test_the_prediction_of_a_drawn_transient_is_hidden_until_somebody_votes(
    ada: User, ben: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    classified(ada, "EARLY", 9)
    ada.is_staff = True
    ada.save()
    drawn(monkeypatch, "X")
    switched_on(ada)
    transient = predicted(ada, "X")
    lane.run_policies()
    client = session_client(ben)
    addresses = ("transients/X/", "spectra/?transient=X", "queue/?q=X")
    assert not any("SN Ia" in client.get(f"{API}/{address}").content.decode() for address in addresses)
    override(ada, transient, "SN Ia")
    assert all("SN Ia" in client.get(f"{API}/{address}").content.decode() for address in addresses[:2])
