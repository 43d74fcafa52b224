"""A database that does not answer gives 503 and no page of an unknown error."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import OperationalError
from django.test import Client

from triage.models import QueueEntry

pytestmark = pytest.mark.django_db


@pytest.fixture
def browser(reviewer: User, monkeypatch: pytest.MonkeyPatch) -> Client:
    def down(*_: Any, **__: Any) -> None:
        raise OperationalError("the server closed the connection unexpectedly")

    client = Client(raise_request_exception=False)
    client.force_login(reviewer)
    monkeypatch.setattr(type(QueueEntry.objects.all()), "counted", down)
    return client


def test_a_page_says_that_the_database_does_not_answer(browser: Client) -> None:
    answer = browser.get("/")
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "10")
    assert "The database does not answer" in answer.content.decode()


def test_a_page_with_another_error_says_that_it_failed(browser: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any, **__: Any) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(type(QueueEntry.objects.all()), "counted", broken)
    assert browser.get("/").status_code == 500
