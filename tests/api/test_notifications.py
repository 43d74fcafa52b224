"""Notification settings and messages over REST."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User

from tests.api_client import API, session_client
from triage.models import Notification

pytestmark = pytest.mark.django_db


def test_a_requested_test_message_is_listed(ada: User) -> None:
    assert (
        session_client(ada).patch(f"{API}/notifications/", {"email": "ada@example.org"}, format="json").status_code
        == 200
    )
    assert session_client(ada).post(f"{API}/notifications/test/").status_code == 202
    assert Notification.objects.get().kind == "test"
    (row,) = session_client(ada).get(f"{API}/notifications/latest/").json()["results"]
    assert (row["kind"], row["channel"]) == ("test", "email")
