"""Every refusal of the API is JSON with a code."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.utils import timezone
from rest_framework.test import APIClient

from tests.api_client import API, address, client_of, upload
from triage.models import ApiToken, Scope, Transient

pytestmark = pytest.mark.django_db

PROTECTED = ["/", "/spectra/", "/spectra/1/", "/transients/", "/transients/X/", "/queue/", "/classifications/"]


@pytest.fixture
def api(reviewer: User) -> APIClient:
    return client_of(reviewer)


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("/classifications/?since=soon", 400, "invalid"),
        ("/classifications/?since=soon&format=csv", 400, "invalid"),
        ("/classifications/?format=xml", 404, "not_found"),
        ("/queue/?cursor=nonsense", 404, "not_found"),
        ("/queue/?cursor=cD0=", 404, "not_found"),
        ("/transients/?cursor=cD1uYW4=", 404, "not_found"),
        ("/spectra/999/", 404, "not_found"),
        ("/transients/nobody/", 404, "not_found"),
        ("/nowhere/", 404, "not_found"),
    ],
)
def test_errors_are_returned_as_json_with_a_code(api: APIClient, path: str, status: int, code: str) -> None:
    answer = api.get(f"{API}{path}")
    assert answer.status_code == status
    assert answer["Content-Type"].startswith("application/json")
    assert answer.json()["code"] == code


def test_errors_for_wrong_methods_and_bodies_are_json_too(api: APIClient) -> None:
    assert api.put(f"{API}/queue/").json()["code"] == "method_not_allowed"
    upload(api, transient="X")
    broken = api.generic("POST", f"{address('X')}decisions/", "{", content_type="application/json")
    assert (broken.status_code, broken.json()["code"]) == (400, "parse_error")
    for held in ("[" * 100_000, '{"verdict": "\\ud800"}', '{"a\\u0000": 1}'):
        refused = api.generic("POST", f"{address('X')}decisions/", held, content_type="application/json")
        assert (refused.status_code, refused.json()["code"]) == (400, "parse_error")
    odd = api.generic("POST", f"{address('X')}decisions/", "<x/>", content_type="application/xml")
    assert (odd.status_code, odd.json()["code"]) == (415, "unsupported_media_type")


@pytest.mark.parametrize("path", PROTECTED)
def test_a_request_without_a_login_returns_401(path: str, db: None) -> None:
    answer = APIClient().get(f"{API}{path}")
    assert (answer.status_code, answer.json()["code"]) == (401, "not_authenticated")


def test_a_revoked_expired_or_unknown_token_returns_401(reviewer: User) -> None:
    token, key = ApiToken.issue(reviewer, "x", tuple(Scope))
    assert key not in {str(value) for value in ApiToken.objects.values().get().values()}
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Token {key}")
    assert client.get(f"{API}/queue/").status_code == 200
    for change in ({"revoked_at": timezone.now()}, {"revoked_at": None, "expires_at": timezone.now()}):
        ApiToken.objects.filter(pk=token.pk).update(**change)
        assert client.get(f"{API}/queue/").json()["code"] == "invalid_token"


def test_a_request_with_a_session_needs_the_csrf_token(reviewer: User) -> None:
    client = APIClient(enforce_csrf_checks=True)
    client.login(username="reviewer", password="a long password")
    assert client.get(f"{API}/queue/").status_code == 200
    assert upload(client).status_code == 403
    assert not Transient.objects.exists()


@pytest.mark.parametrize(
    "since", ["2026-02-30", "2026-13-45T00:00:00Z", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"]
)
def test_an_impossible_time_returns_400(api: APIClient, since: str) -> None:
    answer = api.get(f"{API}/classifications/", {"since": since})
    assert answer.status_code == 400
    assert answer.json()["code"] == "invalid"


@pytest.mark.parametrize(
    "path", ["/transients/%00/", "/classifications/?class_name=%00", "/classifications/?reviewer=%00"]
)
def test_a_nul_character_in_a_url_returns_400(api: APIClient, path: str) -> None:
    answer = api.get(API + path)
    assert answer.status_code == 400
    assert answer.json()["code"] == "invalid"


def test_an_oversized_request_body_is_refused_before_it_is_read(api: APIClient, settings: Any) -> None:
    settings.UPLOAD_MAX_BYTES = 1 << 20
    file = SimpleUploadedFile("big.txt", b"0" * (4 << 20))
    answer = api.post(f"{API}/spectra/", {"file": file}, format="multipart")
    assert answer.status_code == 413
    assert answer.json()["code"] == "too_large"
