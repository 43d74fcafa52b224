"""The page with a night's digest."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from tests.factories import classified, classified_transients, override, queries
from triage.export.night import Night

pytestmark = pytest.mark.django_db
PAGE = reverse("digest")


def tonight() -> str:
    return f"{timezone.now() - timedelta(hours=12):%Y-%m-%d}"


def test_the_page_works_when_empty_and_lists_the_night(browser: Client, ada: User) -> None:
    assert "No spectrum came in this night" in browser.get(PAGE).content.decode()
    override(ada, classified(ada, "SN 2026abc"), "SN Ic")
    page = browser.get(PAGE, {"date": tonight()}).content.decode()
    assert reverse("review", args=["SN 2026abc"]) in page
    assert '<svg class="sparkline"' in page


def test_the_digest_is_there_as_plain_text(browser: Client, ada: User) -> None:
    override(ada, classified(ada, "<SN & 2026abc>"), "SN Ic")
    answer = browser.get(PAGE, {"date": tonight(), "format": "text"})
    assert answer["Content-Type"] == "text/plain; charset=utf-8"
    assert "<SN & 2026abc>  SN Ic" in answer.content.decode()


def test_without_a_date_the_page_shows_the_last_night_with_something_and_says_which(browser: Client, ada: User) -> None:
    page = browser.get(PAGE).content.decode()
    assert f'Night of <span class="num">{Night.last_ended()}</span>' in page
    assert "It is over. Nothing has come since, and nothing was vetted." in page
    classified(ada, "SN 2026abc")
    page = browser.get(PAGE).content.decode()
    assert f'Night of <span class="num">{Night.running()}</span>' in page
    assert "It still runs." in page
    assert "1 spectrum" in page


@pytest.mark.parametrize("form", ["", "text"])
def test_a_text_that_is_no_day_is_refused_with_the_format_and_no_other_night_is_shown(
    browser: Client, ada: User, form: str
) -> None:
    override(ada, classified(ada, "SN 2026abc"), "SN Ic")
    answer = browser.get(PAGE, {"date": "28/11/2026", "format": form})
    assert answer.status_code == 400
    page = answer.content.decode()
    assert "“28/11/2026” is no day. Write days year first, such as 2026-11-05." in page
    assert "SN 2026abc" not in page


def test_ticked_transients_make_a_draft_table(browser: Client, ada: User) -> None:
    first, second = classified_transients(ada, 2)
    override(ada, first, "SN Ic")
    override(ada, second, "TDE")
    page = browser.get(PAGE, {"date": tonight(), "draft": "1", "pick": [str(first.pk)]})
    assert page.context["draft"].text.splitlines()[1].startswith("T0")
    assert page.context["picked"] == {first.pk}
    assert "Without coordinates: T0." in page.content.decode()
    assert "Tick vetted transients above first" in browser.get(PAGE, {"draft": "1"}).content.decode()


def test_the_page_takes_as_many_queries_for_eight_transients_as_for_one(browser: Client, ada: User) -> None:
    transients = classified_transients(ada, 8)
    override(ada, transients[0], "TDE")
    few = queries(browser, f"{PAGE}?date={tonight()}")
    for transient in transients[1:]:
        override(ada, transient, "TDE")
    assert queries(browser, f"{PAGE}?date={tonight()}") == few


def test_the_user_asks_for_the_digest_on_the_notifications_page(browser: Client, ben: User) -> None:
    browser.post(reverse("notifications"), {"digest": "on"})
    assert ben.notifications.digest
    assert browser.get("/api/v1/notifications/").json()["digest"] is True
