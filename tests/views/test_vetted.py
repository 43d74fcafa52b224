"""The list of vetted classifications: filters, order, and downloads that have the same filters."""

from __future__ import annotations

import re
from datetime import UTC, datetime

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from tests.factories import spectrum_file
from triage.inference import worker
from triage.intake.submit import Given, submit_spectrum
from triage.models import Classification, Decision, Transient
from triage.review.decisions import record_decision
from triage.review.proposal import Proposal

pytestmark = pytest.mark.django_db

VETTED = {"SN2026b": ("AGN", 0.3, 3), "SN2026a": ("TDE", 0.1, 9), "ZTF26c": ("LBV", None, 5)}


@pytest.fixture
def page(client: Client, reviewer: User) -> Client:
    """Return a client that sees three real classifications and a simulated one, decided on different days."""
    for number, name in enumerate([*VETTED, "SIM1"]):
        given = Given(transient=name, simulated=name == "SIM1")
        submit_spectrum(reviewer, spectrum_file(seed=number), f"{name}.txt", given)
    worker.process_backlog()
    for name, (class_name, redshift, day) in {**VETTED, "SIM1": ("Nova", 0.0, 7)}.items():
        transient = Transient.objects.get(name=name)
        record_decision(reviewer, transient, Proposal("override", class_name=class_name, redshift=redshift))
        Classification.objects.filter(transient=transient).update(decided_at=datetime(2026, 11, day, 4, tzinfo=UTC))
    client.force_login(reviewer)
    return client


def names(page: Client, **query: str) -> list[str]:
    shown = page.get(reverse("vetted"), query).content.decode()
    return re.findall(r'<td>\s*<a href="/transients/[^"/]*/">([^<]+)</a>', shown)


def test_the_newest_come_first(page: Client) -> None:
    assert names(page) == ["SN2026a", "ZTF26c", "SN2026b"]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({"name": "sn2026"}, ["SN2026a", "SN2026b"]),
        ({"class": "LBV"}, ["ZTF26c"]),
        ({"since": "2026-11-05", "until": "2026-11-05"}, ["ZTF26c"]),
        ({"since": "2026-11-04"}, ["SN2026a", "ZTF26c"]),
        ({"reviewer": "nobody"}, []),
    ],
)
def test_the_list_is_narrowed_by_name_class_day_and_reviewer(
    page: Client, query: dict[str, str], found: list[str]
) -> None:
    assert names(page, **query) == found


def test_a_redshift_stands_with_its_error(page: Client) -> None:
    seen = Decision.objects.get(transient__name="ZTF26c").prediction_seen
    seen |= {"known_redshift": 0.0312, "known_redshift_error": 0.0004, "known_redshift_origin": "host"}
    Decision.objects.filter(transient__name="ZTF26c").update(prediction_seen=seen)
    assert "0.0312 ± 0.0004" in page.get(reverse("vetted")).content.decode()


@pytest.mark.parametrize("text", ["28/11/2026", "2026-13-45", "yesterday"])
@pytest.mark.parametrize("name", ["since", "until"])
def test_a_text_that_is_no_day_is_refused_with_the_format(page: Client, name: str, text: str) -> None:
    answer = page.get(reverse("vetted"), {name: text})
    assert answer.status_code == 400
    assert f"“{text}” is no day. Write days year first, such as 2026-11-05." in answer.content.decode()
    assert names(page, **{name: text}) == []


@pytest.mark.parametrize(
    ("sort", "first"),
    [("name", "SN2026a"), ("-name", "ZTF26c"), ("class", "SN2026b"), ("redshift", "SN2026a"), ("-redshift", "SN2026b")],
)
def test_a_column_sorts_the_list_both_ways_and_says_so(page: Client, sort: str, first: str) -> None:
    assert names(page, sort=sort)[0] == first
    shown = page.get(reverse("vetted"), {"sort": sort}).content.decode()
    assert f'aria-sort="{"descending" if sort.startswith("-") else "ascending"}"' in shown


def test_the_downloads_have_the_filters_of_the_page(page: Client) -> None:
    shown = page.get(reverse("vetted"), {"name": "sn2026", "since": "2026-11-04"}).content.decode()
    address = re.search(r'href="([^"]*format=csv[^"]*)"', shown)
    assert address is not None
    table = b"".join(page.get(address[1].replace("&amp;", "&")).streaming_content).decode()  # type: ignore[attr-defined]
    assert "SN2026a" in table
    assert not any(name in table for name in ("SN2026b", "ZTF26c", "SIM1"))
    assert Decision.objects.count() == 4


def test_the_api_refuses_filters_that_it_cannot_apply(page: Client) -> None:
    assert page.get("/api/v1/classifications/", {"simulated": "perhaps"}).status_code == 400
    refused = page.get("/api/v1/classifications/", {"until": "soon"})
    assert (refused.status_code, list(refused.json()["fields"])) == (400, ["until"])
    assert page.get("/api/v1/classifications/", {"since": "c0", "until": "2026-11-05"}).status_code == 400
    rows = page.get("/api/v1/classifications/", {"simulated": "true"}).json()["results"]
    assert [row["transient"] for row in rows] == ["SIM1"]
