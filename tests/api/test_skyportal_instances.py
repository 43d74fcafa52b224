"""Connections to SkyPortal over REST."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from tests.api_client import API, session_client
from triage.models import SkyPortalInstance

pytestmark = pytest.mark.django_db


def connect(user: User, **sent: Any) -> Any:
    body = {"name": "Fritz", "url": "https://fritz.example", "token": "a secret", "group": "ePESSTO", **sent}
    return session_client(user).post(f"{API}/skyportal/instances/", body, format="json")


def test_staff_can_add_and_change_a_connection_whose_token_is_never_shown(ada: User, ben: User) -> None:
    assert connect(ada).status_code == 403
    ada.is_staff = True
    ada.save()
    made = connect(ada, remote_groups=[4, 17])
    assert made.status_code == 201, made.json()
    assert "a secret" not in str(made.json())
    instance = SkyPortalInstance.objects.get()
    assert (instance.token, instance.remote_groups, instance.enabled) == ("a secret", [4, 17], True)
    SkyPortalInstance.objects.update(reconciled_at=timezone.now())
    where = f"{API}/skyportal/instances/{instance.pk}/"
    changed = session_client(ada).patch(where, {"enabled": False}, format="json")
    assert (changed.status_code, changed.json()["enabled"], changed.json()["remote_groups"]) == (200, False, [4, 17])
    instance.refresh_from_db()
    assert (instance.token, instance.reconciled_at is None) == ("a secret", False)
    assert session_client(ben).get(where).status_code == 404


def test_the_api_refuses_the_same_connections_as_the_page(ada: User) -> None:
    ada.is_staff = True
    ada.save()
    assert "token" in connect(ada, token="").json()["fields"]
    assert "url" in connect(ada, url="file:///etc/passwd").json()["fields"]
    assert "group" in connect(ada, group="4MOST").json()["fields"]
    assert "share_with" in connect(ada, decisions="always").json()["fields"]
    assert connect(ada).status_code == 201
    where = f"{API}/skyportal/instances/{SkyPortalInstance.objects.get().pk}/"
    assert (
        "token"
        in session_client(ada).patch(where, {"url": "https://elsewhere.example"}, format="json").json()["fields"]
    )
