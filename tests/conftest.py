"""Fixtures shared by all tests."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from django.contrib.auth.models import Group, User
from pytest_django.fixtures import Settings

from tests.backends import choose
from tests.fakes.skyportal import FakeSkyPortal
from triage.services.skyportal import client

SHARED = Path(__file__).resolve().parents[2] / "shared"

# Playwright runs an event loop in the test's thread, so Django would mistake the test for an asynchronous view.
os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"


def pytest_report_header() -> str:
    database, redis = choose()
    return f"database: {'Postgres' if database else 'SQLite'}, broker: {'Redis' if redis else 'filesystem'}"


@pytest.fixture
def make_user(db: None) -> Callable[..., User]:
    def make(name: str, *groups: str) -> User:
        user = User.objects.create_user(name, password="a long password")
        user.groups.set([Group.objects.get_or_create(name=group)[0] for group in groups])
        return user

    return make


@pytest.fixture
def reviewer(make_user: Callable[..., User]) -> User:
    return make_user("reviewer")


@pytest.fixture
def quick_skyportal(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let requests to SkyPortal follow each other at once, with hardly any wait after a failure."""
    settings.SKYPORTAL_REQUESTS_PER_SECOND = 10_000
    monkeypatch.setattr(client, "BACKOFF_SECONDS", 0.001)


@pytest.fixture
def fritz(quick_skyportal: None) -> Iterator[FakeSkyPortal]:
    """Start a SkyPortal that limits no requests."""
    with FakeSkyPortal(burst=10**6) as server:
        yield server


@pytest.fixture(scope="session")
def raw_files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Unpack the real files of the archive; skip the test if the archive does not lie beside the project."""
    archive = SHARED / "raw.tar.xz"
    if not archive.exists():
        pytest.skip(f"{archive} is not here")
    import tarfile

    folder = tmp_path_factory.mktemp("raw")
    with tarfile.open(archive) as opened:
        opened.extractall(folder, filter="data")
    return folder / "raw"
