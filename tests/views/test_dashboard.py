"""The night and the agreement of reviewers, on their pages."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from tests.factories import classified_transients, override
from triage.models import Decision
from triage.review import decisions
from triage.review.proposal import Proposal

pytestmark = pytest.mark.django_db


def test_agreement_counts_transients_with_votes_of_two_reviewers(browser: Client, ada: User, ben: User) -> None:
    assert "No transient has votes of two reviewers" in browser.get(reverse("agreement")).content.decode()
    for number, transient in enumerate(classified_transients(ada, 4)):
        override(ada, transient, "SN Ia" if number < 2 else "AGN")
        if number != 3:
            override(ben, transient, "SN Ia")
    page = browser.get(reverse("agreement")).context
    (pair,) = page["pairs"]
    assert (pair.first, pair.second, pair.kappa.count) == ("ada", "ben", 3)
    assert pair.kappa.observed == pytest.approx(2 / 3)
    assert pair.kappa.value == pytest.approx(0.0)
    records = {record.reviewer: record for record in page["records"]}
    assert records["ada"].confusion == [("SN Ia", "AGN", 1)]
    assert records["ben"].agreed == records["ben"].count == 3


def test_agreement_counts_last_votes_that_were_not_undone_in_few_queries(
    browser: Client, ada: User, ben: User, make_user: Callable[..., User], django_assert_max_num_queries: Any
) -> None:
    transients = classified_transients(ada, 11)
    zoe = make_user("aaron")
    for transient in transients:
        override(ada, transient, "TDE")
        override(ada, transient, "AGN")
        override(zoe, transient, "AGN" if transient.name != "T3" else "SN II")
        override(ben, transient, "AGN" if transient.name != "T4" else "SN II")
    decisions.undo(ada, override(ada, transients[5], "LBV").pk)
    decisions.undo(ben, Decision.objects.filter(reviewer=ben, transient=transients[0]).get().pk)
    with django_assert_max_num_queries(7):
        answer = browser.get(reverse("agreement"))
    pairs = {(pair.first, pair.second): pair for pair in answer.context["pairs"]}
    assert {names: pair.kappa.count for names, pair in pairs.items()} == {
        ("aaron", "ada"): 11,
        ("aaron", "ben"): 10,
        ("ada", "ben"): 10,
    }
    assert pairs["aaron", "ada"].kappa.observed == pytest.approx(10 / 11)
    assert pairs["ada", "ben"].kappa.observed == pytest.approx(9 / 10)
    assert "too few" not in answer.content.decode()
    decisions.undo(ben, Decision.objects.filter(reviewer=ben, transient=transients[1]).get().pk)
    page = browser.get(reverse("agreement")).content.decode()
    assert page.count("too few (9)") == 2
    kappas = {tuple(row["reviewers"]): row["kappa"] for row in browser.get("/api/v1/agreement/").json()["pairs"]}
    assert kappas["ada", "ben"] is None
    assert kappas["aaron", "ada"] is not None


def test_the_dashboard_works_when_empty_and_counts_the_night(browser: Client, ada: User, ben: User) -> None:
    page = browser.get(reverse("night"))
    assert "Nothing to compare yet" in page.content.decode()
    assert browser.get(reverse("night-plots")).json() == {}
    transients = classified_transients(ada, 3)
    override(ada, transients[0], "AGN")
    decisions.record_decision(ben, transients[1], Proposal("confirm"))
    decisions.record_decision(ben, transients[2], Proposal("unsure"))
    found = browser.get(reverse("night")).context
    numbers = {name: found["numbers"][name] for name in ("arrived", "classified", "waiting", "vetted")}
    assert numbers == {"arrived": 3, "classified": 3, "waiting": 0, "vetted": 2}
    assert found["numbers"]["median_wait"].total_seconds() >= 0
    assert found["count"] == 2
    assert set(browser.get(reverse("night-plots")).json()) == {"reliability", "confusion"}
    assert browser.get(reverse("night"), {"class": "AGN"}).context["count"] == 1
    assert browser.get(reverse("night"), {"blind": "1"}).context["count"] == 0
    fragment = browser.get(reverse("night"), headers={"X-Fragment": "1"}).content.decode()
    assert "data-version" in fragment
    assert "<html" not in fragment
