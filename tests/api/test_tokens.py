"""Tokens allow only what they were made for."""

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

from tests.api_client import API, address, upload
from triage.inference import worker
from triage.models import ApiToken, Decision, Scope, Spectrum

pytestmark = pytest.mark.django_db


def with_token(user: User, *scopes: Scope, **more: Any) -> APIClient:
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Token {ApiToken.issue(user, 'test', scopes, **more)[1]}")
    return client


def test_a_read_only_token_cannot_change_anything(reviewer: User) -> None:
    api = with_token(reviewer)
    assert api.get(f"{API}/spectra/").status_code == 200
    refused = upload(api)
    assert (refused.status_code, refused.json()["code"]) == (403, "insufficient_scope")
    assert not Spectrum.objects.exists()


def test_an_upload_token_cannot_decide_and_a_decision_token_cannot_upload(reviewer: User) -> None:
    sender, decider = with_token(reviewer, Scope.UPLOAD), with_token(reviewer, Scope.DECIDE)
    assert upload(decider).status_code == 403
    spectrum = upload(sender, transient="X").json()
    worker.process_backlog()
    assert decider.post(f"{API}/spectra/{spectrum['id']}/reread/", {}).status_code == 403
    verdict = {"verdict": "override", "class_name": "TDE"}
    assert sender.post(f"{address('X')}decisions/", verdict).status_code == 403
    decided = decider.post(f"{address('X')}decisions/", verdict)
    assert decided.status_code == 201
    assert sender.delete(f"{API}/decisions/{decided.json()['id']}/").status_code == 403
    assert Decision.objects.count() == 1


def test_an_expired_token_is_refused(reviewer: User) -> None:
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


def test_the_command_can_make_a_read_only_token(reviewer: User, capsys: pytest.CaptureFixture[str]) -> None:
    call_command("issue_token", "reviewer", "--read-only", "--days", "7")
    token = ApiToken.objects.get()
    assert (token.may_upload, token.may_decide, token.expires_at is None) == (False, False, False)
    assert capsys.readouterr().out.strip()


def test_an_upload_token_corrects_spectra_and_no_transients(reviewer: User) -> None:
    sender, decider = with_token(reviewer, Scope.UPLOAD), with_token(reviewer, Scope.DECIDE)
    spectrum = upload(sender, transient="X").json()
    assert sender.patch(f"{API}/spectra/{spectrum['id']}/", {"instrument": "SEDM"}, format="json").status_code == 200
    refused = sender.patch(address("X"), {"host": "NGC 1"}, format="json")
    assert (refused.status_code, refused.json()["code"]) == (403, "insufficient_scope")
    assert decider.patch(address("X"), {"host": "NGC 2"}, format="json").json()["host"] == "NGC 2"
    [act] = decider.get(f"{address('X')}acts/").json()
    undo = f"{address('X')}acts/{act['id']}/undo/"
    assert sender.post(undo).status_code == 403
    assert decider.post(undo).status_code == 200
