"""Clients of the REST API, and the requests that most of its tests begin with."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from django.contrib.auth.models import User
from django.core.files.uploadedfile import SimpleUploadedFile
from rest_framework.test import APIClient

from tests.factories import spectrum_file
from triage.inference import worker
from triage.models import ApiToken, Scope

API = "/api/v1"


def client_of(user: User) -> APIClient:
    """Return a client that sends a new token of a user."""
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Token {ApiToken.issue(user, 'test', tuple(Scope))[1]}")
    return client


def session_client(user: User) -> APIClient:
    """Return a client in which a user is signed in, without a token."""
    client = APIClient()
    client.force_login(user)
    return client


def upload(api: APIClient, content: bytes | None = None, name: str = "a.txt", **fields: Any) -> Any:
    """Send a spectrum file, a simulated one by default, with the given form fields."""
    file = SimpleUploadedFile(name, spectrum_file() if content is None else content)
    return api.post(f"{API}/spectra/", {"file": file, **fields}, format="multipart")


def text_of(answer: Any) -> str:
    """Return the whole text of a streamed table."""
    return b"".join(answer.streaming_content).decode()


def address(name: str) -> str:
    """Return the URL of a transient."""
    return f"{API}/transients/{quote(name, safe='')}/"


def vet(api: APIClient, count: int) -> None:
    """Upload spectra of the transients =T0, =T1 … and decide on each: AGN for the first, TDE for the others."""
    for seed in range(count):
        upload(api, spectrum_file(seed=seed), transient=f"=T{seed}")
    worker.process_backlog()
    for seed in range(count):
        api.post(f"{address(f'=T{seed}')}decisions/", {"verdict": "override", "class_name": "TDE" if seed else "AGN"})
