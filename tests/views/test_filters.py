"""Filters of the queue are kept from page to page during a review."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.contrib.auth.models import User
from django.http import QueryDict
from django.test import Client
from django.urls import reverse

from tests.factories import classify_all, reviewed, send
from triage.models import Decision
from triage.queue.filters import QueueFilter
from triage.review import decisions
from triage.review.proposal import Proposal

pytestmark = pytest.mark.django_db


@pytest.fixture
def browser(reviewer: User, client: Client) -> Client:
    client.force_login(reviewer)
    return client


def some(user: User, count: int = 5) -> None:
    for seed in range(count):
        send(user, f"AT2026{'ab'[seed % 2]}{seed}", seed)
    classify_all()


def walk(user: User, chosen: QueueFilter) -> list[str]:
    """Return the names met when stepping forward from the first row."""
    names = []
    at = chosen.rows(user).first_name()
    while at is not None:
        names.append(at)
        _, at = chosen.neighbours(user, reviewed(user, at))
    return names


@pytest.mark.parametrize("query", ["", "q=2026a", "state=all", "state=unsure", "state=all&q=b"])
def test_stepping_forward_follows_the_order_of_the_queue(reviewer: User, query: str) -> None:
    some(reviewer)
    for name in ("AT2026a0", "AT2026b1"):
        decisions.record_decision(reviewer, reviewed(reviewer, name), Proposal("unsure"))
    chosen = QueueFilter.read(QueryDict(query))
    rows = [row.name for row in chosen.rows(reviewer)]
    assert rows
    assert walk(reviewer, chosen) == rows


def test_a_filter_is_restored_from_its_url() -> None:
    chosen = QueueFilter("unsure", "SN Ia", "a&b", "ePESSTO")
    assert QueueFilter.of_address("/transients/x/" + chosen.query) == chosen
    assert QueueFilter().query == ""
    assert QueueFilter.read(QueryDict("state=nonsense")).state == "pending"


def test_links_and_forms_of_a_review_page_keep_the_filters(browser: Client, reviewer: User) -> None:
    some(reviewer)
    rows = [row.name for row in QueueFilter(q="2026a").rows(reviewer)]
    queue = browser.get(reverse("queue"), {"q": "2026a"}).content.decode()
    assert f'href="{reverse("review", args=[rows[0]])}?q=2026a"' in queue
    page = browser.get(reverse("review", args=[rows[1]]), {"q": "2026a"}).content.decode()
    for name in (rows[0], rows[2]):
        assert f'href="{reverse("review", args=[name])}?q=2026a"' in page
    assert f'action="{reverse("decide", args=[rows[1]])}?q=2026a"' in page
    assert f'href="{reverse("queue")}?q=2026a"' in page


def test_a_decision_and_its_undo_stay_within_the_filter(browser: Client, reviewer: User) -> None:
    some(reviewer)
    rows = [row.name for row in QueueFilter(q="2026a").rows(reviewer)]
    address = reverse("decide", args=[rows[-1]]) + "?q=2026a"
    answer = browser.post(address, {"verdict": "unsure"})
    # The last filtered transient leads to the first.
    assert answer["Location"] == reverse("review", args=[rows[0]]) + "?q=2026a"
    undo = reverse("undo", args=[reviewer.decisions.latest("id").pk])
    answer = browser.post(undo, {"from": answer["Location"]})
    assert answer["Location"] == reverse("review", args=[rows[-1]]) + "?q=2026a"


def test_the_last_filtered_transient_leads_back_to_the_filtered_list(browser: Client, reviewer: User) -> None:
    some(reviewer, 3)
    answer = browser.post(reverse("decide", args=["AT2026b1"]) + "?q=2026b", {"verdict": "unsure"})
    assert answer["Location"] == reverse("queue") + "?q=2026b"


def test_the_answer_to_the_script_gives_the_next_page_the_message_and_the_undo(browser: Client, reviewer: User) -> None:
    some(reviewer, 2)
    answer = browser.post(reverse("decide", args=["AT2026a0"]), {"verdict": "unsure"}, headers={"X-Fragment": "1"})
    assert answer.json() == {
        "next": reverse("review", args=["AT2026b1"]),
        "message": "AT2026a0: unsure",
        "level": "success",
        "undo": reverse("undo", args=[reviewer.decisions.get().pk]),
    }


def test_the_group_filter_shows_only_the_users_groups(
    browser: Client, reviewer: User, make_user: Callable[..., User]
) -> None:
    owner = make_user("owner", "ePESSTO")
    send(owner, "AT2026secret", 1, owner.groups.get())
    send(reviewer, "AT2026open", 2)
    classify_all()
    assert [row.name for row in QueueFilter(group="ePESSTO").rows(owner)] == ["AT2026secret"]
    assert [row.name for row in QueueFilter(group="public").rows(owner)] == ["AT2026open"]
    assert "AT2026secret" not in browser.get(reverse("queue"), {"group": "ePESSTO"}).content.decode()
    assert "ePESSTO" not in browser.get(reverse("queue")).content.decode()


@pytest.mark.parametrize("page", ["queue", "bulk"])
@pytest.mark.parametrize("name", ["from", "to"])
def test_a_text_that_is_no_day_is_refused_with_the_format_and_nothing_is_listed(
    browser: Client, reviewer: User, page: str, name: str
) -> None:
    some(reviewer, 1)
    assert "AT2026a0" in browser.get(reverse(page), {"threshold": "50"}).content.decode()
    answer = browser.get(reverse(page), {"threshold": "50", name: "28/11/2026"})
    assert answer.status_code == 400
    shown = answer.content.decode()
    assert "“28/11/2026” is no day. Write days year first, such as 2026-11-05." in shown
    assert "AT2026a0" not in shown


@pytest.mark.parametrize("name", ["from", "to"])
def test_the_review_page_refuses_a_text_that_is_no_day_too_and_records_nothing(
    browser: Client, reviewer: User, name: str
) -> None:
    some(reviewer, 1)
    words = "“28/11/2026” is no day. Write days year first, such as 2026-11-05."
    answer = browser.get(reverse("review", args=["AT2026a0"]), {name: "28/11/2026"})
    assert (answer.status_code, words in answer.content.decode()) == (400, True)
    address = f"{reverse('decide', args=['AT2026a0'])}?{name}=28/11/2026"
    answer = browser.post(address, {"verdict": "unsure", "comment": "typed"})
    shown = answer.content.decode()
    assert answer.status_code == 400
    assert words in shown
    assert "typed</textarea>" in shown
    assert not Decision.objects.exists()
