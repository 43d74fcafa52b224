"""Repeated failed logins are refused for a while."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.contrib.auth.password_validation import validate_password
from django.core.cache import cache
from django.core.exceptions import ValidationError
from django.test import Client
from django.utils import timezone

from triage.accounts import login_throttle
from triage.models import LoginFailure

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
    fail(login_throttle.MOST_FOR_A_PERSON)
    refused = log_in("reviewer", PASSWORD)
    assert refused.status_code == 429
    assert "Too many logins failed" in refused.content.decode()
    LoginFailure.objects.update(at=timezone.now() - login_throttle.WINDOW - timedelta(seconds=1))
    assert log_in("reviewer", PASSWORD).status_code == 302


def test_the_admin_has_no_login_of_its_own(reviewer: User, client: Client) -> None:
    assert client.get("/admin/")["Location"] == "/admin/login/?next=/admin/"
    assert client.get("/admin/login/?next=/admin/")["Location"] == "/login/?next=/admin/"
    assert client.post("/admin/login/", {"username": "reviewer", "password": PASSWORD})["Location"].startswith(
        "/login/"
    )
    client.force_login(reviewer)
    assert client.get("/admin/", follow=True).status_code == 403


@pytest.mark.parametrize("password", ["password1234", "shortish", "reviewer2026"])
def test_a_password_that_is_easily_guessed_is_refused(reviewer: User, password: str) -> None:
    with pytest.raises(ValidationError):
        validate_password(password, reviewer)


def test_a_user_can_still_log_in_from_another_address(reviewer: User) -> None:
    fail(login_throttle.MOST_FOR_A_PERSON + 1)
    assert log_in("reviewer", PASSWORD, address="192.0.2.2").status_code == 302


def test_failures_under_many_names_from_one_address_are_refused_too(
    reviewer: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(login_throttle, "MOST_FOR_AN_ADDRESS", 4)
    for number in range(4):
        log_in(f"guess{number}")
    assert log_in("reviewer", PASSWORD).status_code == 429


def test_a_successful_login_resets_the_count(reviewer: User) -> None:
    fail(login_throttle.MOST_FOR_A_PERSON - 1)
    assert log_in("reviewer", PASSWORD).status_code == 302
    fail(login_throttle.MOST_FOR_A_PERSON - 1)
    assert log_in("reviewer", "wrong").status_code == 429
    assert log_in("reviewer", PASSWORD).status_code == 429


def test_the_typed_user_name_is_not_stored(reviewer: User) -> None:
    log_in("my secret password")
    assert "secret" not in str(LoginFailure.objects.values_list())
    assert LoginFailure.objects.count() == 1


def test_behind_a_proxy_only_the_address_reported_by_the_proxy_counts(reviewer: User, settings: Any) -> None:
    settings.BEHIND_PROXY = True
    for number in range(login_throttle.MOST_FOR_A_PERSON):
        log_in("reviewer", headers={"X-Forwarded-For": f"10.0.0.{number}, 192.0.2.9"})
    assert log_in("reviewer", PASSWORD, headers={"X-Forwarded-For": "192.0.2.9"}).status_code == 429
    assert log_in("reviewer", PASSWORD, headers={"X-Forwarded-For": "192.0.2.8"}).status_code == 302


def test_all_addresses_of_an_ipv6_network_count_as_one(reviewer: User) -> None:
    for number in range(login_throttle.MOST_FOR_A_PERSON):
        fail(1, address=f"2001:db8:0:7::{number:x}")
    assert log_in("reviewer", PASSWORD, address="2001:db8:0:7:abcd::1").status_code == 429
    assert log_in("reviewer", PASSWORD, address="2001:db8:0:8::1").status_code == 302
