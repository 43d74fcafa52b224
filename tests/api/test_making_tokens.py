"""Tokens made and revoked over REST."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.utils import timezone
from rest_framework.test import APIClient

from tests.api_client import API, session_client
from triage.accounts import tokens
from triage.errors import WiderTokenError
from triage.models import ApiToken, Scope

pytestmark = pytest.mark.django_db


def with_key(key: str) -> APIClient:
    return APIClient(headers={"Authorization": f"Token {key}"})


def with_token(user: User, *scopes: Scope, days: int | None = None) -> APIClient:
    end = None if days is None else timezone.now() + timedelta(days=days)
    return with_key(ApiToken.issue(user, "the asking one", scopes, end)[1])


def test_a_token_is_shown_once_works_and_can_be_revoked(ada: User, ben: User) -> None:
    made = session_client(ada).post(f"{API}/tokens/", {"label": "telescope", "scopes": ["upload"]})
    assert made.status_code == 201
    token = made.json()
    assert token["scopes"] == ["upload"]
    assert token["expires_at"] is not None
    assert with_key(token["key"]).get(f"{API}/queue/").status_code == 200
    (listed,) = session_client(ada).get(f"{API}/tokens/").json()["results"]
    assert token["key"] not in str(listed)
    assert session_client(ben).get(f"{API}/tokens/").json()["results"] == []
    assert session_client(ben).delete(f"{API}/tokens/{token['id']}/").status_code == 404
    assert session_client(ada).delete(f"{API}/tokens/{token['id']}/").status_code == 204
    assert with_key(token["key"]).get(f"{API}/queue/").status_code == 401
    assert session_client(ada).delete(f"{API}/tokens/{token['id']}/").status_code == 404


def test_a_token_cannot_make_a_token_with_more_rights_than_its_own(ada: User) -> None:
    asking = with_token(ada, Scope.DECIDE, days=10)

    def ask(**sent: Any) -> Any:
        return asking.post(f"{API}/tokens/", {"label": "x", **sent})

    later = (timezone.now() + timedelta(days=11)).isoformat()
    for wider in (
        {"scopes": ["upload"]},
        {"scopes": ["decide", "upload"]},
        {"expires_at": None},
        {"expires_at": later},
    ):
        refused = ask(**wider)
        assert (refused.status_code, refused.json()["code"]) == (403, "wider_token"), wider
    same = ask(scopes=["decide"]).json()
    ends = dict(ApiToken.objects.values_list("id", "expires_at"))
    assert ends[same["id"]] == ApiToken.objects.get(label="the asking one").expires_at
    assert ask(scopes=[]).json()["scopes"] == []
    assert ApiToken.objects.count() == 3


def test_revoking_a_token_revokes_the_tokens_made_with_it(ada: User) -> None:
    first = session_client(ada).post(f"{API}/tokens/", {"label": "first", "scopes": ["decide"]}).json()
    child = with_key(first["key"]).post(f"{API}/tokens/", {"label": "child", "scopes": ["decide"]}).json()
    grandchild = with_key(child["key"]).post(f"{API}/tokens/", {"label": "grandchild"}).json()
    assert with_key(child["key"]).delete(f"{API}/tokens/{first['id']}/").json()["code"] == "wider_token"
    assert with_key(grandchild["key"]).get(f"{API}/queue/").status_code == 200
    assert session_client(ada).delete(f"{API}/tokens/{first['id']}/").status_code == 204
    for made in (first, child, grandchild):
        assert with_key(made["key"]).get(f"{API}/queue/").status_code == 401


def test_a_token_without_the_decide_scope_cannot_make_tokens(ada: User) -> None:
    for scopes in ((), (Scope.UPLOAD,)):
        refused = with_token(ada, *scopes).post(f"{API}/tokens/", {"label": "x"})
        assert refused.json()["code"] == "insufficient_scope"


def test_a_token_that_has_already_expired_cannot_be_made(ada: User) -> None:
    sent = {"label": "x", "expires_at": "2020-01-01T00:00:00Z"}
    assert session_client(ada).post(f"{API}/tokens/", sent).json()["code"] == "invalid_action"
    assert not ApiToken.objects.exists()


def test_a_token_that_was_revoked_meanwhile_makes_no_other(ada: User) -> None:
    asking, _ = ApiToken.issue(ada, "asking", [Scope.DECIDE], None)
    tokens.make(ada, "first", [Scope.DECIDE], None, by=asking)
    tokens.revoke(ada, asking.pk)
    with pytest.raises(WiderTokenError):
        tokens.make(ada, "second", [Scope.DECIDE], None, by=asking)
    assert not ApiToken.objects.filter(user=ada, revoked_at__isnull=True).exists()
