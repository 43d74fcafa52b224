"""Automatic policies and dry runs over REST."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import User

from tests.api_client import API, session_client
from tests.factories import classified, override
from triage.models import AutomaticPolicy, Prediction

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
