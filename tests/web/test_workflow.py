"""The desk's workflow on its pages, without a browser: claims, blind votes, bulk, saved views, agreement, the night."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from tests.web.test_pages import classify_all, queries, reviewed, send
from triage import bulk, claims, review
from triage.filters import QueueFilter
from triage.models import Claim, Classification, Decision, ReviewPolicy, SavedView, Spectrum, Transient

pytestmark = pytest.mark.django_db
AHEAD = {"X-Ahead": "1"}


@pytest.fixture
def ada(make_user: Callable[..., User]) -> User:
    return make_user("ada")


@pytest.fixture
def ben(make_user: Callable[..., User]) -> User:
    return make_user("ben")


@pytest.fixture
def browser(ben: User, client: Client) -> Client:
    client.force_login(ben)
    return client


def some(user: User, count: int = 3) -> list[Transient]:
    for seed in range(count):
        send(user, f"T{seed}", seed)
    classify_all()
    return list(Transient.objects.order_by("id"))


def decide(user: User, transient: Transient, class_name: str) -> Decision:
    return review.record_decision(user, transient, review.Proposal("override", class_name=class_name))


def page_of(browser: Client, name: str, **more: Any) -> str:
    return browser.get(reverse("review", args=[name]), **more).content.decode()


def test_opening_a_page_claims_and_fetching_it_ahead_does_not(browser: Client, ada: User) -> None:
    some(ada, 1)
    page_of(browser, "T0", headers=AHEAD)
    assert not Claim.objects.exists()
    page_of(browser, "T0")
    assert Claim.objects.get().reviewer.username == "ben"
    browser.post(reverse("claim", args=["T0"]), {"act": "release"})
    assert not Claim.objects.exists()


def test_the_second_to_open_is_told_and_refused_until_it_takes_over(browser: Client, ada: User) -> None:
    (transient,) = some(ada, 1)
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


def test_a_done_transient_is_not_claimed_by_looking(browser: Client, ada: User) -> None:
    (transient,) = some(ada, 1)
    decide(ada, transient, "AGN")
    page_of(browser, "T0")
    assert not Claim.objects.exists()


@pytest.fixture
def voted(ada: User) -> Transient:
    """A transient with one vote, for TDE, that wants a second."""
    ReviewPolicy.objects.create(class_names=["TDE"])
    (transient,) = some(ada, 1)
    decide(ada, transient, "TDE")
    return transient


def test_a_blind_page_tells_neither_prediction_nor_vote(browser: Client, voted: Transient) -> None:
    prediction = Spectrum.objects.get().current_prediction
    assert prediction is not None
    page = page_of(browser, "T0")
    assert "A second opinion is wanted" in page
    # The datalist names every class; nothing marks one of them.
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
def test_a_blind_row_tells_neither_and_no_filter_finds_it_by_them(
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


def test_ones_own_vote_lifts_the_blind_and_another_makes_a_dispute_to_settle(
    browser: Client, voted: Transient, make_user: Callable[..., User]
) -> None:
    browser.post(reverse("decide", args=["T0"]), {"verdict": "override", "class_name": "AGN"})
    page = page_of(browser, "T0")
    assert "ada says" in page
    assert "A third reviewer, or staff, settles it" in page
    browser.post(reverse("claim", args=["T0"]), {"act": "release"})
    third = Client()
    third.force_login(make_user("cleo"))
    listed = third.get(reverse("queue"), {"state": "disputed"}).content.decode()
    assert "T0" in listed
    assert "Your verdict settles it" in page_of(third, "T0")
    third.post(reverse("decide", args=["T0"]), {"verdict": "override", "class_name": "AGN"})
    row = Classification.objects.get()
    assert (row.state, row.decision.settles, row.decision.class_name) == ("done", True, "AGN")


def test_next_among_second_opinions_passes_over_those_given(browser: Client, ada: User, ben: User) -> None:
    ReviewPolicy.objects.create(below=1.0)
    for transient in some(ada, 3):
        decide(ada, transient, "TDE")
    chosen = QueueFilter(state="second_opinion")
    names = [row.name for row in chosen.rows(ben)]
    answer = browser.post(
        reverse("decide", args=[names[0]]) + chosen.query, {"verdict": "override", "class_name": "TDE"}
    )
    assert answer["Location"] == reverse("review", args=[names[1]]) + chosen.query
    assert chosen.following(ada, reviewed(ada, names[1])) is None


def test_a_narrowed_queue_says_how_many_of_how_many_match(browser: Client, ada: User) -> None:
    some(ada, 3)
    for headers in ({}, {"X-Fragment": "1"}):
        page = browser.get(reverse("queue"), {"q": "t1"}, headers=headers).content.decode()
        assert "1 of 3 matches" in page
    assert 'class="matched' not in browser.get(reverse("queue")).content.decode()
    assert queries(browser, f"{reverse('queue')}?q=t1") == queries(browser, f"{reverse('queue')}?q=t")


def test_what_one_looks_at_oneself_is_marked_only_among_what_is_in_review(browser: Client, ada: User) -> None:
    some(ada, 1)
    page_of(browser, "T0")
    assert "you are looking" not in browser.get(reverse("queue")).content.decode()
    assert "you are looking" in browser.get(reverse("queue"), {"state": "in_review"}).content.decode()


def test_a_row_that_is_done_says_once_that_it_is_vetted_and_what_the_network_said(browser: Client, ada: User) -> None:
    first, second, *_ = some(ada, 2)
    decide(ada, first, "AGN")
    decide(ada, second, reviewed(ada, "T1").predicted_class)
    page = browser.get(reverse("queue"), {"state": "done"}).content.decode().split('id="rows"')[1]
    assert page.count("vetted") == 2
    assert "the network said SN" in page
    assert "the network said the same" in page


def bulk_rows(browser: Client, **query: Any) -> Any:
    return browser.get(reverse("bulk"), query).context["rows"]


def test_the_surest_are_confirmed_together_and_taken_back_together(browser: Client, ada: User, ben: User) -> None:
    some(ada, 4)
    Claim.objects.create(**held(ada, "T3"))
    rows = bulk_rows(browser, threshold="50")
    assert {row.name for row in rows} <= {"T0", "T1", "T2"}
    assert [row.uncertainty for row in rows] == sorted(row.uncertainty for row in rows)
    assert all(row.uncertainty <= 0.5 for row in rows)
    sent = {f"{row.name}": row.current_prediction_id for row in Transient.objects.for_review(ben)}
    answer = browser.post(
        reverse("bulk"), {"row": [f"{pk} {name}" for name, pk in sent.items()], "last_decision": "0"}, follow=True
    )
    page = answer.content.decode()
    assert "3 classifications confirmed" in page
    assert "T3 was left: ada has been looking" in page
    batch = Decision.objects.filter(verdict="confirm").values_list("batch", flat=True).distinct().get()
    assert reverse("undo-bulk", args=[batch]) in page
    assert Classification.objects.filter(vetted=True).count() == 3
    page = browser.post(reverse("undo-bulk", args=[batch]), follow=True).content.decode()
    assert "3 decisions taken back" in page
    assert not Classification.objects.exists()
    assert "all taken back" in browser.get(reverse("bulk")).content.decode()
    assert "0 decisions taken back" in browser.post(reverse("undo-bulk", args=[batch]), follow=True).content.decode()


def held(user: User, name: str) -> dict[str, Any]:
    transient = Transient.objects.get(name=name)
    claim = claims.claim(user, transient)
    values = {"transient": transient, "reviewer": user, "since": claim.since, "until": claim.until}
    claim.delete()
    return values


def test_what_changed_since_the_preview_is_left(ada: User, ben: User) -> None:
    transients = some(ada, 2)
    seen = bulk.newest_decision()
    predictions = {row.name: row.current_prediction_id for row in Transient.objects.for_review(ben)}
    decide(ada, transients[0], "AGN")
    result = bulk.confirm(ben, predictions, seen)
    assert result.confirmed == ["T1"]
    assert "ada decided while you looked" in result.refused[0][1]


def test_a_batch_that_is_sent_twice_is_recorded_once_and_undone_whole(ada: User) -> None:
    some(ada, 1)
    seen, predictions = bulk.newest_decision(), {"T0": reviewed(ada, "T0").current_prediction_id}
    first = bulk.confirm(ada, predictions, seen)
    assert bulk.confirm(ada, predictions, seen) == first
    assert Decision.objects.count() == 1
    assert bulk.undo(ada, first.batch) == 1
    assert Classification.objects.count() == 0


def test_what_cannot_be_undone_of_a_batch_leaves_the_rest_to_be(ada: User, monkeypatch: pytest.MonkeyPatch) -> None:
    names = [transient.name for transient in some(ada, 2)]
    result = bulk.confirm(ada, {name: reviewed(ada, name).current_prediction_id for name in names}, 0)
    undo = review.undo

    def slower(user: User, pk: int) -> Decision:
        """Somebody's second click comes first."""
        if not Decision.objects.filter(verdict="undo").exists():
            undo(user, pk)
        return undo(user, pk)

    monkeypatch.setattr(review, "undo", slower)
    assert bulk.undo(ada, result.batch) == 1
    assert Classification.objects.count() == 0


