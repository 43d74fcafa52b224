"""A token that asks too often has to wait."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.cache import cache
from django.test import Client
from redis.exceptions import ConnectionError as RedisGoneError

from triage.api import throttling
from triage.models import ApiToken, Scope

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def nothing_counted() -> None:
    cache.clear()


def get(token: str) -> Any:
    return Client().get("/api/v1/", headers={"Authorization": f"Token {token}"})


def test_a_token_that_asks_too_often_is_told_when_to_retry(reviewer: User, settings: Any) -> None:
    settings.API_REQUESTS_PER_MINUTE = 2
    mine, other = (ApiToken.issue(reviewer, name, tuple(Scope))[1] for name in ("mine", "other"))
    answers = [get(mine) for _ in range(6)]
    # A new minute may begin between two requests, which resets the count.
    assert [answer.status_code for answer in answers].count(429) >= 2
    refused = next(answer for answer in answers if answer.status_code == 429)
    assert refused.json()["code"] == "throttled"
    assert 0 <= int(refused["Retry-After"]) <= 60
    assert get(other).status_code == 200


def test_requests_succeed_while_the_cache_is_down(reviewer: User, monkeypatch: pytest.MonkeyPatch) -> None:
    def gone(key: str) -> int:
        raise RedisGoneError("refused")

    monkeypatch.setattr(throttling, "_count", gone)
    assert get(ApiToken.issue(reviewer, "t", tuple(Scope))[1]).status_code == 200
