"""The search finds transients by any name in any state, for those who may know them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.test import Client

from tests.factories import classified, spectrum_file
from triage.intake.submit import Given, submit_spectrum
from triage.models import OtherName, Transient
from triage.review.decisions import record_decision
from triage.review.proposal import Proposal

pytestmark = pytest.mark.django_db


def hits(client: Client, text: str) -> list[dict[str, Any]]:
    answer = client.get("/search/", {"q": text}, headers={"X-Fragment": "1"})
    found: list[dict[str, Any]] = answer.json()["hits"]
    return found


def test_a_vetted_transient_is_found_by_a_part_of_another_name(reviewer: User, client: Client) -> None:
    transient = classified(reviewer, "SN 2026abc")
    OtherName.objects.create(transient=transient, name="ZTF26aaaaaaa")
    record_decision(reviewer, transient, Proposal("override", class_name="TDE"))
    client.force_login(reviewer)
    (hit,) = hits(client, "ztf26")
    assert (hit["name"], hit["also"], hit["state"], hit["class_name"]) == ("SN 2026abc", "ZTF26aaaaaaa", "done", "TDE")
    assert b"SN 2026abc" in client.get("/search/", {"q": "ztf26"}).content


def test_another_spelling_of_a_name_leads_to_the_transient(reviewer: User, client: Client) -> None:
    classified(reviewer, "SN 2026abc")
    client.force_login(reviewer)
    assert [hit["name"] for hit in hits(client, "at2026abc")] == ["SN 2026abc"]
    assert client.get("/search/", {"q": "2026ABC"})["Location"] == "/transients/SN%202026abc/"


def test_strangers_find_nothing_private(make_user: Callable[..., User], client: Client) -> None:
    owner = make_user("owner", "a")
    given = Given(transient="SN 2026abc", group=Group.objects.get(name="a"))
    submit_spectrum(owner, spectrum_file(), "a.txt", given)
    client.force_login(make_user("stranger"))
    assert hits(client, "2026abc") == []
    assert b"No transient" in client.get("/search/", {"q": "2026abc"}).content
    client.force_login(owner)
    assert len(hits(client, "2026abc")) == 1


def test_the_search_asks_a_constant_number_of_queries(
    reviewer: User, client: Client, django_assert_max_num_queries: Any
) -> None:
    for number in range(8):
        submit_spectrum(reviewer, spectrum_file(seed=number), f"{number}.txt", Given(transient=f"SN 2026ab{number}"))
    assert Transient.objects.count() == 8
    client.force_login(reviewer)
    with django_assert_max_num_queries(10):
        assert len(hits(client, "2026ab")) == 8