def test_a_batch_is_undone_by_its_owner_alone(browser: Client, ada: User) -> None:
    (transient,) = some(ada, 1)
    result = bulk.confirm(ada, {"T0": reviewed(ada, "T0").current_prediction_id}, 0)
    for batch in (result.batch, uuid.uuid4()):
        page = browser.post(reverse("undo-bulk", args=[batch]), follow=True).content.decode()
        assert "there is no such batch" in page
    assert Classification.objects.get().transient == transient


@pytest.mark.parametrize(
    "sent", [{}, {"row": "T0"}, {"row": "x T0"}, {"row": "9" * 30 + " T0"}, {"row": "1 none"}, {"row": "1 a\0b"}]
)
def test_a_bulk_form_of_nonsense_confirms_nothing(browser: Client, ada: User, sent: dict[str, str]) -> None:
    some(ada, 1)
    assert browser.post(reverse("bulk"), sent, follow=True).status_code == 200
    assert not Decision.objects.exists()
    for threshold in ("nan", "-5", "1e999", "x"):
        assert browser.get(reverse("bulk"), {"threshold": threshold}).status_code == 200


def test_a_view_of_a_name_that_no_database_takes_is_forgotten_already(browser: Client) -> None:
    assert browser.post(reverse("save-view"), {"drop": "a\0b"}).status_code == 302


