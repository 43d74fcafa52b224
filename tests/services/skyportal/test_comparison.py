"""Comparing all classifications of a server, in parts that go on in the next round."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from tests.fakes.skyportal import FakeSkyPortal, stamp
from tests.fakes.skyportal_rounds import connect, run
from triage.models import RemoteClassification, RunState, SkyPortalInstance
from triage.services.skyportal import comparison, pages

pytestmark = pytest.mark.django_db


@pytest.fixture
def many(fritz: FakeSkyPortal, monkeypatch: pytest.MonkeyPatch) -> SkyPortalInstance:
    """Return a connection to a server with twelve classifications of three sources, three of them in a span."""
    monkeypatch.setattr(pages, "ROWS_PER_PAGE", 2)
    monkeypatch.setattr(comparison, "MOST_IN_A_SPAN", 3)
    for number in range(12):
        made = stamp(timezone.now() - timedelta(days=100 * number, hours=2))
        if number < 3:
            fritz.add_spectrum(f"ZTF{number}")
        fritz.classify(f"ZTF{number % 3}", "Ia", ml=True, created_at=made)
    return connect(fritz)


def test_a_comparison_that_outlasts_its_round_goes_on_in_the_next(
    fritz: FakeSkyPortal, many: SkyPortalInstance
) -> None:
    first = run(many, budget_seconds=0)
    assert (first.state, first.listed_at) == (RunState.RUNNING, None)
    assert first.compared_until is not None
    asked = fritz.count("GET", "/api/classification")
    assert RemoteClassification.objects.count() < 12
    second = run(many)
    assert (second.pk, second.state, second.new, second.missed) == (first.pk, RunState.DONE, 3, 0)
    assert RemoteClassification.objects.count() == 12
    sources = fritz.count("GET", "/api/sources?")
    assert sources == 2
    begun_again = [path for _, path in fritz.requests if "/api/classification" in path and "startDate" not in path]
    assert len(begun_again) <= asked


def test_a_comparison_in_parts_finds_what_was_edited_and_deleted(fritz: FakeSkyPortal, many: SkyPortalInstance) -> None:
    run(many)
    numbers = sorted(fritz.classifications)
    fritz.classifications[numbers[10]]["classification"] = "IIb"
    del fritz.classifications[numbers[11]], fritz.classifications[numbers[0]]
    run(many, full=True)
    assert RemoteClassification.objects.count() == 10
    assert RemoteClassification.objects.get(remote_id=numbers[10]).class_name == "SN IIb"


def test_a_classification_of_an_earlier_release_without_a_time_is_dated_or_deleted(
    fritz: FakeSkyPortal, many: SkyPortalInstance
) -> None:
    run(many)
    RemoteClassification.objects.update(remote_created=None)
    del fritz.classifications[max(fritz.classifications)]
    run(many)
    assert RemoteClassification.objects.count() == 12
    run(many, full=True)
    assert RemoteClassification.objects.count() == 11
    assert not RemoteClassification.objects.filter(remote_created=None).exists()


def test_classifications_that_did_not_come_are_counted_and_nothing_is_deleted(
    fritz: FakeSkyPortal, many: SkyPortalInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(many)
    ordered = fritz._page

    def cut(rows: list[dict[str, Any]], key: str, query: dict[str, str]) -> dict[str, Any]:
        """Leave out the first classification of each page, and count it all the same."""
        page = ordered(rows, key, query)
        return page | {key: page[key][1:]} if key == "classifications" else page

    monkeypatch.setattr(fritz, "_page", cut)
    done = run(many, full=True)
    assert (done.state, RemoteClassification.objects.count()) == (RunState.DONE, 12)
    assert done.missed >= 6


def test_a_listing_without_an_end_fails_the_run_and_is_not_cut(
    fritz: FakeSkyPortal, many: SkyPortalInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pages, "MAX_PAGES", 1)
    done = run(many)
    assert (done.state, "does not end after 1 pages" in done.message) == (RunState.FAILED, True)


def test_a_small_server_is_compared_with_one_request(fritz: FakeSkyPortal) -> None:
    fritz.add_spectrum("ZTF1")
    fritz.classify("ZTF1", "Ia", ml=True)
    run(connect(fritz))
    assert fritz.count("GET", "/api/classification") == 1
