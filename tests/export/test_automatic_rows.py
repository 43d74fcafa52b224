"""Export of what policies classified: only on request, and marked."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from typing import Any

import pytest
from astropy.io.votable import parse_single_table
from django.contrib.auth.models import Group, User

from tests.api_client import API, client_of, text_of
from tests.factories import override
from tests.review.lane.desk import keeper, predicted, switched_on
from triage.export.classifications import COLUMNS
from triage.intake.facts import correct_spectrum
from triage.models import Transient
from triage.review import lane

pytestmark = pytest.mark.django_db


@pytest.fixture
def ada(make_user: Callable[..., User]) -> User:
    return keeper(make_user)


@pytest.fixture
def ben(make_user: Callable[..., User]) -> User:
    return make_user("ben")


@pytest.fixture(autouse=True)
def desk(ada: User, ben: User) -> None:
    """Make a desk with one transient that a person vetted, one of a public and one of a group's policy."""
    override(ben, predicted(ada, "VETTED", 1), "TDE")
    switched_on(ada)
    switched_on(ada, "ePESSTO")
    predicted(ada, "PUBLIC", 2)
    predicted(ada, "PRIVATE", 3, Group.objects.get(name="ePESSTO"))
    assert lane.run_policies() == 2


def rows(user: User, **query: Any) -> list[dict[str, Any]]:
    found, page = [], client_of(user).get(f"{API}/classifications/", query).json()
    found += page["results"]
    while page["next"]:
        page = client_of(user).get(page["next"]).json()
        found += page["results"]
    return found


def test_the_export_holds_what_people_vetted_as_ever(ben: User) -> None:
    answer = client_of(ben).get(f"{API}/classifications/")
    assert [tuple(row) for row in answer.json()["results"]] == [COLUMNS]
    assert answer.json()["results"][0]["transient"] == "VETTED"
    assert answer.json()["next"] is None
    table = text_of(client_of(ben).get(f"{API}/classifications/?format=csv")).splitlines()
    assert (table[0], len(table)) == (",".join(COLUMNS), 2)


def test_automatic_rows_are_added_on_request_and_marked(ben: User) -> None:
    vetted, automatic = rows(ben, automatic="include")
    assert (vetted["transient"], vetted["automatic"], vetted["conditions"]) == ("VETTED", False, None)
    assert (vetted["reviewer"], vetted["verdict"]) == ("ben", "override")
    assert (automatic["transient"], automatic["class_name"], automatic["automatic"]) == ("PUBLIC", "SN Ia", True)
    assert automatic["id"] is automatic["reviewer"] is automatic["verdict"] is None
    assert automatic["conditions"] == (
        "SN Ia; probability at least 98 %, the 90 % set holds the class alone, the best template agrees."
    )
    assert (automatic["predicted_class"], automatic["predicted_probability"]) == ("SN Ia", 0.99)
    assert automatic["checkpoint"] == vetted["checkpoint"]
    assert [row["transient"] for row in rows(ben, automatic="only")] == ["PUBLIC"]


def test_tables_hold_them_too(ben: User) -> None:
    address = f"{API}/classifications/?automatic=include&format="
    read = list(csv.DictReader(io.StringIO(text_of(client_of(ben).get(f"{address}csv")))))
    assert [(row["transient"], row["automatic"]) for row in read] == [("VETTED", "False"), ("PUBLIC", "True")]
    table = parse_single_table(io.BytesIO(text_of(client_of(ben).get(f"{address}votable")).encode()))
    assert list(table.array["automatic"]) == [False, True]
    assert all(field.description for field in table.fields)


def test_a_groups_automatic_rows_are_for_its_members(ada: User, ben: User) -> None:
    assert {row["transient"]: row["group"] for row in rows(ada, automatic="only")} == {
        "PUBLIC": None,
        "PRIVATE": "ePESSTO",
    }
    assert "PRIVATE" not in str(rows(ben, automatic="include"))


def test_a_persons_verdict_takes_the_place_of_the_automatic_row(ada: User, ben: User) -> None:
    override(ben, Transient.objects.get(name="PUBLIC"), "SN II")
    assert rows(ben, automatic="only") == []
    assert {row["transient"]: row["class_name"] for row in rows(ben)} == {"VETTED": "TDE", "PUBLIC": "SN II"}


def test_a_transient_that_two_policies_classified_has_one_row_and_none_while_it_waits(ada: User, ben: User) -> None:
    group = Group.objects.get(name="ePESSTO")
    predicted(ada, "BOTH", 4)
    predicted(ada, "BOTH", 5, group)
    lane.run_policies()
    assert len(rows(ada, automatic="only", transient="BOTH")) == len(rows(ben, automatic="only", transient="BOTH")) == 1
    predicted(ada, "HALF", 6, uncertainty=0.3)
    predicted(ada, "HALF", 7, group)
    lane.run_policies()
    assert rows(ada, automatic="only", transient="HALF") == []


def test_a_spectrum_that_becomes_private_takes_its_automatic_row_along(ada: User, ben: User) -> None:
    spectrum = Transient.objects.get(name="PUBLIC").spectra.get()
    correct_spectrum(ada, spectrum, {"group": Group.objects.get(name="ePESSTO")})
    assert "PUBLIC" not in str(rows(ben, automatic="include"))


def test_filters_narrow_automatic_rows(ada: User) -> None:
    assert len(rows(ada, automatic="only", name="priv")) == 1
    for query in ({"class_name": "TDE"}, {"reviewer": "ben"}, {"until": "2020-01-01"}, {"simulated": True}):
        assert rows(ada, automatic="only", **query) == []
    assert client_of(ada).get(f"{API}/classifications/?automatic=yes").status_code == 400
    assert client_of(ada).get(f"{API}/classifications/?automatic=include&since=c0").status_code == 400


def test_a_page_takes_as_many_queries_for_many_automatic_rows_as_for_one(
    ada: User, django_assert_max_num_queries: Any
) -> None:
    with django_assert_max_num_queries(9) as captured:
        rows(ada, automatic="only", name="PUBLIC")
    for seed in (11, 12, 13):
        predicted(ada, f"PUBLIC{seed}", seed)
    lane.run_policies()
    with django_assert_max_num_queries(len(captured)):
        assert len(rows(ada, automatic="only", name="PUBLIC")) == 4
