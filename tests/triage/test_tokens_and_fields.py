"""Tokens that may do only what they were made for; answers with only the keys and rows that were asked for."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.management import call_command
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from rest_framework.test import APIClient

from tests.triage.test_api import API, address, client_of, upload, vet
from triage import inference
from triage.models import ApiToken, Decision, Scope, Spectrum

pytestmark = pytest.mark.django_db


def with_token(user: User, *scopes: Scope, **more: Any) -> APIClient:
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Token {ApiToken.issue(user, 'test', scopes, **more)[1]}")
    return client


def test_a_token_that_may_only_read_changes_nothing(reviewer: User) -> None:
    api = with_token(reviewer)
    assert api.get(f"{API}/spectra/").status_code == 200
    refused = upload(api)
    assert (refused.status_code, refused.json()["code"]) == (403, "insufficient_scope")
    assert not Spectrum.objects.exists()


def test_a_token_for_uploads_decides_nothing_and_one_for_decisions_uploads_nothing(reviewer: User) -> None:
    sender, decider = with_token(reviewer, Scope.UPLOAD), with_token(reviewer, Scope.DECIDE)
    assert upload(decider).status_code == 403
    spectrum = upload(sender, transient="X").json()
    inference.process_queue()
    assert decider.post(f"{API}/spectra/{spectrum['id']}/reread/", {}).status_code == 403
    verdict = {"verdict": "override", "class_name": "TDE"}
    assert sender.post(f"{address('X')}decisions/", verdict).status_code == 403
    decided = decider.post(f"{address('X')}decisions/", verdict)
    assert decided.status_code == 201
    assert sender.delete(f"{API}/decisions/{decided.json()['id']}/").status_code == 403
    assert Decision.objects.count() == 1


def test_an_expired_token_opens_nothing(reviewer: User) -> None:
    api = with_token(reviewer, expires_at=timezone.now() - timedelta(seconds=1))
    assert api.get(f"{API}/spectra/").status_code == 401


def test_the_page_makes_a_token_with_scopes_and_expiry(reviewer: User, client: Client) -> None:
    client.force_login(reviewer)
    client.post(reverse("tokens"), {"label": "nightly", "upload": "on", "days": "30"})
    token = ApiToken.objects.get()
    assert (token.may_upload, token.may_decide) == (True, False)
    assert token.expires_at is not None
    assert timedelta(days=29) < token.expires_at - timezone.now() < timedelta(days=31)
    assert b"read, upload<" in client.get(reverse("tokens")).content
    client.post(reverse("tokens"), {"label": "x", "days": "12"})
    assert ApiToken.objects.count() == 1


def test_the_command_makes_one_that_only_reads(reviewer: User, capsys: pytest.CaptureFixture[str]) -> None:
    call_command("issue_token", "reviewer", "--read-only", "--days", "7")
    token = ApiToken.objects.get()
    assert (token.may_upload, token.may_decide, token.expires_at is None) == (False, False, False)
    assert capsys.readouterr().out.strip()


@pytest.mark.parametrize("path", ["/spectra/", "/transients/", "/queue/", "/classifications/"])
def test_only_the_keys_that_were_asked_for_come(reviewer: User, path: str) -> None:
    api = client_of(reviewer)
    vet(api, 1)
    upload(api, transient="waits", content=None)
    inference.process_queue()
    name = "id" if path in ("/spectra/", "/classifications/") else "name" if path == "/transients/" else "transient"
    rows = api.get(f"{API}{path}?fields={name}").json()["results"]
    assert rows
    assert all(set(row) == {name} for row in rows)
    refused = api.get(f"{API}{path}?fields={name},nonsense")
    assert (refused.status_code, "nonsense" in refused.json()["detail"]) == (400, True)


def test_lists_can_be_narrowed(reviewer: User) -> None:
    api = client_of(reviewer)
    vet(api, 2)
    upload(api, b"what is this?")

    def found(path: str, key: str, **query: str) -> list[str]:
        return sorted(row[key] for row in api.get(f"{API}{path}", query).json()["results"])

    assert found("/spectra/", "state", state="quarantined") == ["quarantined"]
    assert found("/spectra/", "transient", transient="=T1") == ["=T1"]
    assert found("/spectra/", "id", created_after=timezone.now().isoformat()) == []
    assert found("/transients/", "name", state="vetted") == ["=T0", "=T1"]
    assert found("/transients/", "name", class_name="AGN") == ["=T0"]
    assert found("/transients/", "name", q="t1") == ["=T1"]
    assert found("/queue/", "transient", class_name="AGN") == []
    assert api.get(f"{API}/spectra/?state=odd").json()["code"] == "invalid"


def test_an_answer_that_has_not_changed_is_304(reviewer: User) -> None:
    api = client_of(reviewer)
    vet(api, 1)
    first = api.get(f"{API}/classifications/")
    again = api.get(f"{API}/classifications/", HTTP_IF_NONE_MATCH=first.headers["ETag"])
    assert (again.status_code, again.content) == (304, b"")
    assert "private" in first.headers["Cache-Control"]
    assert "Authorization" in first.headers["Vary"]
    api.delete(f"{API}/decisions/{first.json()['results'][0]['id']}/")
    assert api.get(f"{API}/classifications/", HTTP_IF_NONE_MATCH=first.headers["ETag"]).status_code == 200
