"""The numbers above the queue are kept for a while where counting takes long, for each audience by itself."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from django.contrib.auth.models import User
from django.core.cache import cache
from django.test import Client
from pytest_django.fixtures import Settings
from redis.exceptions import RedisError

from tests.factories import classified, override, send
from triage.queue.counts import counts
from triage.review.decisions import undo

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _empty_cache() -> Iterator[None]:
    cache.clear()
    yield
    cache.clear()


@pytest.fixture
def slow(settings: Settings) -> None:
    """Let numbers be kept as on a desk where counting takes long."""
    settings.COUNTS_KEPT = 10**9


def test_numbers_that_took_long_to_count_are_kept(slow: None, reviewer: User) -> None:
    assert counts(reviewer)["processing"] == 0
    send(reviewer, "T1", seed=1)
    assert counts(reviewer)["processing"] == 0
    cache.clear()
    assert counts(reviewer)["processing"] == 1


def test_whoever_decides_sees_at_once_what_is_left(slow: None, make_user: Callable[..., User]) -> None:
    ada, ben = make_user("ada"), make_user("ben")
    first, second = classified(ada, "T1", seed=1), classified(ada, "T2", seed=2)
    assert counts(ada)["pending"] == 2
    override(ben, first, "Star")
    assert counts(ada)["pending"] == 2  # kept for those who did not decide
    decision = override(ada, second, "Star")
    assert counts(ada)["pending"] == 0
    undo(ada, decision.pk)
    assert counts(ada)["pending"] == 1


def test_rows_that_came_after_their_number_was_kept_are_listed(slow: None, reviewer: User, client: Client) -> None:
    client.force_login(reviewer)
    assert client.get("/").context["rows"] == []
    classified(reviewer, "T1", seed=1)
    [row] = client.get("/").context["rows"]
    assert row.transient.name == "T1"


def test_numbers_that_were_counted_quickly_are_counted_anew(settings: Settings, reviewer: User) -> None:
    settings.COUNTS_KEPT = 0.001
    counts(reviewer)
    send(reviewer, "T1", seed=1)
    assert counts(reviewer)["processing"] == 1


def test_the_numbers_of_one_audience_are_not_shown_to_another(slow: None, make_user: Callable[..., User]) -> None:
    member, colleague, stranger = make_user("ada", "ours"), make_user("ben", "ours"), make_user("eve", "theirs")
    send(member, "T1", seed=1, group=member.groups.get())
    assert counts(member)["processing"] == 1
    assert counts(stranger)["processing"] == 0
    assert counts(colleague)["processing"] == 1
    colleague.groups.clear()
    assert counts(colleague)["processing"] == 0


def test_a_cache_that_does_not_answer_costs_no_numbers(
    slow: None, reviewer: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*args: object, **kwargs: object) -> None:
        raise RedisError("no answer")

    monkeypatch.setattr(cache, "get", fail)
    monkeypatch.setattr(cache, "set", fail)
    send(reviewer, "T1", seed=1)
    assert counts(reviewer)["processing"] == 1