def test_a_filter_is_saved_under_a_name_of_ones_own(browser: Client, ben: User, ada: User) -> None:
    query = "?state=unsure&instrument=SEDM"
    browser.post(reverse("save-view"), {"query": query, "name": " my  view "})
    assert SavedView.objects.get().name == "my view"
    page = browser.get(reverse("queue")).content.decode()
    assert 'href="/?state=unsure&amp;instrument=SEDM"' in page
    browser.post(reverse("save-view"), {"query": "", "name": "my view"})
    assert SavedView.objects.get().query == ""
    page = browser.post(reverse("save-view"), {"query": "", "name": ""}, follow=True).content.decode()
    assert "a view has a name" in page
    other = Client()
    other.force_login(ada)
    other.post(reverse("save-view"), {"drop": "my view"})
    assert "my view" not in other.get(reverse("queue")).content.decode()
    assert ben.saved_views.count() == 1
    browser.post(reverse("save-view"), {"drop": "my view"})
    assert not SavedView.objects.exists()


def test_the_queue_narrows_by_instrument_day_confidence_and_whose(ada: User, ben: User) -> None:
    some(ada, 3)
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


def test_agreement_counts_what_two_have_voted_on(browser: Client, ada: User, ben: User) -> None:
    assert "No transient has votes of two reviewers" in browser.get(reverse("agreement")).content.decode()
    for number, transient in enumerate(some(ada, 4)):
        decide(ada, transient, "SN Ia" if number < 2 else "AGN")
        if number != 3:
            decide(ben, transient, "SN Ia")
    page = browser.get(reverse("agreement")).context
    (pair,) = page["pairs"]
    assert (pair.first, pair.second, pair.kappa.count) == ("ada", "ben", 3)
    assert pair.kappa.observed == pytest.approx(2 / 3)
    assert pair.kappa.value == pytest.approx(0.0)
    records = {record.reviewer: record for record in page["records"]}
    assert records["ada"].confusion == [("SN Ia", "AGN", 1)]
    assert records["ben"].agreed == records["ben"].count == 3


