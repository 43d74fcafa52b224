from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.cache import cache
from django.test import Client
from django.utils import timezone
from redis.exceptions import ConnectionError as RedisGoneError

from triage import logins
from triage.api import throttling
from triage.models import ApiToken, LoginFailure

pytestmark = pytest.mark.django_db

PASSWORD = "a long password"


@pytest.fixture(autouse=True)
def nothing_counted() -> None:
    cache.clear()


def log_in(name: str, password: str = "wrong", address: str = "192.0.2.1", where: str = "/login/", **more: Any) -> Any:
    return Client(REMOTE_ADDR=address).post(where, {"username": name, "password": password}, **more)


def fail(times: int, name: str = "reviewer", **more: Any) -> None:
    for _ in range(times):
        log_in(name, **more)


def test_after_too_many_failures_even_the_right_password_is_refused_for_a_while(reviewer: User) -> None:
    fail(logins.MOST_FOR_A_PERSON)
    refused = log_in("reviewer", PASSWORD)
    assert refused.status_code == 429
    assert "Too many logins failed" in refused.content.decode()
    LoginFailure.objects.update(at=timezone.now() - logins.WINDOW - timedelta(seconds=1))
    assert log_in("reviewer", PASSWORD).status_code == 302


def test_the_admins_login_counts_with_it(reviewer: User) -> None:
    fail(logins.MOST_FOR_A_PERSON, where="/admin/login/")
    assert log_in("reviewer", PASSWORD).status_code == 429


def test_nobody_is_locked_out_from_elsewhere(reviewer: User) -> None:
    fail(logins.MOST_FOR_A_PERSON + 1)
    assert log_in("reviewer", PASSWORD, address="192.0.2.2").status_code == 302


def test_many_names_from_one_address_are_refused_as_well(reviewer: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logins, "MOST_FOR_AN_ADDRESS", 4)
    for number in range(4):
        log_in(f"guess{number}")
    assert log_in("reviewer", PASSWORD).status_code == 429


def test_a_login_that_succeeds_starts_the_count_afresh(reviewer: User) -> None:
    fail(logins.MOST_FOR_A_PERSON - 1)
    assert log_in("reviewer", PASSWORD).status_code == 302
    fail(logins.MOST_FOR_A_PERSON - 1)
    assert log_in("reviewer", "wrong").status_code == 429
    assert log_in("reviewer", PASSWORD).status_code == 429


def test_what_was_typed_as_a_name_is_not_kept(reviewer: User) -> None:
    log_in("my secret password")
    assert "secret" not in str(LoginFailure.objects.values_list())
    assert LoginFailure.objects.count() == 1


def test_behind_a_proxy_its_word_counts_and_not_the_clients(reviewer: User, settings: Any) -> None:
    settings.BEHIND_PROXY = True
    for number in range(logins.MOST_FOR_A_PERSON):
        log_in("reviewer", headers={"X-Forwarded-For": f"10.0.0.{number}, 192.0.2.9"})
    assert log_in("reviewer", PASSWORD, headers={"X-Forwarded-For": "192.0.2.9"}).status_code == 429
    assert log_in("reviewer", PASSWORD, headers={"X-Forwarded-For": "192.0.2.8"}).status_code == 302


def get(token: str) -> Any:
    return Client().get("/api/v1/", headers={"Authorization": f"Token {token}"})


def test_a_token_that_asks_too_often_is_told_when_to_come_back(reviewer: User, settings: Any) -> None:
    settings.API_REQUESTS_PER_MINUTE = 2
    mine, other = (ApiToken.issue(reviewer, name)[1] for name in ("mine", "other"))
    answers = [get(mine) for _ in range(6)]
    # A minute may have begun in between.
    assert [answer.status_code for answer in answers].count(429) >= 2
    refused = next(answer for answer in answers if answer.status_code == 429)
    assert refused.json()["code"] == "throttled"
    assert 0 <= int(refused["Retry-After"]) <= 60
    assert get(other).status_code == 200


def test_a_cache_that_is_gone_stops_nobody(reviewer: User, monkeypatch: pytest.MonkeyPatch) -> None:
    def gone(key: str) -> int:
        raise RedisGoneError("refused")

    monkeypatch.setattr(throttling, "_count", gone)
    assert get(ApiToken.issue(reviewer, "t")[1]).status_code == 200
