"""Fixtures of the tests of other services."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from pytest_django.fixtures import Settings

from tests.fakes.skyportal import FakeSkyPortal
from triage.skyportal import client


@pytest.fixture(autouse=True)
def hurry(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """No waiting between requests, and hardly any after a failure."""
    settings.SKYPORTAL_REQUESTS_PER_SECOND = 10_000
    monkeypatch.setattr(client, "BACKOFF_SECONDS", 0.001)


@pytest.fixture
def fritz() -> Iterator[FakeSkyPortal]:
    with FakeSkyPortal(burst=10**6) as server:
        yield server
