"""The digest of a night over REST: the same as the page, and seen by nobody else."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.utils import timezone

from tests.api_client import API, session_client
from tests.factories import classified, override
from triage.export.night import Night
from triage.models import Prediction, ReviewPolicy, Spectrum

pytestmark = pytest.mark.django_db


def tonight() -> str:
    return (timezone.now() - timedelta(hours=12)).date().isoformat()


def digest(user: User, date: str = "") -> Any:
    return session_client(user).get(f"{API}/night/digest/", {"date": date or tonight()}).json()


def test_the_digest_holds_what_came_was_vetted_and_is_rare(ada: User) -> None:
    vetted = classified(ada, "X", redshift=0.03, instrument="EFOSC2")
    classified(ada, "Y", seed=2)
    Prediction.objects.filter(spectrum__transient__name="Y").update(class_name="SLSN-II", novelty=0.1)
    override(ada, vetted, "AGN")
    body = digest(ada)
    assert (body["date"], body["begin"], body["count"]) == (tonight(), f"{tonight()}T12:00:00.000000Z", 2)
    assert {"name": "SLSN-II", "count": 1} in body["arrived"]
    (row,) = body["vetted"]
    assert (row["transient"], row["class_name"], row["redshift"]) == ("X", "AGN", 0.03)
    assert (row["instrument"], row["observed_at"]) == ("EFOSC2", None)
    rare = next(row for row in body["rare"] if row["transient"] == "Y")
    assert (rare["predicted_class"], rare["reason"], rare["vetted_class"]) == ("SLSN-II", "SLSN-II is rare", None)


def test_the_digest_tells_nothing_that_its_reader_may_not_see(ada: User, ben: User) -> None:
    group = Group.objects.get(name="ePESSTO")
    override(ada, classified(ada, "secret", group=group), "AGN")
    ReviewPolicy.objects.create(class_names=["TDE"])
    override(ada, classified(ada, "open", seed=2), "TDE")
    body = digest(ben)
    assert (body["arrived"], body["vetted"], body["rare"]) == ([{"name": "hidden until your vote", "count": 1}], [], [])
    assert body["waiting"] == [{"transient": "open", "state": "second_opinion", "yours": True}]
    assert [row["transient"] for row in digest(ada)["vetted"]] == ["secret"]


def test_without_a_date_the_digest_is_that_of_the_last_night_until_something_comes_in_the_running_one(
    ada: User,
) -> None:
    def default() -> Any:
        return session_client(ada).get(f"{API}/night/digest/").json()

    body = default()
    assert body["date"] == str(Night.last_ended())
    assert (body["count"], body["arrived"], body["waiting"]) == (0, [], [])
    classified(ada, "X")
    body = default()
    assert (body["date"], body["count"]) == (str(Night.running()), 1)
    Spectrum.objects.update(created_at=Night.last_ended().start)
    body = default()
    assert (body["date"], body["count"]) == (str(Night.last_ended()), 1)


@pytest.mark.parametrize("date", ["yesterday", "2026-13-01", "1999-01-01", "2999-01-01"])
def test_a_night_that_is_none_is_refused(ada: User, date: str) -> None:
    answer = session_client(ada).get(f"{API}/night/digest/", {"date": date})
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid")
    assert "a night that has begun" in str(answer.json())
