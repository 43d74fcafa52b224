"""An upload that finds no room on the disk is refused with a code, and nothing of it is stored."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.files import temp
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from pytest_django.fixtures import Settings

from tests.api_client import client_of, session_client, upload
from tests.factories import spectrum_file
from triage.models import Original

pytestmark = pytest.mark.django_db

# Smaller files stay in memory.
LONG = spectrum_file() + b"# a remark\n" * 300_000


def make_missing(settings: Settings, monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    settings.FILE_UPLOAD_TEMP_DIR = folder / "missing"


def make_full(settings: Settings, monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    """Write to Linux's device that is always full."""
    write_to_full_device(monkeypatch, buffer=-1)


def make_full_at_the_end(settings: Settings, monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    """Write to it through a buffer that holds the whole file, so that only the last step fails."""
    write_to_full_device(monkeypatch, buffer=2 * len(LONG))


def write_to_full_device(monkeypatch: pytest.MonkeyPatch, buffer: int) -> None:
    def temporary_file(**unused: Any) -> Any:
        return Path("/dev/full").open("r+b", buffering=buffer)

    monkeypatch.setattr(temp, "NamedTemporaryFile", temporary_file)


@pytest.fixture(params=[make_missing, make_full, make_full_at_the_end])
def no_room(
    request: pytest.FixtureRequest, settings: Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Leave no room for a file that is received, in one of three ways."""
    request.param(settings, monkeypatch, tmp_path)


@pytest.mark.parametrize("login", [client_of, session_client])
@pytest.mark.usefixtures("no_room")
def test_the_api_refuses_a_file_that_has_no_room(login: Callable[[User], Any], reviewer: User) -> None:
    refused = upload(login(reviewer), LONG)
    assert (refused.status_code, refused.json()["code"]) == (507, "disk_full")
    assert not Original.objects.exists()


@pytest.mark.usefixtures("no_room")
def test_the_upload_page_says_that_there_is_no_room(reviewer: User) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(reviewer)
    client.get("/upload/")
    token = client.cookies["csrftoken"].value
    files = [SimpleUploadedFile("short.txt", spectrum_file(seed=2)), SimpleUploadedFile("long.txt", LONG)]
    refused = client.post("/upload/", {"spectra": files, "csrfmiddlewaretoken": token})
    assert refused.status_code == 507
    assert "no room to receive your files" in refused.content.decode()
    assert not Original.objects.exists()


def test_a_file_without_room_is_accepted_once_there_is_room(reviewer: User, settings: Settings, tmp_path: Path) -> None:
    settings.FILE_UPLOAD_TEMP_DIR = tmp_path / "later"
    assert upload(client_of(reviewer), LONG).status_code == 507
    (tmp_path / "later").mkdir()
    assert upload(client_of(reviewer), LONG).status_code == 202
    assert not any((tmp_path / "later").iterdir())


@pytest.mark.usefixtures("no_room")
def test_a_short_file_needs_no_room_on_the_disk(reviewer: User) -> None:
    assert upload(client_of(reviewer)).status_code == 202
