"""Claims, blind votes, saved views, agreement and the night on the desk's pages, without a browser."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from tests.factories import classified_transients, classify_all, override, queries, reviewed, send
from triage.models import Claim, Classification, Decision, ReviewPolicy, SavedView, Spectrum, Transient
from triage.queue.filters import QueueFilter
from triage.review import claims

pytestmark = pytest.mark.django_db
AHEAD = {"X-Ahead": "1"}


def page_of(browser: Client, name: str, **more: Any) -> str:
    return browser.get(reverse("review", args=[name]), **more).content.decode()


def test_opening_a_page_claims_the_transient_and_prefetching_does_not(browser: Client, ada: User) -> None:
    classified_transients(ada, 1)
    page_of(browser, "T0", headers=AHEAD)
    assert not Claim.objects.exists()
    page_of(browser, "T0")
    assert Claim.objects.get().reviewer.username == "ben"
    browser.post(reverse("claim", args=["T0"]), {"act": "release"})
    assert not Claim.objects.exists()


def test_a_second_reviewer_is_told_and_refused_until_taking_over(browser: Client, ada: User) -> None:
    (transient,) = classified_transients(ada, 1)
    claims.claim(ada, transient)
    assert "has been looking at this" in page_of(browser, "T0")
    assert "ada is looking" in browser.get(reverse("queue")).content.decode()
    assert "ada is looking" in browser.get(reverse("queue"), {"state": "in_review"}).content.decode()
    sent = {"verdict": "unsure", "comment": "keep me"}
    answer = browser.post(reverse("decide", args=["T0"]), sent)
    assert answer.status_code == 409
    assert "ada has been looking" in answer.content.decode()
    assert "keep me" in answer.content.decode()
    assert not Decision.objects.exists()
    answer = browser.post(reverse("claim", args=["T0"]), {"act": "take"})
    assert answer["Location"] == reverse("review", args=["T0"])
    assert browser.post(reverse("decide", args=["T0"]), sent).status_code == 302
    assert not Claim.objects.exists()


def test_opening_a_finished_transient_does_not_claim_it(browser: Client, ada: User) -> None:
    (transient,) = classified_transients(ada, 1)
    override(ada, transient, "AGN")
    page_of(browser, "T0")
    assert not Claim.objects.exists()


@pytest.fixture
def voted(ada: User) -> Transient:
    """Return a transient with one vote for TDE that needs a second opinion."""
    ReviewPolicy.objects.create(class_names=["TDE"])
    (transient,) = classified_transients(ada, 1)
    override(ada, transient, "TDE")
    return transient


def test_a_blind_page_shows_neither_prediction_nor_vote(browser: Client, voted: Transient) -> None:
    prediction = Spectrum.objects.get().current_prediction
    assert prediction is not None
    page = page_of(browser, "T0")
    assert "A second opinion is wanted" in page
    # The list of suggestions names every class and marks none.
    told = page.split('<datalist id="class-names">')[0] + page.split("</datalist>")[1]
    for word in (
        "TDE",
        "ada",
        f">{prediction.class_name}<",
        "Confirm",
        "data-probability",
        prediction.checkpoint.hash[:10],
    ):
        assert word not in told, word
    plot = browser.get(reverse("plot", args=["T0"]), {"template": "1"}).content.decode()
    assert "template: " not in plot
    if prediction.redshift is not None:
        assert f"{prediction.redshift:.4f}" not in plot


@pytest.mark.parametrize("query", ["?state=second_opinion", "?state=all"])
def test_a_blind_row_shows_neither_and_cannot_be_filtered_by_them(
    browser: Client, voted: Transient, query: str
) -> None:
    prediction = Spectrum.objects.get().current_prediction
    assert prediction is not None
    rows = browser.get(reverse("queue") + query, headers={"X-Fragment": "1"}).content.decode()
    assert "yours is wanted" in rows
    assert "TDE" not in rows
    assert prediction.class_name not in rows
    for narrowed in (f"&class={prediction.class_name}", "&class=TDE", "&above=0", "&below=100"):
        found = browser.get(reverse("queue") + query + narrowed, headers={"X-Fragment": "1"}).content.decode()
        assert "T0" not in found


def test_the_reviewers_own_vote_reveals_the_first_and_a_different_one_opens_a_dispute(
    browser: Client, voted: Transient, make_user: Callable[..., User]
) -> None:
    browser.post(reverse("decide", args=["T0"]), {"verdict": "override", "class_name": "AGN"})
    page = page_of(browser, "T0")
    assert "ada says" in page
    assert "A third reviewer or staff must settle it" in page
    browser.post(reverse("claim", args=["T0"]), {"act": "release"})
    third = Client()
    third.force_login(make_user("cleo"))
    listed = third.get(reverse("queue"), {"state": "disputed"}).content.decode()
    assert "T0" in listed
    assert "Your verdict settles it" in page_of(third, "T0")
    third.post(reverse("decide", args=["T0"]), {"verdict": "override", "class_name": "AGN"})
    row = Classification.objects.get()
    assert (row.state, row.decision.settles, row.decision.class_name) == ("done", True, "AGN")


def test_next_skips_second_opinions_that_are_already_given(browser: Client, ada: User, ben: User) -> None:
    ReviewPolicy.objects.create(below=1.0)
    for transient in classified_transients(ada, 3):
        override(ada, transient, "TDE")
    chosen = QueueFilter(state="second_opinion")
    names = [row.name for row in chosen.rows(ben)]
    answer = browser.post(
        reverse("decide", args=[names[0]]) + chosen.query, {"verdict": "override", "class_name": "TDE"}
    )
    assert answer["Location"] == reverse("review", args=[names[1]]) + chosen.query
    assert chosen.following(ada, reviewed(ada, names[1])) is None


def test_a_filtered_queue_shows_how_many_of_all_match(browser: Client, ada: User) -> None:
    classified_transients(ada, 3)
    for headers in ({}, {"X-Fragment": "1"}):
        page = browser.get(reverse("queue"), {"q": "t1"}, headers=headers).content.decode()
        assert "1 of 3 matches" in page
    assert 'class="matched' not in browser.get(reverse("queue")).content.decode()
    assert queries(browser, f"{reverse('queue')}?q=t1") == queries(browser, f"{reverse('queue')}?q=t")


def test_the_users_own_claim_is_marked_only_in_the_in_review_list(browser: Client, ada: User) -> None:
    classified_transients(ada, 1)
    page_of(browser, "T0")
    assert "you are looking" not in browser.get(reverse("queue")).content.decode()
    assert "you are looking" in browser.get(reverse("queue"), {"state": "in_review"}).content.decode()


def test_a_finished_row_says_vetted_once_and_gives_the_prediction(browser: Client, ada: User) -> None:
    first, second, *_ = classified_transients(ada, 2)
    override(ada, first, "AGN")
    override(ada, second, reviewed(ada, "T1").predicted_class)
    page = browser.get(reverse("queue"), {"state": "done"}).content.decode().split('id="rows"')[1]
    assert page.count("vetted") == 2
    assert "the network said SN" in page
    assert "the network said the same" in page


def test_removing_a_view_with_an_impossible_name_is_not_an_error(browser: Client) -> None:
    assert browser.post(reverse("save-view"), {"drop": "a\0b"}).status_code == 302


def test_a_filter_can_be_saved_under_a_name_of_the_users_own(browser: Client, ben: User, ada: User) -> None:
    query = "?state=unsure&instrument=SEDM"
    browser.post(reverse("save-view"), {"query": query, "name": " my  view "})
    assert SavedView.objects.get().name == "my view"
    page = browser.get(reverse("queue")).content.decode()
    assert 'href="/?state=unsure&amp;instrument=SEDM"' in page
    browser.post(reverse("save-view"), {"query": "", "name": "my view"})
    assert SavedView.objects.get().query == ""
    page = browser.post(reverse("save-view"), {"query": "", "name": ""}, follow=True).content.decode()
    assert "the view needs a name" in page
    other = Client()
    other.force_login(ada)
    other.post(reverse("save-view"), {"drop": "my view"})
    assert "my view" not in other.get(reverse("queue")).content.decode()
    assert ben.saved_views.count() == 1
    browser.post(reverse("save-view"), {"drop": "my view"})
    assert not SavedView.objects.exists()


def test_the_queue_can_be_filtered_by_instrument_day_probability_and_user(ada: User, ben: User) -> None:
    classified_transients(ada, 3)
    Spectrum.objects.filter(transient__name="T0").update(instrument="SEDM v2")
    Spectrum.objects.filter(transient__name="T1").update(created_at="2026-01-05T23:59:59Z")

    def names(query: str, user: User = ben) -> set[str]:
        return {row.name for row in QueueFilter.of_address(query).rows(user)}

    everything = {"T0", "T1", "T2"}
    assert names("?instrument=sedm") == {"T0"}
    assert names("?from=2026-01-05&to=2026-01-05") == {"T1"}
    assert names("?to=2026-01-04") == set()
    assert names("?from=nonsense&to=2026-99-99&above=x&below=nan") == everything
    sure = {row.name: 100 * (1 - row.uncertainty) for row in Transient.objects.for_review(ben)}
    bound = sorted(sure.values())[1]
    above, below = names(f"?above={bound - 1e-9}"), names(f"?below={bound - 1e-9}")
    assert above | below == everything
    assert above & below == set()
    assert len(below) == 1
    assert names("?mine=1") == set()
    assert names("?mine=1", ada) == everything
    claims.claim(ben, Transient.objects.get(name="T2"))
    assert names("?mine=1") == {"T2"}


@pytest.mark.parametrize("address", ["night", "agreement", "bulk", "policies", "queue", "review"])
def test_a_page_takes_the_same_number_of_queries_for_any_amount_of_data(
    browser: Client, ada: User, ben: User, address: str
) -> None:
    ReviewPolicy.objects.create(class_names=["TDE"])

    def grow(first: int, last: int) -> None:
        for seed in range(first, last):
            send(ada, f"T{seed}", seed)
        classify_all()
        for transient in Transient.objects.order_by("id")[first : last - 1]:
            override(ada, transient, "AGN")
            override(ben, transient, "TDE")
            override(ada, transient, "TDE" if transient.pk % 2 else "AGN")

    path = reverse(address, args=["T0"]) if address == "review" else reverse(address) + "?threshold=0"
    grow(0, 3)
    browser.get(path)
    few = queries(browser, path)
    grow(3, 9)
    assert queries(browser, path) <= few


def test_only_staff_can_set_a_policy_on_its_page(browser: Client, ben: User) -> None:
    sent = {"group": "", "below": "80", "class_names": ["TDE", "SN Ib"]}
    assert "may change a policy" in browser.post(reverse("policies"), sent, follow=True).content.decode()
    ben.is_staff = True
    ben.save()
    page = browser.post(reverse("policies"), sent, follow=True).content.decode()
    assert "SN Ib or TDE" in page
    assert "less than 80 %" in page
    for nonsense in (
        {"below": "x"},
        {"below": "180"},
        {"below": "0.95"},
        {"class_names": ["Nova of mine"]},
        {"group": "none"},
    ):
        assert "Not changed" in browser.post(reverse("policies"), nonsense, follow=True).content.decode()
    browser.post(reverse("policies"), {"group": ""})
    assert not ReviewPolicy.objects.exists()