def test_agreement_counts_last_votes_that_were_not_undone_in_the_same_few_queries(
    browser: Client, ada: User, ben: User, make_user: Callable[..., User], django_assert_max_num_queries: Any
) -> None:
    transients = some(ada, 11)
    zoe = make_user("aaron")
    for transient in transients:
        decide(ada, transient, "TDE")
        decide(ada, transient, "AGN")
        decide(zoe, transient, "AGN" if transient.name != "T3" else "SN II")
        decide(ben, transient, "AGN" if transient.name != "T4" else "SN II")
    review.undo(ada, decide(ada, transients[5], "LBV").pk)
    review.undo(ben, Decision.objects.filter(reviewer=ben, transient=transients[0]).get().pk)
    with django_assert_max_num_queries(6):
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
    review.undo(ben, Decision.objects.filter(reviewer=ben, transient=transients[1]).get().pk)
    page = browser.get(reverse("agreement")).content.decode()
    assert page.count("too few (9)") == 2
    kappas = {tuple(row["reviewers"]): row["kappa"] for row in browser.get("/api/v1/agreement/").json()["pairs"]}
    assert kappas["ada", "ben"] is None
    assert kappas["aaron", "ada"] is not None


def test_the_night_is_good_when_empty_and_counts_what_happened(browser: Client, ada: User, ben: User) -> None:
    page = browser.get(reverse("night"))
    assert "Nothing to compare yet" in page.content.decode()
    assert browser.get(reverse("night-plots")).json() == {}
    transients = some(ada, 3)
    decide(ada, transients[0], "AGN")
    review.record_decision(ben, transients[1], review.Proposal("confirm"))
    review.record_decision(ben, transients[2], review.Proposal("unsure"))
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


@pytest.mark.parametrize("address", ["night", "agreement", "bulk", "policies", "queue", "review"])
def test_a_page_costs_the_same_queries_however_much_there_is(
    browser: Client, ada: User, ben: User, address: str
) -> None:
    ReviewPolicy.objects.create(class_names=["TDE"])

    def grow(first: int, last: int) -> None:
        for seed in range(first, last):
            send(ada, f"T{seed}", seed)
        classify_all()
        for transient in Transient.objects.order_by("id")[first : last - 1]:
            decide(ada, transient, "AGN")
            decide(ben, transient, "TDE")
            decide(ada, transient, "TDE" if transient.pk % 2 else "AGN")

    path = reverse(address, args=["T0"]) if address == "review" else reverse(address) + "?threshold=0"
    grow(0, 3)
    browser.get(path)
    few = queries(browser, path)
    grow(3, 9)
    assert queries(browser, path) <= few


def test_staff_set_a_policy_on_its_page(browser: Client, ben: User) -> None:
    sent = {"group": "", "below": "80", "class_names": ["TDE", "SN Ib"]}
    assert "may change a policy" in browser.post(reverse("policies"), sent, follow=True).content.decode()
    ben.is_staff = True
    ben.save()
    page = browser.post(reverse("policies"), sent, follow=True).content.decode()
    assert "SN Ib or TDE" in page
    assert "less than 80 %" in page
    for nonsense in ({"below": "x"}, {"below": "180"}, {"class_names": ["Nova of mine"]}, {"group": "none"}):
        assert "Not changed" in browser.post(reverse("policies"), nonsense, follow=True).content.decode()
    browser.post(reverse("policies"), {"group": ""})
    assert not ReviewPolicy.objects.exists()
