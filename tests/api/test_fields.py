"""Answers hold only the requested fields and rows."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from tests.api_client import API, client_of, upload, vet
from triage.inference import worker

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("path", ["/spectra/", "/transients/", "/queue/", "/classifications/"])
def test_only_the_requested_fields_are_returned(reviewer: User, path: str) -> None:
    api = client_of(reviewer)
    vet(api, 1)
    upload(api, transient="waits", content=None)
    worker.process_backlog()
    name = "id" if path in ("/spectra/", "/classifications/") else "name" if path == "/transients/" else "transient"
    rows = api.get(f"{API}{path}?fields={name}").json()["results"]
    assert rows
    assert all(set(row) == {name} for row in rows)
    refused = api.get(f"{API}{path}?fields={name},nonsense")
    assert (refused.status_code, "nonsense" in refused.json()["detail"]) == (400, True)


def test_lists_can_be_filtered(reviewer: User) -> None:
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


def test_an_unchanged_answer_returns_304(reviewer: User) -> None:
    api = client_of(reviewer)
    vet(api, 1)
    first = api.get(f"{API}/classifications/")
    again = api.get(f"{API}/classifications/", HTTP_IF_NONE_MATCH=first.headers["ETag"])
    assert (again.status_code, again.content) == (304, b"")
    assert "private" in first.headers["Cache-Control"]
    assert "Authorization" in first.headers["Vary"]
    api.delete(f"{API}/decisions/{first.json()['results'][0]['id']}/")
    assert api.get(f"{API}/classifications/", HTTP_IF_NONE_MATCH=first.headers["ETag"]).status_code == 200
